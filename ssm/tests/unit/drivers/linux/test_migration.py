# SPDX-License-Identifier: Apache-2.0

"""Migrations of the linux driver: what arrives, what is lost (nothing), what is refused."""

from __future__ import annotations

import contextlib
import mmap
import os
import pathlib
import random
import socket
import stat
import subprocess
import sys
import threading
import unittest
from collections.abc import Callable

from ssm.common import exceptions
from ssm.drivers.linux import pool
from ssm.tests.unit.drivers import harness
from ssm.tests.unit.drivers.linux.case import MigrationCase

ACL = 'system.posix_acl_access'
# user, user 1, group, mask, others; see abilities.py for the form
ACL_VALUE = b'\2\0\0\0' + b''.join(
    tag.to_bytes(2, 'little') + rights.to_bytes(2, 'little') + who.to_bytes(4, 'little')
    for tag, rights, who in (
        (1, 7, 0xFFFFFFFF),
        (2, 4, 1),
        (4, 5, 0xFFFFFFFF),
        (16, 5, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    )
)
HOLE = 64 << 20

CHANGES: tuple[Callable[[pathlib.Path, pathlib.Path], object], ...] = (
    lambda one, _: one.unlink(),
    lambda one, other: one.rename(other),
    lambda one, other: other.hardlink_to(one),
    lambda one, _: os.truncate(one, 7),
    lambda one, _: one.write_bytes(os.urandom(50_000)),
    lambda one, _: one.parent.rename(one.parent.with_name('elsewhere')),
    lambda one, _: one.parent.with_name('elsewhere').rename(one.parent),
)
"""What clients do to two files in directories of a share."""

RENAMES = """
import os
while True:
    for number in range(10):
        os.rename(f'{number}', f'z{number}')
        os.rename(f'z{number}', f'{number}')
"""
"""A client that renames directories all the time."""


def fill(root: pathlib.Path) -> None:
    """Everything a file system can hold, as far as this process may make it."""
    (root / 'empty' / 'inside').mkdir(parents=True)
    (root / 'one').write_text('linked')
    (root / 'empty' / 'two').hardlink_to(root / 'one')
    for name in (b'new\nline', b'no \xff\xfe utf-8', b' -rf', b'back\\#012slash', b'*'):
        pathlib.Path(os.fsdecode(os.fsencode(root) + b'/' + name)).write_bytes(name)
    with (root / 'sparse').open('wb') as file:
        file.seek(HOLE)
        file.write(b'end')
    (root / 'link').symlink_to('../outside\nand away')
    os.mkfifo(root / 'fifo')
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        # the path of a socket is short, that of a test may be long
        descriptor = os.open(root, os.O_PATH)
        listener.bind(f'/proc/self/fd/{descriptor}/socket')
        os.close(descriptor)
    (root / 'program').write_text('#!/bin/sh')
    (root / 'program').chmod(0o4755)
    (root / 'closed').mkdir()
    (root / 'closed' / 'file').write_text('in a directory that is not writable')
    (root / 'closed').chmod(0o555)
    os.utime(root / 'program', ns=(1, 1_000_000_001))
    for name, value in (('user.colour', b'red\0blue'), (ACL, ACL_VALUE)):
        with contextlib.suppress(OSError):
            os.setxattr(root / 'one', name, value)
    if os.geteuid() == 0:
        os.chown(root / 'program', 1234, 5678)
        os.mknod(root / 'null', stat.S_IFCHR | 0o666, os.makedev(1, 3))


class ContentTest(MigrationCase):
    """What arrives."""

    def test_everything_arrives_with_all_its_attributes(self) -> None:
        migration = self.migration_of()
        source = self.source(migration)
        fill(source)
        migration.snapshots = [self.make_snapshot(migration.source, migration.shares[0])]
        (source / 'one').write_text('changed in place')
        migration.snapshots.append(self.make_snapshot(migration.source, migration.shares[0]))
        (source / ' -rf').unlink()
        source.chmod(0o500)
        answer = self.run_to(migration, 'complete')
        target = self.target(migration)
        self.assert_equal_trees(self.closed(migration), target)
        self.assertTrue((target / 'one').samefile(target / 'empty' / 'two'))
        self.assertLess((target / 'sparse').stat().st_blocks * 512, HOLE // 8)
        self.assertEqual(1_000_000_001, (target / 'program').stat().st_mtime_ns)
        self.assertEqual(0o500, target.stat().st_mode & 0o7777)
        copies = [
            pathlib.Path(answer['snapshot_updates'][s['id']]['provider_location'])
            for s in migration.snapshots
        ]
        for snapshot, copy in zip(migration.snapshots, copies, strict=True):
            self.assert_equal_trees(pathlib.Path(snapshot['provider_location'] or ''), copy)
        self.assertTrue((copies[0] / 'sparse').samefile(copies[1] / 'sparse'))
        self.assertFalse((copies[1] / 'sparse').samefile(target / 'sparse'))

    def test_progress_tells_bytes(self) -> None:
        migration = self.migration_of(shares=2)
        (self.source(migration) / 'file').write_bytes(bytes(100_000))
        (self.source(migration, 1) / 'file').write_bytes(bytes(50_000))
        self.run_to(migration, 'continue')
        progress = self.step(migration, 'get_progress')
        self.assertEqual((100, 150_000, 150_000), self.bytes_of(progress))
        first = progress['shares'][migration.shares[0]['id']]
        self.assertEqual((100, 100_000, 100_000), self.bytes_of(first))
        self.assertGreater(progress['rate'], 0)
        self.assertGreater(progress['predicted_downtime'], 0)
        (self.source(migration) / 'file').write_bytes(bytes(70_000))
        self.finish(migration, 'refresh')
        self.assertEqual(70_000, self.step(migration, 'get_progress')['dirty_bytes'])

    @staticmethod
    def bytes_of(progress: dict[str, int]) -> tuple[int, int, int]:
        return progress['total_progress'], progress['bytes_total'], progress['bytes_done']


class ClientsTest(MigrationCase):
    """What clients do meanwhile, and what they find afterwards; whatever the storage."""

    def test_rules_arrive_before_the_share_opens(self) -> None:
        migration = self.migration_of()
        good, bad = self.rule('user'), self.rule('cephx')
        migration.shares[0]['access_rules'] = [good, bad]
        self.run_to(migration, 'fence')
        server = self.pools[harness.DESTINATION].server(migration.destination['identifier'])
        record = server.export(migration.shares[0]['name'])
        record.mkdir()  # so that the rules can't be written
        self.deadline = 0.0
        with self.assertRaises(exceptions.DriverBusy):
            self.step(migration, 'complete')
        self.assert_served(migration)
        self.deadline = harness.Harness.deadline
        self.assert_refused(migration, 'unfence')
        record.rmdir()
        answer = self.finish(migration, 'complete')
        self.assertIn('access_rule_not_applied', {f.code for f in answer['findings']})
        self.assertEqual([good], pool.read_json(record)['access_rules'])

    def test_no_acknowledged_record_is_lost(self) -> None:
        """A writer that opens, appends, syncs and closes per record, and follows the share."""
        migration = self.migration_of()
        written: list[bytes] = []
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                record = b'%08d\n' % len(written)
                for root in (self.source(migration), self.target(migration)):
                    with contextlib.suppress(FileNotFoundError):
                        self.append(root / 'log', record)
                        written.append(record)
                        break
                stop.wait(0.001)

        (self.source(migration) / 'log').touch()
        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.run_to(migration, 'complete')
            moved = len(written)
            self.until(lambda: len(written) > moved)
        finally:
            stop.set()
            writer.join()
        self.assertEqual(b''.join(written), (self.target(migration) / 'log').read_bytes())
        self.assertGreater(moved, 20)

    def test_clients_that_remove_rename_and_link(self) -> None:
        migration = self.migration_of()
        source = self.source(migration)
        for number in range(200):
            (source / f'{number % 10}').mkdir(exist_ok=True)
            (source / f'{number % 10}' / f'{number}').write_bytes(os.urandom(number * 100))
        stop = threading.Event()
        changing = threading.Thread(target=self.change_all_the_time, args=(source, stop))
        changing.start()
        try:
            self.run_to(migration, 'fence')
        finally:
            stop.set()
            changing.join()
        self.finish(migration, 'complete')
        self.assert_equal_trees(self.closed(migration), self.target(migration))

    def test_directories_that_are_renamed_hide_no_change(self) -> None:
        """Of a file with the size and the time of that which had its name before."""
        migration = self.migration_of()
        source = self.source(migration)
        for number in range(10):
            directory = source / f'{number}'
            directory.mkdir()
            for name in ('old', 'new'):
                (directory / name).write_text(name)
                os.utime(directory / name, (1, 1))
        self.run_to(migration, 'continue')
        for number in range(10):
            (source / f'{number}' / 'new').rename(source / f'{number}' / 'old')
        with subprocess.Popen([sys.executable, '-c', RENAMES], cwd=source) as renaming:
            try:
                for _ in range(3):
                    self.finish(migration, 'refresh')
            finally:
                renaming.kill()
        self.finish(migration, 'fence')
        self.finish(migration, 'complete')
        self.assert_equal_trees(self.closed(migration), self.target(migration))

    @staticmethod
    def change_all_the_time(root: pathlib.Path, stop: threading.Event) -> None:
        dice = random.Random(1)
        while not stop.wait(0.0005):
            one, other = (root / f'{dice.randrange(10)}' / f'{dice.randrange(200)}' for _ in '12')
            with contextlib.suppress(OSError):
                dice.choice(CHANGES)(one, other)

    @staticmethod
    def append(path: pathlib.Path, record: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, record)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def test_changes_that_size_and_time_do_not_show_arrive(self) -> None:
        migration = self.migration_of()
        file, mapped = (self.source(migration) / name for name in ('file', 'mapped'))
        file.write_text('old')
        mapped.write_bytes(b'old' + bytes(4096))
        times = file.stat()
        self.run_to(migration, 'continue')
        for step, text in (('refresh', 'mid'), ('fence', 'new')):
            file.write_text(text)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
            with mapped.open('r+b') as stream, mmap.mmap(stream.fileno(), 0) as memory:
                memory[:3] = text.encode()
            self.finish(migration, step)
        self.finish(migration, 'complete')
        self.assertEqual('new', (self.target(migration) / 'file').read_text())
        self.assertEqual(b'new', (self.target(migration) / 'mapped').read_bytes()[:3])

    def test_end_leaves_what_late_work_needs_and_no_more(self) -> None:
        migration = self.migration_of()
        (self.source(migration) / 'file').write_text('content')
        answer = self.run_to(migration, 'complete')
        place = self.place(migration)
        self.assertFalse(place.path.exists())
        self.crash(migration)
        for step in ('start', 'continue', 'refresh', 'fence'):
            self.finish(migration, step)
        self.assertEqual(answer, self.finish(migration, 'complete'))
        self.assertEqual(100, self.step(migration, 'get_progress')['total_progress'])
        self.assertFalse(place.path.exists())
        self.assertIn('complete: done', place.log_file.read_text())


class FenceTest(MigrationCase):
    """The source is closed, or the step is refused and it serves on."""

    def setUp(self) -> None:
        super().setUp()
        self.migration = self.migration_of()
        (self.source(self.migration) / 'file').write_text('content')
        self.run_to(self.migration, 'continue')

    def assert_held_by(self, process: subprocess.Popen[bytes]) -> None:
        finding = self.refused(self.migration, 'fence')
        self.assertEqual('clients_hold_files', finding.code)
        self.assertIn(str(process.pid), finding.message)
        self.assert_served(self.migration, source=True)

    def client(self, script: str) -> subprocess.Popen[bytes]:
        """A program in the share; has begun when it printed a line, ends with its stdin."""
        process = subprocess.Popen(
            [sys.executable, '-S', '-c', f'{script}\nprint(flush=True)\ninput()'],
            cwd='/',
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.end, process)
        process.stdout.readline()
        return process

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> None:
        with process:
            process.stdin.close()

    def test_whoever_has_a_way_in_holds_the_fence_up(self) -> None:
        path = str(self.source(self.migration))
        ways = {
            'open file': f'f = open({path!r} + "/file")',
            'current directory': f'import os; os.chdir({path!r})',
            'mapped file': 'import mmap\n'
            f'with open({path!r} + "/file", "r+b") as f: m = mmap.mmap(f.fileno(), 0)',
        }
        self.restart_with(linux_fence_timeout=0)
        for way, script in ways.items():
            with self.subTest(way=way):
                client = self.client(script)
                self.assert_held_by(client)
                self.end(client)
        self.finish(self.migration, 'fence')
        self.assert_served(self.migration)

    def restart_with(self, **options: int) -> None:
        self.drivers[harness.DESTINATION] = self.make_linux(harness.DESTINATION, **options)

    @unittest.skipUnless(os.geteuid() == 0, 'mounting needs root')
    def test_a_bind_mount_is_a_way_in(self) -> None:
        elsewhere = pathlib.Path(self.state_path, 'elsewhere')
        elsewhere.mkdir()
        mounted = ['mount', '--bind', str(self.source(self.migration)), str(elsewhere)]
        if subprocess.run(mounted, check=False, capture_output=True).returncode:
            self.skipTest('mounting is not permitted here')
        self.addCleanup(subprocess.run, ['umount', str(elsewhere)], check=False)
        self.restart_with(linux_fence_timeout=0)
        finding = self.refused(self.migration, 'fence')
        self.assertEqual('clients_hold_files', finding.code)
        self.assertIn(str(elsewhere), finding.message)

    def test_fence_waits_for_those_who_let_go(self) -> None:
        client = self.client(f'f = open({str(self.source(self.migration))!r} + "/file")')
        threading.Timer(0.5, self.end, [client]).start()
        self.restart_with(linux_fence_timeout=20)
        self.finish(self.migration, 'fence')

    def test_a_file_without_a_name_holds_nothing_up(self) -> None:
        path = self.source(self.migration) / 'file'
        with path.open('rb'):
            path.unlink()
            self.finish(self.migration, 'fence')

    def test_fenced_source_refuses_what_would_serve_it(self) -> None:
        self.finish(self.migration, 'fence')
        driver, server = self.drivers[harness.SOURCE], self.migration.source
        share = self.migration.shares[0]
        for call in (
            lambda: driver.create_share(self.context, self.share_data(server), server),
            lambda: driver.update_access(self.context, share, [], server),
            lambda: driver.create_snapshot(self.context, self.snapshot_data(share), server),
            lambda: driver.delete_share(self.context, share, server),
        ):
            with self.assertRaises(exceptions.DriverRefused) as caught:
                call()
            self.assertEqual('server_fenced', caught.exception.findings[0].code)
        self.assertTrue((self.closed(self.migration) / 'file').exists())

    def test_fence_of_another_migration_stays(self) -> None:
        server = self.pools[harness.SOURCE].server(self.migration.source['identifier'])
        fence = {'migration_id': 'other', 'epoch': 1}
        pool.write_json(server.fence_file, fence)
        self.assertEqual('source_fenced', self.refused(self.migration, 'fence').code)
        self.step(self.migration, 'cancel')
        self.assertEqual(fence, server.fence())

    def test_destination_does_not_open_when_the_source_was_opened_by_hand(self) -> None:
        self.finish(self.migration, 'fence')
        server = self.pools[harness.SOURCE].server(self.migration.source['identifier'])
        server.fence_file.unlink()
        self.assertEqual('not_fenced', self.refused(self.migration, 'complete').code)
        self.assertFalse(self.serves(self.migration.destination, self.migration.shares[0]))

    def test_a_half_done_fence_is_undone_or_finished(self) -> None:
        server = self.pools[harness.SOURCE].server(self.migration.source['identifier'])
        for step in ('unfence', 'fence'):
            fence = {'migration_id': self.migration.id, 'epoch': 1}
            pool.write_json(server.fence_file, fence)
            if step == 'unfence':
                self.closed(self.migration).parent.mkdir(exist_ok=True)
                self.source(self.migration).rename(self.closed(self.migration))
            self.step(self.migration, step)
            self.assert_served(self.migration, source=step == 'unfence')


class ProofTest(MigrationCase):
    """A copy that is not equal is not opened."""

    def break_copies(self, script: str) -> None:
        """Let rsync do its work, then a script harm ``$COPY`` as long as there is a flag."""
        self.flag = pathlib.Path(self.state_path, 'break')
        self.stub(
            f'"$REAL" "$@"; code=$?\nfor COPY; do :; done\n'
            f'if [ -e {self.flag} ]; then {script}; fi\nexit $code'
        )

    def test_wrong_content_of_a_touched_file(self) -> None:
        self.break_copies(
            'printf X | dd of=$COPY/file conv=notrunc 2>&-; touch -r $COPY $COPY/file'
        )
        migration = self.migration_of()
        file = self.source(migration) / 'file'
        file.write_text('old')
        self.run_to(migration, 'continue')
        file.write_text('new')
        os.utime(file, ns=(1, 1))
        os.utime(file.parent, ns=(1, 1))
        self.flag.touch()
        finding = self.refused(migration, 'fence')
        self.assertEqual('verification_failed', finding.code)
        self.assertIn("'file' differs in content", finding.message)
        self.assert_served(migration, source=True)
        self.flag.unlink()
        self.finish(migration, 'fence')
        self.finish(migration, 'complete')
        self.assertEqual('new', (self.target(migration) / 'file').read_text())

    def test_attributes_names_and_links(self) -> None:
        self.break_copies(
            'chmod 600 $COPY/mode; rm -f $COPY/gone; touch $COPY/extra; cp $COPY/a $COPY/c; '
            'ln -f $COPY/c $COPY/b; touch -d @1 $COPY/a $COPY/b'
        )
        migration = self.migration_of()
        for name in ('mode', 'gone', 'a'):
            (self.source(migration) / name).write_text('x')
        (self.source(migration) / 'b').hardlink_to(self.source(migration) / 'a')
        self.run_to(migration, 'continue')
        self.flag.touch()
        message = self.refused(migration, 'fence').message
        for text in (
            "'mode' differs in mode",
            "'gone' is missing",
            "'extra' is in the copy only",
            "'a' differs in modification time, hard links",
        ):
            self.assertIn(text, message)

    def test_silent_rot_is_found_when_all_is_verified(self) -> None:
        for everything in (False, True):
            self.drivers[harness.DESTINATION] = self.make_linux(
                harness.DESTINATION, linux_verify_all=everything
            )
            migration = self.migration_of()
            (self.source(migration) / 'file').write_text('good')
            self.run_to(migration, 'continue')
            self.finish(migration, 'refresh')
            # nothing happened at the source, so nobody looks at the content again
            copy = self.place(migration).copy_of_share(migration.shares[0]['name']) / 'file'
            times = copy.stat()
            copy.write_text('evil')
            os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
            if everything:
                self.assertEqual('verification_failed', self.refused(migration, 'fence').code)
            else:
                self.finish(migration, 'fence')

    def test_snapshots_are_compared_in_the_first_phase(self) -> None:
        self.break_copies('case $COPY in */snapshots/*) echo X > $COPY/file;; esac')
        migration = self.migration_of()
        (self.source(migration) / 'file').write_text('x')
        migration.snapshots = [self.make_snapshot(migration.source, migration.shares[0])]
        self.flag.touch()
        self.step(migration, 'start')
        self.assertEqual('verification_failed', self.refused(migration, 'continue').code)
