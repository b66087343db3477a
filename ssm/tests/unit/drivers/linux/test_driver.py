# SPDX-License-Identifier: Apache-2.0

"""The linux driver: the driver kit, set-up, report, shares, snapshots."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

from ssm.common import exceptions
from ssm.drivers.linux import pool
from ssm.tests.unit.drivers import harness, kit
from ssm.tests.unit.drivers.linux.case import LinuxCase, LinuxHooks


class LinuxKitTest(LinuxHooks, kit.DriverKit, LinuxCase):
    """The driver kit on the linux driver."""


class SetupTest(LinuxCase):
    """Set-up of the back end and its report."""

    def assert_wrong(self, option: str, **options: Any) -> str:
        self.conf = kit.make_conf(self.state_path)
        with self.assertRaises(exceptions.ConfigurationError) as caught:
            self.make_linux(harness.SOURCE, **options)
        self.assertIn(f'[alpha] {option}:', caught.exception.message)
        return caught.exception.message

    def test_wrong_options_are_named(self) -> None:
        self.assert_wrong('linux_pool_path', linux_pool_path=None)
        self.assert_wrong('linux_pool_path', linux_pool_path='relative/path')
        self.assert_wrong('linux_pool_path', linux_pool_path=f'{self.state_path}/missing')
        message = self.assert_wrong('linux_storage', linux_storage='tape')
        self.assertIn('directory', message)
        self.assert_wrong('linux_export', linux_export='pigeon')
        self.assert_wrong('linux_isolation', linux_isolation='moat')
        self.assert_wrong('linux_transport', linux_transport='mail')

    def test_a_second_host_is_refused(self) -> None:
        self.make_linux(harness.SOURCE)
        self.make_linux(harness.SOURCE)
        pool.write_json(self.pools[harness.SOURCE].host_file, 'another-host')
        self.assertIn('another host', self.assert_wrong('linux_pool_path'))

    def test_report_has_real_capacities(self) -> None:
        driver = self.make_linux(
            harness.SOURCE, reserved_share_percentage=7, reserved_share_extend_percentage=3
        )
        report = driver.get_share_stats()
        space = os.statvfs(self.pools[harness.SOURCE].path)
        (found,) = report['pools']
        self.assertEqual('pool', found['pool_name'])
        self.assertEqual(space.f_blocks * space.f_frsize / 2**30, found['total_capacity_gb'])
        self.assertLessEqual(found['free_capacity_gb'], found['total_capacity_gb'])
        reserved = [
            found[key]
            for key in (
                'reserved_percentage',
                'reserved_snapshot_percentage',
                'reserved_share_extend_percentage',
            )
        ]
        self.assertEqual([7, 7, 3], reserved)
        self.assertTrue(found['snapshot_support'])
        self.assertFalse(found['mount_snapshot_support'])


class ShareTest(LinuxHooks, harness.Harness, LinuxCase):
    """Servers, shares, rules, snapshots."""

    def setUp(self) -> None:
        super().setUp()
        self.driver = self.drivers[harness.SOURCE]
        self.server, _ = self.make_server(harness.SOURCE)
        self.share = self.make_share(self.server)
        self.directory = self.path(self.server, self.share)

    def place(self) -> pool.Server:
        return self.pools[harness.SOURCE].server(self.server['identifier'])

    def snapshot_path(self, snapshot: Any) -> pathlib.Path:
        return self.place().snapshot(self.share['name'], snapshot['name'])

    def test_server_record_has_the_addresses(self) -> None:
        record = pool.read_json(self.place().record)
        self.assertEqual(self.server['id'], record['identifier'])
        wanted = [a['ip_address'] for a in self.server['network_allocations']]
        self.assertEqual(wanted, record['addresses'])

    def test_bare_directory_is_taken_over(self) -> None:
        place = self.pools[harness.SOURCE].server('restored')
        place.path.mkdir()
        server, details = self.take_over(self.server | {'identifier': 'restored'})
        self.assertEqual({'identifier': 'restored', 'addresses': ''}, details)
        self.assertTrue(self.serves(server, self.make_share(server)))

    def test_copied_directory_is_taken_over_under_its_own_name(self) -> None:
        shutil.copytree(self.place().path, self.place().path.with_name('copy'))
        _server, details = self.take_over(self.server | {'identifier': 'copy'})
        self.assertEqual('copy', details['identifier'])

    def test_share_needs_a_server(self) -> None:
        for server in (None, self.server | {'identifier': 'unknown'}):
            with self.assertRaises(exceptions.DriverRefused):
                self.driver.create_share(self.context, self.share, server)

    def test_names_that_lead_elsewhere_are_refused(self) -> None:
        for name in ('../other', '.ssm', '', 'a/b'):
            with self.assertRaises(exceptions.DriverRefused):
                share = self.share | {'name': name}
                self.driver.create_share(self.context, share, self.server)

    def test_rules_are_kept_beside_the_share(self) -> None:
        rules = [self.rule(), self.rule('user'), self.rule('cert'), self.rule('cephx')]
        reasons = self.driver.update_access(self.context, self.share, rules, self.server)
        self.assertEqual({rules[3]['access_id']}, set(reasons))
        self.assertIn('cephx', reasons[rules[3]['access_id']])
        kept = pool.read_json(self.place().export(self.share['name']))
        self.assertEqual(rules[:3], kept['access_rules'])

    def test_ensure_restores_the_record_and_tells_new_locations(self) -> None:
        self.place().export(self.share['name']).unlink()
        pairs = [(self.share | {'export_locations': []}, self.server)]
        changed = self.driver.ensure_shares(self.context, pairs)
        self.assertEqual(self.share['export_locations'], changed[self.share['id']])
        kept = pool.read_json(self.place().export(self.share['name']))
        self.assertEqual(self.share['access_rules'], kept['access_rules'])

    def test_ensure_makes_no_empty_share_of_a_lost_one(self) -> None:
        self.directory.rmdir()
        self.assertEqual({}, self.driver.ensure_shares(self.context, [(self.share, self.server)]))
        self.assertFalse(self.directory.exists())

    def test_snapshots_share_what_did_not_change(self) -> None:
        (self.directory / 'same').write_text('same')
        (self.directory / 'changes').write_text('old')
        first = self.make_snapshot(self.server, self.share)
        (self.directory / 'changes').write_text('new')
        second = self.make_snapshot(self.server, self.share)
        (self.directory / 'same').write_text('rewritten in place')
        old, new = self.snapshot_path(first), self.snapshot_path(second)
        self.assertEqual('old', (old / 'changes').read_text())
        self.assertEqual('new', (new / 'changes').read_text())
        self.assertEqual('same', (old / 'same').read_text())
        if not self.driver.storage.abilities.reflinks:
            self.assertTrue((old / 'same').samefile(new / 'same'))
        self.assertEqual(0o700, self.place().snapshots.stat().st_mode & 0o777)

    def test_unfinished_snapshot_is_made_anew(self) -> None:
        (self.directory / 'file').write_text('content')
        snapshot = self.snapshot_data(self.share)
        path = self.snapshot_path(snapshot)
        left = path.with_name(f'.{path.name}.part')
        left.mkdir(parents=True)
        (left / 'stale').write_text('of an attempt that died')
        self.driver.create_snapshot(self.context, snapshot, self.server)
        self.assertEqual(['file'], os.listdir(path))

    def test_directories_that_are_not_writable_go_too(self) -> None:
        inner = self.directory / 'a' / 'b'
        inner.mkdir(parents=True)
        inner.chmod(0o500)
        (self.directory / 'a').chmod(0o500)
        self.driver.delete_share(self.context, self.share, self.server)
        self.assertFalse(self.directory.exists())
