# SPDX-License-Identifier: Apache-2.0

"""A server in an image moves to another share network: it comes whole, under new addresses."""

from __future__ import annotations

import pathlib
from typing import Any, ClassVar

from ssm.common import exceptions
from ssm.drivers.linux import pool
from ssm.tests.nfs.case import READER, STRANGER, WRITER
from ssm.tests.nfs.test_image import ImageCase
from ssm.tests.unit.drivers import harness
from ssm.tests.world.nfs_client import Refused


class NewNetworkTest(ImageCase):
    # clients wait until those that had files open have them back
    options: ClassVar[dict[str, Any]] = ImageCase.options | {'linux_nfs_lease': 5}

    def make_migration(self) -> harness.Migration:
        made = super().make_migration()
        made.network_info = self.network_info(harness.DESTINATION, made.destination['id'])
        made.destination['share_network_id'] = 'another'
        made.destination['network_allocations'] = [
            allocation
            for subnet in made.network_info
            for allocation in subnet['network_allocations']
        ]
        return made

    def limit(self, migration: harness.Migration) -> None:
        """Let one client write to the second share, and another one read it."""
        share = migration.shares[1]
        for address, level in ((WRITER, 'rw'), (READER, 'ro')):
            rule = self.rule() | {'access_to': address, 'access_level': level}
            share['access_rules'] = [*share['access_rules'], rule]
        del share['access_rules'][0]
        driver = self.drivers[harness.SOURCE]
        driver.update_access(self.context, share, share['access_rules'], migration.source)

    def test_server_comes_with_all_it_has(self) -> None:
        migration = self.make_migration()
        self.limit(migration)
        before = [self.location(share) for share in migration.shares]
        for number, location in enumerate(before):
            self.judge.write(location, 'data', f'of share {number}')
        self.run_to(migration, 'refresh')
        # clients lose what they have open, so nothing is gained by an end of the cut-over
        record = self.place(migration.source).record
        pool.write_json(record, (pool.read_json(record) or {}) | {'lease': 1})
        self.finish(migration, 'fence')
        answer = self.finish(migration, 'complete')
        self.assert_complete(migration, answer)
        (address,) = (a['ip_address'] for a in migration.destination['network_allocations'])
        for number, share in enumerate(migration.moved):
            self.assertEqual(f'{address}:/{share["name"]}', self.location(share))
            self.assertEqual(f'of share {number}', self.judge.read(self.location(share), 'data'))
        self._expect_rules(self.location(migration.moved[1]))
        update = answer['snapshot_updates'][migration.snapshots[0]['id']]
        self.assertTrue(pathlib.Path(update['provider_location']).is_dir())
        self.assertEqual([], self.left(self.namespace(migration.source)))
        self.assertEqual([], list(self.pools[harness.SOURCE].servers.iterdir()))

    def _expect_rules(self, location: str) -> None:
        reader = self.client(READER)
        self.assertEqual('of share 1', reader.call('read', location, 'data'))
        self.assertRaises(Refused, reader.call, 'write', location, 'data', 'changed')
        self.assertRaises(Refused, self.client(STRANGER).call, 'read', location, 'data')

    def test_network_that_is_not_there_is_refused_at_the_start(self) -> None:
        """Whether it is a new one, or the source's, which a server that moves is to keep."""
        migration = self.make_migration()
        (own,), (new,) = (
            server['network_allocations'] for server in (migration.source, migration.destination)
        )
        for addresses, wrong, code in (
            ([new | {'segmentation_id': 5000}], own, 'vlan_not_supported'),
            ([new | {'network_type': 'vxlan'}], own, 'network_type_not_supported'),
            ([], own | {'segmentation_id': 5000}, 'vlan_not_supported'),
        ):
            migration.destination['network_allocations'] = addresses
            migration.source['network_allocations'] = [wrong]
            with self.assertRaises(exceptions.DriverRefused) as caught:
                self.step(migration, 'start')
            self.assertEqual([code], [found.code for found in caught.exception.findings])
        self.assert_served(migration, source=True)
        migration.source['network_allocations'] = [own | {'segmentation_id': 5000}]
        migration.destination['network_allocations'] = [new]
        self.step(migration, 'start')
        self.step(migration, 'cancel')
