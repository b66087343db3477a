# SPDX-License-Identifier: Apache-2.0

"""Migrations from pool to pool: what arrives, what is refused, what is left (nothing)."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

from ssm.common import exceptions
from ssm.common.findings import Finding
from ssm.drivers.linux import btrfs, pool, process
from ssm.tests import base
from ssm.tests.btrfs import pools
from ssm.tests.btrfs.case import BtrfsCase, BtrfsPools
from ssm.tests.unit.drivers import harness, kit
from ssm.tests.unit.drivers.linux import test_migration
from ssm.tests.world import data

MIB = 1 << 20

_CUT_OFF = 'echo "ERROR: cut off" >&2; exit 1'

_OVERWRITE = """\
import os, sys
block = os.urandom(1 << 20)
with open(sys.argv[1], 'r+b', buffering=0) as file:
    while True:
        for _ in range(64):
            file.write(block)
        file.seek(0)
"""


@base.only_full
class ClientsTest(BtrfsPools, test_migration.ClientsTest):
    """Writers lose nothing."""


@base.only_full
class FenceTest(BtrfsPools, test_migration.FenceTest):
    """Whoever has a way in, to a subvolume of its own device number."""


@base.only_full
class ContentTest(BtrfsCase):
    """What arrives."""

    def test_everything_arrives_with_its_snapshots(self) -> None:
        migration = self.filled(shares=2, snapshots=3)
        everything = self.source(migration) / 'more'
        everything.mkdir()
        test_migration.fill(everything)
        self.run_to(migration, 'continue')
        (self.source(migration) / 'large.bin').open('r+b').write(b'changed in place')
        data.change(self.source(migration, 1), 7)
        self.finish(migration, 'refresh')
        (self.source(migration) / 'last').write_text('change')
        self.source(migration, 1).chmod(0o500)
        self.finish(migration, 'fence')
        answer = self.finish(migration, 'complete')
        self.assert_arrived(migration, answer)
        target = self.target(migration)
        self.assertTrue((target / 'large.bin').samefile(target / 'hard link to large.bin'))
        self.assertLess((target / 'sparse.img').stat().st_blocks * 512, MIB)
        self.assertEqual(pools.GIB, pools.limit(target))
        (target / 'writable').touch()

    def test_time_of_the_top_is_kept_whatever_is_made_below(self) -> None:
        """Receive makes each new file in the top and moves it to its place, which sets the time."""
        migration = self.migration_of()
        source = self.source(migration)
        for number in range(300):
            (source / f'{number % 100}').mkdir(exist_ok=True)
            (source / f'{number % 100}' / f'file{number}').touch()
        for _ in range(2):
            (source / '0' / os.urandom(4).hex()).touch()
            snapshot = self.make_snapshot(migration.source, migration.shares[0])
            migration.snapshots.append(snapshot)
        self.run_to(migration, 'continue')
        for step in ('refresh', 'fence'):
            (source / '0' / step).touch()
            self.finish(migration, step)
        self.assert_arrived(migration, self.finish(migration, 'complete'))

    def test_nothing_is_left_but_shares_and_snapshots(self) -> None:
        migration = self.filled(shares=2)
        before = self.subvolumes()
        self.run_to(migration, 'complete')
        new = set(self.subvolumes()) - set(before)
        names = {share['name'] for share in migration.shares}
        names |= {snapshot['name'] for snapshot in migration.snapshots}
        here = {path.rpartition('/')[2] for path in new if path.startswith(harness.DESTINATION)}
        self.assertEqual(names, here)
        # at the source the shares are closed, and that is all
        self.assertEqual(len(before) + len(names), len(self.subvolumes()))
        self._teardown(harness.SOURCE, migration.source)
        self.assertEqual(len(names), len(self.subvolumes()))
        self._teardown(harness.DESTINATION, migration.destination)
        self.assertEqual([], self.subvolumes())

    def test_there_and_back(self) -> None:
        """What was received once has another identity than its own."""
        migration = self.filled()
        answer = self.run_to(migration, 'complete')
        (self.target(migration) / 'there').write_text('written at the destination')
        wanted = data.manifest(self.target(migration))
        self.swap()
        destination, info = self.make_server(
            harness.DESTINATION, destination_of=migration.destination
        )
        snapshots = [
            snapshot
            | {'provider_location': answer['snapshot_updates'][snapshot['id']]['provider_location']}
            for snapshot in migration.snapshots
        ]
        source = migration.destination | {'host': f'node1@{harness.SOURCE}'}
        back = kit.Migration('back', source, destination, migration.moved, snapshots, info)
        self.assert_arrived(back, self.run_to(back, 'complete'))
        self.assertEqual([], data.differences(wanted, data.manifest(self.target(back))))

    def swap(self) -> None:
        """From now on the destination is the source."""
        there, here = harness.SOURCE, harness.DESTINATION
        self.pools = {there: self.pools[here], here: self.pools[there]}
        for stanza in self.pools:
            self.restart(stanza)

    def path(self, server: Any, share: Any) -> pathlib.Path:
        """Servers are found wherever they are, as pools change places."""
        for found in self.pools.values():
            place = found.server(server['identifier'])
            if place.path.exists():
                return place.share(share['name'])
        return super().path(server, share)

    def test_progress_tells_bytes(self) -> None:
        migration = self.migration_of(shares=2)
        (self.source(migration) / 'file').write_bytes(os.urandom(3 * MIB))
        migration.snapshots = [self.make_snapshot(migration.source, migration.shares[0])]
        (self.source(migration, 1) / 'file').write_bytes(os.urandom(2 * MIB))
        self.run_to(migration, 'continue')
        progress = self.step(migration, 'get_progress')
        self.assertEqual((100, 5 * MIB), (progress['total_progress'], progress['bytes_total']))
        self.assertEqual(5 * MIB, progress['bytes_done'])
        self.assertGreater(progress['rate'], 0)
        self.assertGreater(progress['predicted_downtime'], 0)
        (self.source(migration) / 'file').write_bytes(os.urandom(MIB))
        self.finish(migration, 'refresh')
        dirty = self.step(migration, 'get_progress')['dirty_bytes']
        self.assertTrue(MIB <= dirty < 1.1 * MIB, dirty)


@base.only_full
class RefusalTest(BtrfsCase):
    """What is refused or said, with figures."""

    def test_nested_subvolumes(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'continue')
        inner = self.source(migration) / 'inner'
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', str(inner)], check=True)
        for step in ('refresh', 'fence'):
            finding = self.refused(migration, step)
            self.assertEqual('nested_subvolumes', finding.code)
            self.assertIn('inner', finding.message)
            self.assert_served(migration, source=True)

    def broken(self, once: str) -> kit.Migration:
        """A migration that is through its first phase; the copies to come have no content."""
        migration = self.migration_of()
        file = self.source(migration) / 'file'
        file.write_bytes(os.urandom(MIB))
        self.run_to(migration, once)
        file.write_bytes(os.urandom(MIB))
        self.stub(
            '[ "$2" = send ] && { shift 2; exec "$REAL" send --no-data "$@"; }; exec "$REAL" "$@"'
        )
        return migration

    def assert_wrong_content(self, finding: Finding) -> None:
        self.assertEqual('verification_failed', finding.code)
        self.assertRegex(finding.message, "'file' differs in .*content")

    def test_budget_that_can_not_be_reached(self) -> None:
        """The first phase ends all the same, and says so with figures."""
        self.drivers[harness.DESTINATION] = self.make_linux(
            harness.DESTINATION, migration_downtime_budget=0.4
        )
        migration = self.migration_of()
        file = self.source(migration) / 'file'
        file.write_bytes(os.urandom(64 * MIB))
        self.run_beside(_OVERWRITE, str(file))
        self.run_to(migration, 'continue')
        (finding,) = self.step(migration, 'get_progress')['findings']
        self.assertEqual('budget_unreachable', finding.code)
        self.assertRegex(finding.message, r'Clients change [\d.]+ MiB/s of share share-\d+')
        self.assertIn('the budget is 0.4 s', finding.message)

    def run_beside(self, program: str, *arguments: str) -> None:
        """A client, as a process: a green thread that never waits would have all the time."""
        client = subprocess.Popen([sys.executable, '-c', program, *arguments])
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)

    def test_wrong_content_of_what_changed_last(self) -> None:
        migration = self.broken('continue')
        self.assert_wrong_content(self.refused(migration, 'fence'))
        self.assert_served(migration, source=True)
        self.stub('exec "$REAL" "$@"')
        self.run_to(migration, 'complete')
        self.assert_kept(self.closed(migration), self.target(migration))

    def test_wrong_content_of_what_changed_before(self) -> None:
        migration = self.broken('continue')
        self.finish(migration, 'refresh')
        self.drivers[harness.DESTINATION] = self.make_linux(
            harness.DESTINATION, linux_verify_all=True
        )
        self.assert_wrong_content(self.refused(migration, 'fence'))

    def test_wrong_content_in_the_first_phase(self) -> None:
        self.stub(
            '[ "$2" = send ] && { shift 2; exec "$REAL" send --no-data "$@"; }; exec "$REAL" "$@"'
        )
        for snapshots in (0, 1):
            migration = self.migration_of()
            (self.source(migration) / 'file').write_bytes(os.urandom(MIB))
            if snapshots:
                made = self.make_snapshot(migration.source, migration.shares[0])
                migration.snapshots = [made]
            self.step(migration, 'start')
            self.assert_wrong_content(self.refused(migration, 'continue'))

    def test_copy_that_was_received_from_something_else(self) -> None:
        self.stub(
            '[ "$2" = receive ] || exec "$REAL" "$@"\n'
            '"$REAL" "$@" || exit 1\n'
            'for copy in "$3"/*; do "$REAL" property set -f "$copy" ro false; done'
        )
        migration = self.migration_of()
        self.step(migration, 'start')
        finding = self.refused(migration, 'continue')
        self.assertEqual('verification_failed', finding.code)
        self.assertIn('from nowhere', finding.message)


@base.only_full
class CancelTest(BtrfsCase):
    """Nothing is left of a copy."""

    def test_cancel_at_each_point(self) -> None:
        migration = self.filled(shares=2)
        before = self.subvolumes()
        for number, last in enumerate(('continue', 'refresh', 'fence')):
            self.run_to(migration, last)
            self.assertGreater(len(self.subvolumes()), len(before))
            self.step(migration, 'cancel')
            self.assert_served(migration, source=True)
            self.assertEqual(before, self.subvolumes(), last)
            self.assertEqual([], os.listdir(self.pools[harness.DESTINATION].migrations))
            migration.id = f'migration-again-{number}'

    def test_destination_torn_down_in_the_middle(self) -> None:
        migration = self.filled()
        before = self.subvolumes()
        self.run_to(migration, 'refresh')
        self._teardown(harness.DESTINATION, migration.destination)
        self.assertEqual(before, self.subvolumes())

    def test_rounds_that_were_left_at_the_source_go_with_the_next_migration(self) -> None:
        migration = self.migration_of()
        sent = self.pools[harness.SOURCE].server(migration.source['identifier']).sent
        left = sent / 'forgotten' / migration.shares[0]['name']
        left.mkdir(parents=True)
        source = str(self.source(migration))
        subprocess.run(
            ['btrfs', '-q', 'subvolume', 'snapshot', '-r', source, str(left / '1')], check=True
        )
        self.run_to(migration, 'continue')
        self.assertEqual([migration.id], os.listdir(sent))


@base.only_full
class WorkerTest(BtrfsCase):
    """The worker is killed and somebody goes on."""

    def killed_at(self, number: int) -> None:
        """Kill whoever receives for the n-th time, with a part of it on the disk."""
        count = pathlib.Path(self.state_path, 'count')
        count.write_text('')
        self.stub(
            f'[ "$2" = receive ] || exec "$REAL" "$@"\n'
            f'echo >>{count}\n'
            f'[ $(wc -l <{count}) = {number} ] || exec "$REAL" "$@"\n'
            f'head -c 500 | "$REAL" "$@"\n'
            f'kill -9 $PPID; exec sleep 5'
        )

    def assert_goes_on(self, migration: kit.Migration, first: str = 'start') -> None:
        """Finish what a killed worker left, from a step on."""
        self.crash(migration)
        for step in kit.STEPS[kit.STEPS.index(first) :]:
            answer = self.finish(migration, step)
        self.assert_complete(migration, answer)
        self.assert_arrived(migration, answer)
        guard = self.pools[harness.DESTINATION].migration(migration.id)
        self.assertFalse(guard.path.exists())

    def test_killed_while_the_first_snapshot_arrives(self) -> None:
        self.kill_in_first_phase(1, parts=1)

    def test_killed_while_the_second_snapshot_arrives(self) -> None:
        self.kill_in_first_phase(2, parts=1)

    def test_killed_while_the_share_arrives(self) -> None:
        self.kill_in_first_phase(3, parts=1)

    def test_killed_when_a_round_had_arrived(self) -> None:
        self.kill_in_first_phase(5, parts=0)

    def kill_in_first_phase(self, number: int, *, parts: int) -> None:
        migration = self.filled()
        (self.source(migration) / 'late').write_bytes(os.urandom(MIB))
        self.killed_at(number)
        self.step(migration, 'start')
        worker = self.worker(migration)
        self.until(lambda: not process.alive(worker['pid'], worker['start']))
        received = btrfs.subvolumes(self.place(migration).copy)
        self.assertEqual(parts, len([p for p in received if not btrfs.info(p).received]))
        self.assert_goes_on(migration)

    def test_killed_in_the_fence(self) -> None:
        migration = self.filled()
        self.run_to(migration, 'refresh')
        (self.source(migration) / 'late').write_bytes(os.urandom(MIB))
        self.killed_at(1)
        self.finish(migration, 'fence')  # which is repeated
        self.assert_served(migration)
        self.assert_goes_on(migration, 'fence')

    def test_killed_in_the_fence_then_opened_again(self) -> None:
        migration = self.filled()
        self.run_to(migration, 'refresh')
        self.finish(migration, 'fence')
        self.step(migration, 'unfence')
        (self.source(migration) / 'late').write_text('after a fence that was undone')
        self.assert_goes_on(migration)

    def test_killed_while_the_destination_opens(self) -> None:
        migration = self.filled(shares=2)
        self.run_to(migration, 'fence')
        place = self.place(migration)
        pool.write_json(place.opening_file, {'epoch': 1})
        server = self.pools[harness.DESTINATION].server(migration.destination['identifier'])
        server.prepare()
        name = migration.shares[0]['name']
        pool.move(place.copies_of_snapshots(name), server.snapshots / name)
        pool.move(place.copy_of_share(name), server.share(name))
        self.crash(migration)
        answer = self.finish(migration, 'complete')
        self.assert_complete(migration, answer)
        self.assert_arrived(migration, answer)

    def _fails_once(self, program: str, script: str, words: str) -> None:
        migration = self.migration_of()
        # more than the pipe between the two holds
        (self.source(migration) / 'large').write_bytes(os.urandom(MIB))
        once = pathlib.Path(self.state_path, 'once')
        self.stub(
            f'[ "$2" != {program} ] || [ -e {once} ] && exec "$REAL" "$@"\ntouch {once}; {script}'
        )
        self.step(migration, 'start')
        deadline, self.deadline = self.deadline, 0.0
        with self.assertRaises(exceptions.DriverBusy) as caught:
            while not self.step(migration, 'continue'):
                pass
        self.deadline = deadline
        self.assertRegex(caught.exception.message, f'{words}$')
        self.assert_complete(migration, self.run_to(migration, 'complete'))

    def test_errors_of_send_are_tried_again(self) -> None:
        self._fails_once('send', _CUT_OFF, 'ended with 1: ERROR: cut off')

    def test_send_that_is_killed_is_tried_again(self) -> None:
        self._fails_once('send', 'kill -KILL $$', 'ended with -9: ')

    def test_errors_of_receive_are_told_from_what_follows(self) -> None:
        self._fails_once('receive', _CUT_OFF, 'ended with 1: ERROR: cut off')
