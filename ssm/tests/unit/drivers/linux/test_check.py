# SPDX-License-Identifier: Apache-2.0

"""Whether the linux driver takes a server, and its reasons."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import fixtures

from ssm.common.findings import Severity
from ssm.drivers.linux import pool, tree
from ssm.drivers.linux.driver import LinuxDriver
from ssm.tests.unit.drivers import harness, kit
from ssm.tests.unit.drivers.linux.case import MigrationCase

NETWORK = {'id': 'network'}


class CheckTest(MigrationCase):
    """Findings of share_server_migration_check_compatibility."""

    def setUp(self) -> None:
        super().setUp()
        self.server, _ = self.make_server(harness.SOURCE)
        self.share = self.make_share(self.server)

    def check(self, **server: Any) -> dict[str, str]:
        """Messages by code; the answer has to fit to them."""
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
        answer = self.drivers[harness.DESTINATION].share_server_migration_check_compatibility(
            self.context, self.server | server, 'node1@beta', NETWORK, NETWORK, spec
        )
        findings = answer['findings']
        refused = any(finding.severity is Severity.ERROR for finding in findings)
        self.assertIs(not refused, answer['compatible'])
        self.assertIs(False, answer['nondisruptive'])
        self.assertIs(True, answer['writable'] and answer['preserve_snapshots'])
        for finding in findings:
            self.assertTrue(finding.hint)
        return {finding.code: finding.message for finding in findings}

    def test_nothing_to_say(self) -> None:
        self.assertEqual({}, self.check())

    def test_check_changes_nothing(self) -> None:
        self.make_snapshot(self.server, self.share)
        kept = {'owners': True, 'xattrs': True, 'acls': True}

        def look() -> list[Any]:
            return [
                tree.Reader().manifest(str(p.servers), kept, content=True)[0]
                for p in self.pools.values()
            ]

        before = look()
        self.check()
        self.assertEqual(before, look())
        self.assertEqual([], os.listdir(self.pools[harness.DESTINATION].migrations))

    def test_stanza_of_the_source(self) -> None:
        self.assertEqual({'source_stanza_missing'}, set(self.check(host='node1@gamma')))
        kit.make_backend(self.conf, 'delta', LinuxDriver, share_driver='dummy')
        self.assertEqual({'source_driver_differs'}, set(self.check(host='node1@delta')))
        kit.make_backend(self.conf, 'epsilon', LinuxDriver)
        self.assertIn('linux_pool_path', self.check(host='node1@epsilon')['source_stanza_missing'])

    def test_pools(self) -> None:
        self.assertEqual({'same_pool'}, set(self.check(host='node1@beta')))
        self.assertEqual({'source_server_missing'}, set(self.check(identifier='elsewhere')))
        fence = self.pools[harness.SOURCE].server(self.server['identifier']).fence_file
        pool.write_json(fence, {'migration_id': 'other', 'epoch': 1})
        self.assertIn('other', self.check()['source_fenced'])

    def test_rsync_missing(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('PATH', '/nonexistent'))
        self.assertEqual({'rsync_missing'}, set(self.check()))

    def test_space_is_that_of_the_data(self) -> None:
        with (self.path(self.server, self.share) / 'file').open('wb') as file:
            file.write(os.urandom(2 << 20))
            file.truncate(5 << 40)  # a hole takes no space
        self.assertEqual({}, self.check())
        real = os.statvfs('/')
        full = mock.Mock(wraps=real, f_bavail=1, f_frsize=4096, f_files=0)
        with mock.patch('ssm.drivers.linux.check.os.statvfs', return_value=full):
            message = self.check()['no_space']
        self.assertIn('needs 0.00 GiB (measured)', message)

    def test_sizes_stand_in_for_what_takes_too_long_to_measure(self) -> None:
        full = mock.Mock(f_bavail=1, f_frsize=4096, f_files=0)
        with (
            mock.patch('ssm.drivers.linux.check.os.statvfs', return_value=full),
            mock.patch.object(
                self.drivers[harness.DESTINATION].storage, 'look', side_effect=TimeoutError
            ),
        ):
            self.assertIn('1.00 GiB (by the sizes', self.check()['no_space'])

    def test_warnings(self) -> None:
        (self.path(self.server, self.share) / 'file').write_bytes(os.urandom(10_000))
        self.make_snapshot(self.server, self.share)
        with mock.patch('ssm.drivers.linux.check.GIB', 1):
            found = self.check()
        self.assertEqual({'snapshot_not_atomic', 'over_size'}, set(found))
        self.assertIn(self.share['share_id'], found['over_size'])
