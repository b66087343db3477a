# SPDX-License-Identifier: Apache-2.0

"""Shares by SMB, on the same servers as shares by NFS."""

from __future__ import annotations

import json
import pathlib
from typing import Any, ClassVar

from ssm.common import exceptions
from ssm.drivers import base
from ssm.drivers.linux import privileged
from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.nfs.case import READER, WRITER, GaneshaHooks, NfsCase, report
from ssm.tests.unit.drivers import harness
from ssm.tests.world import smb_client

MEMORY = 25 << 20
"""Bytes an SMB server may have for itself."""


class SmbCase(GaneshaHooks, harness.Harness, NfsCase):
    """A server with a CIFS share that alice may write to, and bob may read."""

    options: ClassVar[dict[str, Any]] = {'linux_export': 'samba'}

    def setUp(self) -> None:
        super().setUp()
        self.driver = self.drivers[harness.SOURCE]
        self.server, _ = self.make_server(harness.SOURCE)
        self.share = self.make_cifs(self.server)
        self.allow(self.share, alice='rw', bob='ro')
        self.write('alice', 'file', 'content')

    def make_cifs(self, server: base.ShareServer) -> base.Share:
        share = self.share_data(server) | {'share_proto': 'CIFS', 'access_rules': []}
        made = self.call(self.driver.create_share, self.context, share, server)
        share['export_locations'] = made
        return share

    def allow(self, share: base.Share, **levels: str) -> dict[str, str]:
        """Let these users reach a share, and nobody else, as the share manager does."""
        known = {rule['access_to']: rule for rule in share['access_rules']}
        rules = [
            known.get(user, self.rule('user') | {'access_to': user}) | {'access_level': level}
            for user, level in levels.items()
        ]
        refused = self.call(self.driver.update_access, self.context, share, rules, self.server)
        keys = self.driver.access_keys(self.context, share, rules, self.server)
        for rule in rules:
            if key := keys.get(rule['access_id']):
                rule['access_key'] = key
        share['access_rules'] = rules
        return refused

    def password(self, user: str) -> str:
        (key,) = (r['access_key'] for r in self.share['access_rules'] if r['access_to'] == user)
        return key

    def client(  # type: ignore[override]
        self, address: str = WRITER, user: str = '', password: str | None = None
    ) -> Any:
        if not user:
            return super().client(address)
        return smb_client.SmbClient(
            self.namespaces[address], user, self.password(user) if password is None else password
        )

    def write(self, user: str, path: str, text: str, share: base.Share | None = None) -> None:
        self.client(user=user).write(self.location(share or self.share), path, text)

    def read(self, user: str, path: str, share: base.Share | None = None) -> str:
        return self.client(user=user).read(self.location(share or self.share), path)

    def assert_refused(self, words: str, method: Any, *arguments: Any) -> None:
        refused = self.assertRaises(smb_client.Refused, method, *arguments)
        self.assertIn(words, str(refused))


class SmbTest(SmbCase):
    def test_users_and_levels(self) -> None:
        (address,) = (item['ip_address'] for item in self.server['network_allocations'])
        self.assertEqual(f'\\\\{address}\\{self.share["name"]}', self.location(self.share))
        file = self.place(self.server).share(self.share['name']) / 'file'
        self.assertEqual('content', file.read_text())
        self.assertEqual('content', self.read('bob', 'file'))
        self.assert_refused('STATUS_ACCESS_DENIED', self.write, 'bob', 'file', 'other')
        place = self.location(self.share)
        for user, password in (('alice', 'wrong'), ('carol', 'any'), ('root', '')):
            intruder = self.client(user=user, password=password)
            self.assertRaises(smb_client.Refused, intruder.read, place, 'file')
        before = self.password('bob')
        self.allow(self.share, bob='rw')
        self.assertEqual(before, self.password('bob'))
        self.write('bob', 'file', 'other')
        self.assertEqual('other', self.read('bob', 'file'))

    def test_user_who_loses_access(self) -> None:
        bob, place = self.client(user='bob'), self.location(self.share)
        self.allow(self.share, alice='rw')
        self.assertRaises(smb_client.Refused, bob.read, place, 'file')
        self.assertEqual('content', self.read('alice', 'file'))
        alice = self.client(user='alice')
        self.allow(self.share)
        self.assertRaises(smb_client.Refused, alice.read, place, 'file')

    def test_rules_that_can_not_hold(self) -> None:
        rules = [self.rule('ip'), self.rule('user') | {'access_to': 'root'}]
        refused = self.driver.update_access(self.context, self.share, rules, self.server)
        self.assertEqual({rule['access_id'] for rule in rules}, set(refused))

    def test_nfs_beside_it(self) -> None:
        nfs = self.make_share(self.server)
        self.judge.write(self.location(nfs), 'file', 'by nfs')
        self.assertEqual('by nfs', self.judge.read(self.location(nfs), 'file'))
        self.assertEqual('content', self.read('alice', 'file'))
        other = self.make_cifs(self.server)
        self.allow(other, alice='ro')
        self.assertEqual(self.password('alice'), other['access_rules'][0]['access_key'])
        self.driver.delete_share(self.context, other, self.server)
        self.assertEqual('content', self.read('alice', 'file'))
        used = self.memory()
        report(f'smbd with its children: {used / (1 << 20):.1f} MiB, shared pages divided')
        self.assertLess(used, MEMORY)

    def memory(self) -> int:
        """Bytes of all processes of smbd, of pages that several have each has its part."""
        total = 0
        for running in privileged.inhabitants(self.namespace(self.server)):
            with open(f'/proc/{running.pid}/comm') as file:
                if file.read().startswith(('smbd', 'cleanupd')):
                    with open(f'/proc/{running.pid}/smaps_rollup') as rollup:
                        lines = [line.split() for line in rollup]
                    total += sum(int(line[1]) for line in lines if line[0] == 'Pss:') << 10
        return total

    def test_service_starts_again(self) -> None:
        self.restart(harness.SOURCE)
        self.driver = self.drivers[harness.SOURCE]
        pair = [(self.share, self.server)]
        for happened in (
            lambda: None,
            lambda: privileged.kill(privileged.inhabitants(self.namespace(self.server)), 5),
            lambda: self.reboot(self.server),
        ):
            happened()
            self.assertEqual({}, self.driver.ensure_shares(self.context, pair))
            self.assertEqual('content', self.read('alice', 'file'))

    def test_only_where_it_is_served(self) -> None:
        self.assertEqual('NFS_CIFS', self.driver.get_share_stats()['storage_protocol'])
        driver = self.make_driver(harness.SOURCE, linux_export='ganesha')
        share = self.share_data(self.server) | {'share_proto': 'CIFS'}
        refused = self.assertRaises(
            exceptions.DriverRefused, driver.create_share, self.context, share, self.server
        )
        self.assertEqual('protocol_not_supported', refused.findings[0].code)
        self.assertEqual('NFS', driver.get_share_stats()['storage_protocol'])

    def test_migration_keeps_users(self) -> None:
        migration = self.make_migration()
        share = self.make_cifs(migration.source)
        self.server = migration.source
        self.allow(share, alice='rw')
        migration.shares.append(share)
        self.share = share
        self.write('alice', 'file', 'before')
        self.run_to(migration, 'refresh')
        self.write('alice', 'file', 'after')
        self.finish(migration, 'fence')
        self.assertRaises(smb_client.Refused, self.write, 'alice', 'file', 'late')
        answer = self.finish(migration, 'complete')
        self.assertEqual([], json.loads(json.dumps(answer.get('findings', []))))
        (location,) = answer['share_updates'][share['id']]['export_locations']
        self.assertEqual('after', self.client(READER, 'alice').read(location['path'], 'file'))
        for server in (migration.source, migration.destination):
            self._teardown(server['host'].rpartition('@')[2], server)
            self.assertEqual([], self.left(self.namespace(server)))


class SmbOnBtrfsTest(BtrfsPools, SmbCase):
    options: ClassVar[dict[str, Any]] = {'linux_export': 'samba', **BtrfsPools.options}

    def test_smbd_holds_no_mounts_of_nfs_shares(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        nfs = self.make_share(server)
        self.make_cifs(server)
        mounts = f'/run/ssm/{self.namespace(server)}/shares/'
        self.assertIn(f'{mounts}{nfs["name"]}', pathlib.Path('/proc/self/mountinfo').read_text())
        seen = [
            pathlib.Path(f'/proc/{running.pid}/mountinfo').read_text()
            for running in privileged.inhabitants(self.namespace(server))
            if pathlib.Path(f'/proc/{running.pid}/comm').read_text().startswith('smbd')
        ]
        self.assertNotEqual([], seen)
        self.assertEqual([], [text for text in seen if mounts in text])
