# SPDX-License-Identifier: Apache-2.0

"""Whole migrations between machines, and what is left: nothing."""

from __future__ import annotations

import os
import pathlib
import time
from typing import Any, ClassVar

from ssm.tests import base
from ssm.tests.ssh.case import SshBtrfsCase, SshDirectoryCase
from ssm.tests.unit.drivers import harness
from ssm.tests.unit.drivers.linux import test_migration
from ssm.tests.world import data

MIB = 1 << 20


@base.only_full
class BtrfsTest(SshBtrfsCase):
    """By send and receive."""

    def test_everything_arrives_with_its_snapshots(self) -> None:
        migration = self.filled(shares=2)
        self.assertEqual({}, self.check(migration))
        self.run_to(migration, 'continue')
        data.change(self.source(migration, 1), 7)
        self.finish(migration, 'refresh')
        (self.source(migration) / 'last').write_text('change')
        self.finish(migration, 'fence')
        answer = self.finish(migration, 'complete')
        self.assert_arrived(migration, answer)
        self.until(lambda: not self.machines.running())

    def test_compressed_by_a_restricted_key(self) -> None:
        place = self.mounted(harness.SOURCE)
        forced = f'{self.agent} --pool {place} --for \\"$SSH_ORIGINAL_COMMAND\\"'
        self.machines.authorize(f'command="{forced}",restrict')
        self.change(linux_compression=3)
        migration = self.filled()
        self.assertEqual({}, self.check(migration))
        self.assert_arrived(migration, self.run_to(migration, 'complete'))
        self.machines.authorize(f'command="{self.agent} --pool /nowhere",restrict')
        self.assertIn('not in the pool /nowhere', self.check(migration)['source_agent_failed'])

    def test_rate_is_limited(self) -> None:
        self.change(linux_rate_limit=4)
        migration = self.migration_of()
        (self.source(migration) / 'file').write_bytes(os.urandom(8 * MIB))
        begun = time.monotonic()
        self.run_to(migration, 'continue')
        self.assertGreater(time.monotonic() - begun, 1.8)
        self.assertLess(self.step(migration, 'get_progress')['rate'], 5 * MIB)

    def test_nothing_is_left_after_cancel(self) -> None:
        migration = self.filled()
        before = self.subvolumes()
        for number, last in enumerate(('start', 'refresh', 'fence')):
            self.run_to(migration, last)
            self.step(migration, 'cancel')
            self.assert_served(migration, source=True)
            self.assertEqual(before, self.subvolumes(), last)
            self.until(lambda: not self.machines.running())
            migration.id = f'again-{number}'


@base.only_full
class ImageTest(SshBtrfsCase):
    """By one file for all shares."""

    options: ClassVar[dict[str, Any]] = {'linux_storage': 'image', 'linux_image_size': 2}

    def test_everything_arrives_by_a_restricted_key(self) -> None:
        place = self.mounted(harness.SOURCE)
        forced = f'{self.agent} --pool {place} --for \\"$SSH_ORIGINAL_COMMAND\\"'
        self.machines.authorize(f'command="{forced}",restrict')
        migration = self.filled(shares=2)
        self.assertEqual({'clients_are_disrupted'}, set(self.check(migration)))
        self.run_to(migration, 'refresh')
        (self.source(migration) / 'last').write_text('change')
        originals = [self.source(migration), self.source(migration, 1)]
        originals += [pathlib.Path(s['provider_location'] or '') for s in migration.snapshots]
        before = [data.manifest(path) for path in originals]
        self.finish(migration, 'fence')
        answer = self.finish(migration, 'complete')
        copies = [self.target(migration), self.target(migration, 1)]
        updates = answer['snapshot_updates']
        copies += [pathlib.Path(updates[s['id']]['provider_location']) for s in migration.snapshots]
        for known, copy in zip(before, copies, strict=True):
            self.assertEqual([], data.differences(known, data.manifest(copy)))


@base.only_full
class DirectoryTest(SshDirectoryCase):
    """By rsync."""

    def test_everything_arrives_by_a_restricted_key(self) -> None:
        place = self.pools[harness.SOURCE].path
        forced = f'{self.agent} --pool {place} --for \\"$SSH_ORIGINAL_COMMAND\\"'
        self.machines.authorize(f'command="{forced}",restrict')
        self.change(linux_compression=1, linux_rate_limit=50)
        migration = self.migration_of()
        test_migration.fill(self.source(migration))
        migration.snapshots = [self.make_snapshot(migration.source, migration.shares[0])]
        self.assertEqual({'snapshot_not_atomic'}, set(self.check(migration)))
        self.run_to(migration, 'refresh')
        (self.source(migration) / 'last').write_text('change')
        self.finish(migration, 'fence')
        answer = self.finish(migration, 'complete')
        self.assert_equal_trees(self.closed(migration), self.target(migration))
        snapshot = migration.snapshots[0]
        copy = answer['snapshot_updates'][snapshot['id']]['provider_location']
        original = pathlib.Path(snapshot['provider_location'] or '')
        self.assert_equal_trees(original, pathlib.Path(copy))
