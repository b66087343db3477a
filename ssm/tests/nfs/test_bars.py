# SPDX-License-Identifier: Apache-2.0

"""What has to hold with real storage and real clients, as far as it is quick to show.

``benchmarks/nfs_bars.py`` measures at length.
"""

from __future__ import annotations

import itertools
import os
import signal
from typing import ClassVar

from ssm.common import exceptions
from ssm.common.findings import Finding
from ssm.drivers import base
from ssm.drivers.linux import pool
from ssm.drivers.linux.export.daemons import RUN
from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.nfs.case import GaneshaHooks, NfsCase
from ssm.tests.unit.drivers import harness
from ssm.tests.unit.drivers.linux.case import MigrationCase
from ssm.tests.world.footprint import Footprint

_MIB = 1 << 20


class TroubleCase(BtrfsPools, GaneshaHooks, harness.Harness, NfsCase):
    """A migration that gets into trouble: its source serves on, and nothing is left of it."""

    stub = MigrationCase.stub

    def setUp(self) -> None:
        super().setUp()
        self.footprint = Footprint(
            self.loops.path,
            self.loops.name,
            self.network.bridge,
            [place.path for place in self.pools.values()],
        )
        self.empty = self.footprint.look()
        self.migration = self.make_migration()
        self.before = self.footprint.look()

    def fill(self, size: int, name: str) -> None:
        """Write a file of some MiB to the first share, as quickly as no client could."""
        share = self.migration.shares[0]['name']
        path = self.place(self.migration.source).data(share)
        (path / name).write_bytes(os.urandom(_MIB) * size)

    def kill(self, server: str) -> None:
        """Kill the NFS server of the ``source`` or the ``destination``."""
        namespace = self.namespace(getattr(self.migration, server))
        _bus, (pid, _start) = pool.read_json(RUN / namespace / 'daemons.json')
        os.kill(pid, signal.SIGKILL)

    def report(self) -> None:
        """What the services of both back ends do now and then."""
        for driver in self.drivers.values():
            driver.get_share_stats()

    def refused(self, step: str) -> Finding:
        """The reason why a step is refused."""
        with self.assertRaises(exceptions.DriverRefused) as caught:
            self.finish(self.migration, step)
        return caught.exception.findings[0]

    def expect_source(self) -> None:
        """Clients can write to it; after a restart they have to wait for a while."""
        self.assert_served(self.migration, source=True)

    def expect_nothing_left(self) -> None:
        """All is as before the migration once it is cancelled, and gone with the servers."""
        self.expect_source()
        self.step(self.migration, 'cancel')
        self.expect_source()
        self.assertEqual(self.before, self.footprint.look())
        for stanza, server in (
            (harness.DESTINATION, self.migration.destination),
            (harness.SOURCE, self.migration.source),
        ):
            self._teardown(stanza, server)
        self.assertEqual(self.empty, self.footprint.look())


class FullTest(TroubleCase):
    """The destination runs full."""

    pool_sizes: ClassVar[dict[str, int]] = {harness.DESTINATION: 1024 * _MIB}

    def test_in_the_first_phase(self) -> None:
        self.fill(950, 'large')
        self.step(self.migration, 'start')
        self.assertEqual('destination_full', self.refused('continue').code)
        self.expect_nothing_left()

    def test_in_the_last_pass(self) -> None:
        self.fill(30, 'large')
        self.run_to(self.migration, 'refresh')
        self.fill(950, 'larger')
        self.assertEqual('destination_full', self.refused('fence').code)
        self.expect_nothing_left()


class CutTest(TroubleCase):
    """The worker is killed whenever it receives, or its connection is cut."""

    def cut(self, step: str, program: str, script: str) -> None:
        self.stub(f'[ "$2" = {program} ] || exec "$REAL" "$@"\n{script}')
        if step == 'continue':
            self.step(self.migration, 'start')
        self.assertEqual('worker_failed', self.refused(step).code)
        self.expect_nothing_left()

    def test_worker_in_the_first_phase(self) -> None:
        self.cut('continue', 'receive', 'kill -9 $PPID')

    def test_worker_in_the_last_pass(self) -> None:
        self.run_to(self.migration, 'refresh')
        self.cut('fence', 'receive', 'kill -9 $PPID')

    def test_connection_in_the_last_pass(self) -> None:
        """Clients are not held up for ever: each try of the engine counts."""
        self.run_to(self.migration, 'refresh')
        self.fill(1, 'late')
        attempts = itertools.count(1)
        self.migration.token = lambda epoch=None: base.Token(  # type: ignore[method-assign]
            self.migration.id, epoch or self.migration.epoch, next(attempts)
        )
        self.cut('fence', 'send', '"$REAL" "$@" | head -c 5000; exit 1')


class KilledTest(TroubleCase):
    """An NFS server is killed."""

    def test_source_in_the_first_phase(self) -> None:
        self.step(self.migration, 'start')
        self.kill('source')
        self.finish(self.migration, 'continue')
        self.report()
        self.expect_nothing_left()

    def test_source_and_destination_before_the_cut_over(self) -> None:
        self.judge.write(self.location(self.migration.shares[0]), 'data', 'written')
        self.run_to(self.migration, 'refresh')
        self.kill('source')
        self.finish(self.migration, 'fence')
        self.report()
        self.assert_served(self.migration)
        self.kill('destination')
        self.migration.move(self.finish(self.migration, 'complete'))
        self.assert_served(self.migration, destination=True)
        location = self.location(self.migration.moved[0])
        self.assertEqual('written', self.judge.read(location, 'data'))

    def test_destination_in_the_first_phase(self) -> None:
        self.kill('destination')
        self.run_to(self.migration, 'refresh')
        self.report()
        self.expect_nothing_left()
