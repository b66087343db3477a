# SPDX-License-Identifier: Apache-2.0

"""The worker process: it dies, is slow, is too late, runs out of space."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import time
import unittest

from ssm.common import exceptions
from ssm.drivers import base
from ssm.drivers.linux import command, pool, process
from ssm.drivers.linux.worker import STALE
from ssm.tests.unit.drivers import harness, kit
from ssm.tests.unit.drivers.linux.case import MigrationCase

SLOW = 'exec "$REAL" --bwlimit=500k "$@"'
FULL = 'echo \'rsync: [receiver] write failed on "x": No space left on device (28)\' >&2; exit 11'


class WorkerTest(MigrationCase):
    """What becomes of the work."""

    def slow_migration(self) -> kit.Migration:
        """One that copies for long; returns when rsync is at work."""
        self.stub(SLOW)
        migration = self.migration_of()
        (self.source(migration) / 'small').write_text('small')
        (self.source(migration) / 'zbig').write_bytes(os.urandom(5_000_000))
        self.step(migration, 'start')
        worker = self.worker(migration)
        self.until(lambda: len(self.group(worker)) > 2)
        return migration

    @staticmethod
    def group(worker: dict[str, int]) -> list[int]:
        """Living processes of a worker's group."""
        found = ((pid, process.status(pid)) for pid in process.pids())
        return [pid for pid, s in found if s and s.group == worker['pgid'] and s.state != 'Z']

    def fast_again(self) -> None:
        self.stub('exec "$REAL" "$@"')

    def test_killed_in_the_middle_goes_on_under_a_higher_epoch(self) -> None:
        migration = self.slow_migration()
        worker = self.worker(migration)
        os.kill(worker['pid'], signal.SIGKILL)
        self.fast_again()
        self.crash(migration)
        self.assertFalse(self.finish(migration, 'start'))
        # rsync outlived its parent, but not the takeover
        self.assertEqual([], self.group(worker))
        self.assertEqual(2, self.worker(migration)['epoch'])
        self.assert_complete(migration, self.run_to(migration, 'complete'))
        self.assert_equal_trees(self.closed(migration), self.target(migration))

    def test_killed_under_the_same_service_is_started_again(self) -> None:
        migration = self.slow_migration()
        self.fast_again()
        os.kill(self.worker(migration)['pid'], signal.SIGKILL)
        self.finish(migration, 'continue')

    def test_dies_too_often(self) -> None:
        migration = self.migration_of()
        self.stub('kill -9 $PPID; sleep 1')
        self.step(migration, 'start')
        finding = self.refused(migration, 'continue')
        self.assertEqual('worker_failed', finding.code)
        self.assertIn('died', finding.message)
        self.fast_again()
        self.finish(migration, 'start')
        self.finish(migration, 'continue')

    def test_temporary_errors_are_tried_again_then_refused(self) -> None:
        migration = self.migration_of()
        self.stub('echo "rsync: connection lost" >&2; exit 12')
        self.step(migration, 'start')
        driver = self.drivers[harness.DESTINATION]
        reasons = []
        while len(reasons) < 3:
            try:
                self.assertFalse(self.once(driver, migration))
                time.sleep(self.pause)
            except exceptions.DriverBusy as busy:
                reasons.append(busy.message)
        self.assertIn('connection lost', reasons[0])
        self.assertIn('connection lost', self.refused(migration, 'continue').message)

    def once(self, driver: base.ShareDriver, migration: kit.Migration) -> bool:
        return driver.share_server_migration_continue(
            self.context,
            migration.source,
            migration.destination,
            migration.shares,
            migration.snapshots,
            migration.token(),
        )

    def test_full_destination_is_refused_with_figures(self) -> None:
        migration = self.migration_of()
        self.stub(FULL)
        self.step(migration, 'start')
        finding = self.refused(migration, 'continue')
        self.assertEqual('destination_full', finding.code)
        self.assertIn('GiB', finding.message)
        self.step(migration, 'cancel')
        self.assert_served(migration, source=True)

    @unittest.skipUnless(os.geteuid() == 0, 'mounting needs root')
    def test_really_full_destination(self) -> None:
        path = self.pools[harness.DESTINATION].path
        mounted = ['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', str(path)]
        if subprocess.run(mounted, check=False, capture_output=True).returncode:
            self.skipTest('mounting is not permitted here')
        self.addCleanup(subprocess.run, ['umount', '-l', str(path)], check=False)
        self.restart(harness.DESTINATION)
        migration = self.migration_of(shares=2)
        for number in range(2):
            for name in range(40):
                (self.source(migration, number) / f'{name}').write_bytes(os.urandom(50_000))
        self.step(migration, 'start')
        self.assertEqual('destination_full', self.refused(migration, 'continue').code)
        self.step(migration, 'cancel')
        self.assertFalse(self.place(migration).path.exists())
        self.assert_served(migration, source=True)

    def test_cancel_ends_the_copy_and_removes_it(self) -> None:
        migration = self.slow_migration()
        worker = self.worker(migration)
        self.step(migration, 'cancel')
        self.assertEqual([], self.group(worker))
        self.assertFalse(self.place(migration).path.exists())
        self.assertEqual('small', (self.source(migration) / 'small').read_text())

    def test_slow_step_is_stopped_and_undone(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'continue')
        self.stub('sleep 30')
        self.drivers[harness.DESTINATION] = self.make_linux(
            harness.DESTINATION, linux_step_timeout=2
        )
        with self.assertRaises(exceptions.DriverBusy):
            self.deadline = 0.0
            self.step(migration, 'fence')
        self.assert_served(migration, source=True)
        self.assertFalse(self.sleeping(migration))

    def sleeping(self, migration: kit.Migration) -> bool:
        """Whether a process of a worker of this test is left; they know its stub of rsync."""
        wanted = {
            f'{process.MARK}={process.mark(migration.id, migration.epoch)}',
            f'PATH={os.environ["PATH"]}',
        }
        for pid in process.pids():
            with contextlib.suppress(OSError):
                environment = pathlib.Path('/proc', str(pid), 'environ').read_bytes()
                if wanted <= set(os.fsdecode(environment).split('\0')):
                    return True
        return False

    def test_killed_in_the_fence_is_resumed(self) -> None:
        migration = self.migration_of()
        (self.source(migration) / 'file').write_text('x')
        self.run_to(migration, 'continue')
        once = pathlib.Path(self.state_path, 'once')
        self.stub(f'[ -e {once} ] && exec "$REAL" "$@"; touch {once}; kill -9 $PPID; sleep 9')
        self.finish(migration, 'fence')
        self.assert_served(migration)
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_source_opens_again_when_the_worker_is_silent(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'continue')
        self.drivers[harness.DESTINATION] = self.make_linux(
            harness.DESTINATION, linux_fence_lease=2, linux_step_timeout=60
        )
        self.stub('kill -STOP $PPID; "$REAL" "$@"')
        source = self.pools[harness.SOURCE].server(migration.source['identifier'])
        with concurrent.futures.ThreadPoolExecutor() as executor:
            closing = executor.submit(self.finish, migration, 'fence')
            self.until(source.fence)
            self.until(lambda: source.fence() is None)
            (self.source(migration) / 'meanwhile').write_text('x')
            self.fast_again()
            os.kill(self.worker(migration)['pid'], signal.SIGCONT)
            closing.result()
        self.assertIn('opened again', self.place(migration).log_file.read_text())
        self.assert_complete(migration, self.finish(migration, 'complete'))
        self.assertEqual('x', (self.target(migration) / 'meanwhile').read_text())

    def test_first_phase_comes_first(self) -> None:
        migration = self.slow_migration()
        for step in ('refresh', 'fence'):
            self.assertEqual('first_phase_not_over', self.refused(migration, step).code)
        self.assertEqual('not_fenced', self.refused(migration, 'complete').code)
        self.assert_served(migration, source=True)

    def test_cancel_without_the_stanza_of_the_source(self) -> None:
        migration = self.migration_of()
        migration.source['host'] = 'node1@gone'
        self.assertEqual('source_stanza_missing', self.refused(migration, 'start').code)
        self.step(migration, 'cancel')

    def test_teardown_ends_and_removes_migrations_into_the_server(self) -> None:
        migration = self.slow_migration()
        worker = self.worker(migration)
        driver = self.drivers[harness.DESTINATION]
        driver.teardown_server(self.context, migration.destination, [])
        self.assertEqual([], self.group(worker))
        place = self.place(migration)
        self.assertFalse(place.path.exists() or place.guard.exists())


class TakeoverTest(MigrationCase):
    """Pids are used again; only the process of the record may be ended."""

    def test_another_process_with_the_pid_lives(self) -> None:
        bystander = subprocess.Popen(['sleep', '60'], start_new_session=True)
        self.addCleanup(bystander.wait)
        self.addCleanup(bystander.kill)
        migration = self.migration_of()
        place = self.place(migration)
        place.prepare()
        found = process.status(bystander.pid)
        assert found is not None
        record = {'pid': bystander.pid, 'pgid': found.group, 'start': found.start - 1}
        pool.write_json(place.worker_file, record | {'epoch': 0, 'step': 'copy'})
        self.step(migration, 'start')
        self.finish(migration, 'continue')
        self.assertIsNone(bystander.poll())

    def test_worker_of_an_old_epoch_leaves_without_work(self) -> None:
        migration = self.migration_of()
        migration.epoch = 5
        self.run_to(migration, 'continue')
        place = self.place(migration)
        place.drop_result('copy')
        pool_path = str(self.pools[harness.DESTINATION].path)
        argv = [*command.python('ssm.drivers.linux.worker'), pool_path, migration.id, 'copy', '4']
        late = command.Commands().start(argv, stderr=subprocess.DEVNULL)
        self.assertEqual(STALE, late.wait())
        self.assertIsNone(place.result('copy'))
