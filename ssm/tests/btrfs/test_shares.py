# SPDX-License-Identifier: Apache-2.0

"""Shares and snapshots as subvolumes: sizes, what is atomic, what is removed."""

from __future__ import annotations

import errno
import os
import pathlib
import subprocess
import tempfile
from unittest import mock

from ssm.common import exceptions
from ssm.common.findings import Finding
from ssm.drivers import base as interface
from ssm.drivers.linux import btrfs, pool
from ssm.tests import base
from ssm.tests.btrfs import pools
from ssm.tests.btrfs.case import BtrfsCase
from ssm.tests.unit.drivers import harness

MIB = 1 << 20


@base.only_full
class ShareTest(BtrfsCase):
    """One share server on one pool."""

    def setUp(self) -> None:
        super().setUp()
        self.driver = self.drivers[harness.SOURCE]
        self.server, _ = self.make_server(harness.SOURCE)

    def made(self) -> tuple[interface.Share, pathlib.Path]:
        """A share and where clients see it."""
        share = self.make_share(self.server)
        return share, self.path(self.server, share)

    def reserve(self, path: pathlib.Path, size: int) -> None:
        """Take room for a file without writing it."""
        with path.open('wb') as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def assert_quota(self, path: pathlib.Path, size: int) -> None:
        with self.assertRaises(OSError) as caught:
            self.reserve(path, size)
        self.assertEqual(errno.EDQUOT, caught.exception.errno)

    def test_share_is_held_to_its_size(self) -> None:
        _share, path = self.made()
        self.assertEqual(pools.GIB, pools.limit(path))
        self.assertEqual(0o777, path.stat().st_mode & 0o777)
        self.reserve(path / 'fits', pools.GIB - 64 * MIB)
        self.assert_quota(path / 'too large', 128 * MIB)
        (path / 'fits').unlink()
        subprocess.run(['sync', '-f', str(path)], check=True)
        self.reserve(path / 'too large', 128 * MIB)

    def test_writing_past_the_size(self) -> None:
        with mock.patch('ssm.drivers.linux.storage.btrfs._GIB', 8 * MIB):
            _share, path = self.made()
        (path / 'small').write_bytes(os.urandom(4 * MIB))
        with self.assertRaises(OSError) as caught, (path / 'large').open('wb') as file:
            for _ in range(8):
                file.write(os.urandom(MIB))
                file.flush()
                os.fsync(file.fileno())
        self.assertEqual(errno.EDQUOT, caught.exception.errno)
        (path / 'small').unlink()

    def test_limit_follows_the_size(self) -> None:
        share, path = self.made()
        self.reserve(path / 'first', pools.GIB - 64 * MIB)
        self.assert_quota(path / 'second', 128 * MIB)
        self.driver.extend_share(self.context, share, 2, self.server)
        self.assertEqual(2 * pools.GIB, pools.limit(path))
        self.reserve(path / 'second', 128 * MIB)
        share['size'] = 2
        self.assert_does_not_fit(share, path)
        (path / 'second').unlink()
        self.driver.shrink_share(self.context, share, 1, self.server)
        self.assertEqual(pools.GIB, pools.limit(path))
        self.assert_quota(path / 'second', 128 * MIB)
        record = pool.read_json(
            self.pools[harness.SOURCE].server(self.server['id']).export(share['name'])
        )
        self.assertEqual(1, record['size'])

    def assert_does_not_fit(self, share: interface.Share, path: pathlib.Path) -> None:
        with self.assertRaises(exceptions.DataLoss) as caught:
            self.driver.shrink_share(self.context, share, 1, self.server)
        (finding,) = caught.exception.findings
        self.assertEqual('data_does_not_fit', finding.code)
        self.assertRegex(finding.message, r'uses 1\.06\d GiB, which do not fit 1 GiB')
        self.assertEqual(2 * pools.GIB, pools.limit(path))

    def test_what_is_written_while_it_shrinks_is_not_lost(self) -> None:
        share, path = self.made()
        self.driver.extend_share(self.context, share, 2, self.server)
        share['size'] = 2
        with (
            mock.patch.object(self.driver.storage, '_used', side_effect=[MIB, pools.GIB + MIB]),
            self.assertRaises(exceptions.DataLoss),
        ):
            self.driver.shrink_share(self.context, share, 1, self.server)
        self.assertEqual(2 * pools.GIB, pools.limit(path))

    def test_revert_copies_nothing_and_limits_to_the_size_of_then(self) -> None:
        share, path = self.made()
        (path / 'large').write_bytes(os.urandom(64 * MIB))
        snapshot = self.make_snapshot(self.server, share)
        before = self.subvolumes()
        self.driver.extend_share(self.context, share, 2, self.server)
        (path / 'large').unlink()
        (path / 'later').touch()
        self.driver.revert_to_snapshot(self.context, share, snapshot, self.server)
        self.assertEqual(['large'], os.listdir(path))
        self.assertEqual(64 * MIB, (path / 'large').stat().st_size)
        self.assertEqual(pools.GIB, pools.limit(path))
        self.assertEqual(len(before), len(self.subvolumes()))
        subprocess.run(['sync', '-f', str(path)], check=True)
        # its blocks are those of the snapshot
        shown = subprocess.run(
            ['btrfs', 'qgroup', 'show', '--raw', '-f', str(path)],
            check=True,
            capture_output=True,
            text=True,
        )
        self.assertLess(int(shown.stdout.splitlines()[-1].split()[2]), MIB)

    def test_revert_that_broke_off_is_repeated(self) -> None:
        share, path = self.made()
        (path / 'file').write_text('old')
        snapshot = self.make_snapshot(self.server, share)
        before = self.subvolumes()
        for place in ('exchange', 'sync_directory'):
            (path / 'file').write_text('new')
            with (
                mock.patch.object(pool, place, side_effect=OSError),
                mock.patch.object(type(self.driver.storage), 'delete'),
                self.assertRaises(OSError),
            ):
                self.driver.revert_to_snapshot(self.context, share, snapshot, self.server)
            self.assertIn((path / 'file').read_text(), ('old', 'new'))
            self.restart(harness.SOURCE)
            self.driver = self.drivers[harness.SOURCE]
            self.driver.revert_to_snapshot(self.context, share, snapshot, self.server)
            self.assertEqual('old', (path / 'file').read_text())
            self.assertEqual(before, self.subvolumes())

    def test_snapshots_do_not_count(self) -> None:
        share, path = self.made()
        for _ in range(3):
            (path / 'file').write_bytes(os.urandom(MIB))
            self.make_snapshot(self.server, share)
        self.reserve(path / 'rest', pools.GIB - 64 * MIB)

    def test_share_from_snapshot_has_its_own_size(self) -> None:
        share, path = self.made()
        (path / 'file').write_text('old')
        snapshot = self.make_snapshot(self.server, share)
        clone = self.share_data(self.server) | {'size': 2}
        self.driver.create_share_from_snapshot(self.context, clone, snapshot, self.server)
        copy = self.path(self.server, clone)
        self.assertEqual(2 * pools.GIB, pools.limit(copy))
        self.assertEqual('old', (copy / 'file').read_text())
        (copy / 'file').write_text('own')
        self.assertEqual('old', (path / 'file').read_text())

    def test_without_quotas_nothing_is_enforced(self) -> None:
        self.drivers[harness.SOURCE] = self.make_linux(harness.SOURCE, linux_quotas=False)
        share = self.make_share(self.server)
        self.assertIsNone(pools.limit(self.path(self.server, share)))

    def test_snapshot_is_of_one_moment_and_read_only(self) -> None:
        share, path = self.made()
        (path / 'file').write_text('old')
        snapshot = self.make_snapshot(self.server, share)
        (path / 'file').write_text('new')
        kept = pathlib.Path(snapshot['provider_location'] or '')
        self.assertEqual('old', (kept / 'file').read_text())
        with self.assertRaises(OSError) as caught:
            (kept / 'file').write_text('changed')
        self.assertEqual(errno.EROFS, caught.exception.errno)

    def test_nothing_is_left_of_a_server(self) -> None:
        before = self.subvolumes()
        for _ in range(2):
            share, path = self.made()
            self.make_snapshot(self.server, share)
        # what only somebody on this host can do
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', str(path / 'own')], check=True)
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', str(path / 'own/er')], check=True)
        self.assertEqual(len(before) + 6, len(self.subvolumes()))
        self.driver.delete_share(self.context, share, self.server)
        self.assertFalse(path.exists())
        self._teardown(harness.SOURCE, self.server)
        self.assertEqual(before, self.subvolumes())

    def test_unfinished_share_is_made_anew(self) -> None:
        share = self.share_data(self.server)
        path = self.path(self.server, share)
        part = path.with_name(f'.{path.name}.part')
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', str(part)], check=True)
        (part / 'stale').touch()
        self.driver.create_share(self.context, share, self.server)
        self.assertEqual([], os.listdir(path))
        self.assertFalse(part.exists())

    def test_a_pool_that_is_not_btrfs_is_refused(self) -> None:
        elsewhere = pathlib.Path(tempfile.mkdtemp(dir=self.state_path))
        with self.assertRaises(exceptions.ConfigurationError) as caught:
            self.make_linux(harness.SOURCE, linux_pool_path=str(elsewhere))
        self.assertIn('is it mounted?', caught.exception.message)
        self.assertEqual([], os.listdir(elsewhere))

    def test_quotas_are_switched_on_where_they_were_off(self) -> None:
        place = self.mounted(harness.SOURCE)
        subprocess.run(['btrfs', 'quota', 'disable', str(place)], check=True)
        self.restart(harness.SOURCE)
        self.assertTrue(btrfs.has_quotas(place) and btrfs.quotas_hold(place))


@base.only_full
class CheckTest(BtrfsCase):
    """Whether a pool takes a share server."""

    def setUp(self) -> None:
        super().setUp()
        self.server, _ = self.make_server(harness.SOURCE)
        self.share = self.make_share(self.server)

    def check(self) -> dict[str, Finding]:
        """Findings by code."""
        spec = {
            'shares_size': 1,
            'snapshots_size': 0,
            'shares_req_spec': [
                {
                    'share_id': self.share['share_id'],
                    'share_properties': {'size': 1, 'share_proto': 'NFS'},
                }
            ],
        }
        network = {'id': 'network'}
        answer = self.drivers[harness.DESTINATION].share_server_migration_check_compatibility(
            self.context, self.server, 'node1@beta', network, network, spec
        )
        return {finding.code: finding for finding in answer['findings']}

    def test_snapshots_are_fine_and_count_once(self) -> None:
        path = self.path(self.server, self.share)
        (path / 'file').write_bytes(os.urandom(2 * MIB))
        with (path / 'hole').open('wb') as file:
            file.truncate(5 << 40)
        for number in range(5):
            self.make_snapshot(self.server, self.share)
            (path / 'file').open('r+b').write(b'%d' % number)
        before = self.subvolumes()
        self.assertEqual({}, self.check())
        self.assertEqual(before, self.subvolumes())
        real = os.statvfs('/')
        full = mock.Mock(wraps=real, f_bavail=1, f_frsize=MIB, f_files=0)
        with (
            mock.patch('ssm.drivers.linux.check.os.statvfs', return_value=full),
            mock.patch('ssm.drivers.linux.check.GIB', MIB),
        ):
            # twice, because of what a split extent leaves; not once per snapshot
            self.assertRegex(self.check()['no_space'].message, r'needs [234]\.0')

    def test_storage_differs(self) -> None:
        path = pathlib.Path(self.state_path, 'plain')
        path.mkdir()
        self.pools[harness.DESTINATION] = pool.Pool(path)
        self.drivers[harness.DESTINATION] = self.make_linux(
            harness.DESTINATION, linux_storage='directory'
        )
        self.assertEqual({'storage_differs'}, set(self.check()))

    def test_nested_subvolumes(self) -> None:
        inner = self.path(self.server, self.share) / 'inner'
        subprocess.run(['btrfs', '-q', 'subvolume', 'create', str(inner)], check=True)
        self.assertIn('inner', self.check()['nested_subvolumes'].message)

    def test_over_size_where_nothing_enforces_it(self) -> None:
        self.drivers[harness.DESTINATION] = self.make_linux(harness.DESTINATION, linux_quotas=False)
        (self.path(self.server, self.share) / 'file').write_bytes(os.urandom(10_000))
        with mock.patch('ssm.drivers.linux.check.GIB', 1):
            self.assertEqual({'over_size'}, set(self.check()))
