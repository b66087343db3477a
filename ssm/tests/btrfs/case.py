# SPDX-License-Identifier: Apache-2.0

"""What the tests on btrfs pools share."""

from __future__ import annotations

import pathlib
from typing import Any, ClassVar

from ssm.tests.btrfs import pools
from ssm.tests.unit.drivers import harness, kit
from ssm.tests.unit.drivers.linux.case import MigrationCase
from ssm.tests.world import data


class BtrfsPools:
    """Mix-in: the pools of alpha and beta are btrfs file systems of their own."""

    options: ClassVar[dict[str, Any]] = {'linux_storage': 'btrfs'}
    program = 'btrfs'
    pool_sizes: ClassVar[dict[str, int]] = {}
    """Bytes, of pools that are not of the usual size."""

    loops: pools.LoopPools

    def make_pool(self, stanza: str) -> pathlib.Path:
        if not hasattr(self, 'loops'):
            self.loops = self.useFixture(pools.LoopPools())  # type: ignore[attr-defined]
        return self.loops.make(stanza, size=self.pool_sizes.get(stanza, 3 * pools.GIB))


class BtrfsCase(BtrfsPools, MigrationCase):
    """One source with shares to fill, and the means to break what works on it."""

    def mounted(self, stanza: str) -> pathlib.Path:
        """Where a pool is mounted."""
        return self.pools[stanza].path

    def subvolumes(self) -> list[str]:
        """Of both pools."""
        return [
            f'{stanza}:{path}'
            for stanza in (harness.SOURCE, harness.DESTINATION)
            for path in pools.subvolumes(self.mounted(stanza))
        ]

    def filled(self, *, shares: int = 1, snapshots: int = 2, large: int = 4) -> kit.Migration:
        """A migration of shares with all that is hard to copy, and snapshots of the first.

        :param large: MiB of the largest file
        """
        migration = self.migration_of(shares=shares)
        for number in range(shares):
            data.hard_to_copy(self.source(migration, number), large, 16)
        for round_ in range(snapshots):
            data.change(self.source(migration), round_)
            snapshot = self.make_snapshot(migration.source, migration.shares[0])
            migration.snapshots.append(snapshot)
        return migration

    def assert_kept(self, source: pathlib.Path, copy: pathlib.Path) -> None:
        """Everything of a tree that a copy has to keep."""
        self.assert_equal_trees(source, copy)
        self.assertEqual([], data.differences(data.manifest(source), data.manifest(copy)))

    def assert_arrived(self, migration: kit.Migration, answer: dict[str, Any]) -> None:
        """All shares, and all snapshots, which are read-only."""
        for number in range(len(migration.shares)):
            self.assert_kept(self.closed(migration, number), self.target(migration, number))
        for snapshot in migration.snapshots:
            update = answer['snapshot_updates'][snapshot['id']]
            copy = pathlib.Path(update['provider_location'])
            self.assert_kept(pathlib.Path(snapshot['provider_location'] or ''), copy)
            self.assertRaises(OSError, (copy / 'new').touch)
