# SPDX-License-Identifier: Apache-2.0

"""Commands about services, pools and availability zones."""

import json

from ssm.tests.unit.shell import base, canned

POOLS = '/scheduler-stats/pools'


class ServicesTest(base.ShellTest):
    def test_services(self) -> None:
        self.api.prepare('GET', '/services', {'services': [canned.SERVICE_ROW]})
        out = self.succeeds('service-list', '--binary', 'manila-share', '-f', 'value')
        self.assertEqual(
            '2 manila-share stack@dummy1 nova enabled up 2025-11-25T07:30:00.000000\n', out
        )
        self.assertEqual([('GET', '/services', {'binary': 'manila-share'})], self.asked())

    def test_pools(self) -> None:
        self.api.prepare('GET', POOLS, {'pools': [canned.POOL_ROW]})
        out = self.succeeds('pool-list', '--backend', 'dummy1', '-f', 'value')
        self.assertEqual('stack@dummy1#pool stack dummy1 pool\n', out)
        self.assertEqual([('GET', POOLS, {'backend': 'dummy1'})], self.asked())

    def test_pools_in_detail(self) -> None:
        self.api.prepare('GET', f'{POOLS}/detail', {'pools': [canned.POOL_ROW]})
        (pool,) = json.loads(self.succeeds('pool-list', '--detail', '-f', 'json'))
        self.assertEqual(canned.POOL_ROW['capabilities'], pool['Capabilities'])
        out = self.succeeds('pool-list', '--detail')
        self.assertIn('| free_capacity_gb = 90 ', out)

    def test_availability_zones(self) -> None:
        self.api.prepare('GET', '/availability-zones', {'availability_zones': [canned.ZONE_ROW]})
        out = self.succeeds('availability-zone-list', '-f', 'value', '-c', 'Name')
        self.assertEqual('nova\n', out)
