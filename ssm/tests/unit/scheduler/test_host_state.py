# SPDX-License-Identifier: Apache-2.0

"""Reports of back ends, and what the scheduler makes of them."""

import json
from typing import Any

from ssm.common import exceptions
from ssm.common.pools import merged_pools
from ssm.scheduler.host_state import HostStates, PoolState, Service
from ssm.scheduler.request import Request
from ssm.tests.base import TestCase

T1, T2, T3 = (f'2026-01-01T00:00:0{second}.000000' for second in '123')


def pool(name: str, **more: Any) -> dict[str, Any]:
    return {'pool_name': name, 'total_capacity_gb': 100, 'free_capacity_gb': 60} | more


def report(*pools: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {'share_backend_name': 'ALPHA', 'pools': list(pools)} | more


class MergeTest(TestCase):
    level = {
        'share_backend_name': 'ALPHA',
        'vendor_name': 'V',
        'driver_version': '1',
        'storage_protocol': 'NFS',
        'timestamp': T1,
        'driver_handles_share_servers': True,
        'snapshot_support': True,
        'create_share_from_snapshot_support': True,
        'revert_to_snapshot_support': False,
        'mount_snapshot_support': False,
        'dedupe': [True, False],
        'compression': False,
        'replication_type': 'readable',
        'replication_domain': 'd',
        'security_service_update_support': False,
        'network_allocation_update_support': True,
        'share_server_multiple_subnet_support': True,
        'share_replicas_migration_support': False,
        'encryption_support': None,
        'qos_type_support': True,
        'snapshot_inherit_share_access_support': False,
        'ipv4_support': True,
        'ipv6_support': False,
    }
    not_inherited = {
        'filter_function': '1',
        'goodness_function': '2',
        'mount_point_name_support': True,
        'max_shares_per_share_server': 5,
        'max_share_server_size': 5,
        'reserved_percentage': 5,
        'reserved_snapshot_percentage': 5,
        'reserved_share_extend_percentage': 5,
        'thin_provisioning': True,
        'max_over_subscription_ratio': 2.0,
        'provisioned_capacity_gb': 5,
        'qos': True,
        'server_pools_mapping': {},
        'vendor_key': 'x',
        'share_group_stats': {'consistent_snapshot_support': 'pool'},
    }

    def test_pool_takes_exactly_the_listed_keys(self) -> None:
        bare = pool('p1')
        (merged,) = merged_pools({**self.level, **self.not_inherited, 'pools': [bare]})
        self.assertEqual({**self.level, **bare, 'sg_consistent_snapshot_support': 'pool'}, merged)

    def test_what_a_pool_says_itself_stays(self) -> None:
        own = {
            key: 'own'
            for key in (*self.level, *self.not_inherited, 'sg_consistent_snapshot_support')
        } | {'replication_domain': None}
        (merged,) = merged_pools(
            {**self.level, **self.not_inherited, 'pools': [{**pool('p1'), **own}]}
        )
        self.assertEqual({**pool('p1'), **own}, merged)

    def test_key_that_nobody_reports_is_not_invented(self) -> None:
        (merged,) = merged_pools({'pools': [pool('p1')]})
        self.assertEqual({**pool('p1'), 'sg_consistent_snapshot_support': None}, merged)

    def test_no_pools_are_one_pool_with_the_whole_report(self) -> None:
        whole = {**self.level, **self.not_inherited, 'pools': None}
        for name, expected in [('ALPHA', 'ALPHA'), (None, '_pool0')]:
            (merged,) = merged_pools({**whole, 'share_backend_name': name})
            self.assertEqual(expected, merged.pop('pool_name'))
            self.assertEqual('pool', merged.pop('sg_consistent_snapshot_support'))
            kept = {**whole, 'share_backend_name': name}
            del kept['server_pools_mapping']
            self.assertEqual(kept, merged)

    def test_missing_pools_key_is_null(self) -> None:
        self.assertEqual(1, len(merged_pools({'share_backend_name': 'A'})))

    def test_empty_list_means_no_pools(self) -> None:
        self.assertEqual([], merged_pools({'pools': []}))


class HostStatesTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.states = HostStates()

    def hosts(self, *services: str) -> list[str]:
        return [pool.host for pool in self.states.pools(Service(host) for host in services)]

    def test_pools_of_live_services(self) -> None:
        self.states.update('n@a', report(pool('p1'), pool('p2')), T1)
        self.states.update('n@b', report(pool('p1')), T1)
        for services, expected in [
            (['n@a', 'n@b'], ['n@a#p1', 'n@a#p2', 'n@b#p1']),
            (['n@b'], ['n@b#p1']),
            (['n@c'], []),
            ([], []),
            (['n@a'], ['n@a#p1', 'n@a#p2']),
        ]:
            self.assertEqual(expected, self.hosts(*services), str(services))

    def test_zone_is_the_services(self) -> None:
        self.states.update('n@a', report(pool('p1')), T1)
        for zone in 'nova', 'other':
            (state,) = self.states.pools([Service('n@a', f'id of {zone}', zone)])
            self.assertEqual(
                (f'id of {zone}', zone), (state.availability_zone_id, state.availability_zone)
            )

    def test_older_report_is_ignored(self) -> None:
        for timestamp, name, expected in [
            (T2, 'first', 'first'),
            (T1, 'older', 'first'),
            (T2, 'same time', 'same time'),
            ('2026-01-01T01:00:02.5+01:00', 'later, other zone', 'later, other zone'),
            ('2026-01-01T00:00:02.400000Z', 'between', 'later, other zone'),
            ('2026-01-01T00:00:03', 'later, naive', 'later, naive'),
        ]:
            self.states.update('n@a', report(pool(name)), timestamp)
            self.assertEqual([f'n@a#{expected}'], self.hosts('n@a'), name)

    def test_report_replaces_pools(self) -> None:
        self.states.update('n@a', report(pool('p1'), pool('p2')), T1)
        self.states.update('n@a', report(pool('p2')), T2)
        self.assertEqual(['n@a#p2'], self.hosts('n@a'))
        self.states.update('n@a', report(), T3)
        self.assertEqual([], self.hosts('n@a'))

    def test_forget(self) -> None:
        self.states.update('n@a', report(pool('p1')), T2)
        self.states.forget('n@a')
        self.states.forget('n@unknown')
        self.assertEqual([], self.hosts('n@a'))
        self.states.update('n@a', report(pool('p1')), T1)
        self.assertEqual(['n@a#p1'], self.hosts('n@a'))

    def test_debit_lasts_until_the_next_report(self) -> None:
        reported = pool('p1', allocated_capacity_gb=10, provisioned_capacity_gb=20)
        self.states.update('n@a', report(reported), T1)
        (state,) = self.states.pools([Service('n@a')])
        state.consume(5)
        (state,) = self.states.pools([Service('n@a')])
        self.assertEqual(
            (55, 15, 25),
            (state.free_capacity_gb, state.allocated_capacity_gb, state.provisioned_capacity_gb),
        )
        self.assertEqual(60, self.states.pool_list()[0]['capabilities']['free_capacity_gb'])
        self.states.update('n@a', report(reported), T2)
        (state,) = self.states.pools([Service('n@a')])
        self.assertEqual(60, state.free_capacity_gb)

    def test_debit_of_what_is_not_known(self) -> None:
        for free in ('unknown', None):
            state = PoolState('n@a#p', {'free_capacity_gb': free})
            state.consume(5)
            self.assertEqual(free, state.free_capacity_gb)
            self.assertEqual(5, state.allocated_capacity_gb)
            self.assertIsNone(state.provisioned_capacity_gb)

    def test_estimate_only_for_thin_pools_that_do_not_report(self) -> None:
        self.states.update(
            'n@a',
            report(
                pool('thick'),
                pool('reports', thin_provisioning=True, provisioned_capacity_gb=7),
                pool('thin', thin_provisioning=[True, False]),
                pool('empty', thin_provisioning=True),
            ),
            T1,
        )
        sums = {'n@a#thick': 1, 'n@a#reports': 2, 'n@a#thin': 3}
        for given, expected in [(None, [None, 7, None, None]), (sums, [None, 7, 3, 0])]:
            states = self.states.pools([Service('n@a')], given)
            self.assertEqual(expected, [state.provisioned_capacity_gb for state in states])
        self.assertEqual(
            ['n@a#thin', 'n@a#empty'], [state.host for state in states if state.needs_estimate]
        )

    def test_ratio(self) -> None:
        self.states = HostStates(default_ratio=3.0)
        self.states.update(
            'n@a', report(pool('own', max_over_subscription_ratio=1.5), pool('none')), T1
        )
        self.assertEqual(
            [1.5, 3.0],
            [state.max_over_subscription_ratio for state in self.states.pools([Service('n@a')])],
        )


class PoolListTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.states = HostStates()
        self.states.update('node1@beta', report(pool('gold', dedupe=True)), T1)
        self.states.update(
            'node1@alpha',
            report(pool('gold'), pool('silver'), driver_handles_share_servers=True, dedupe=False),
            T1,
        )

    def names(self, filters: Any = None, specs: Any = None) -> list[str]:
        return [item['name'] for item in self.states.pool_list(filters, specs)]

    def test_item(self) -> None:
        item = self.states.pool_list({'backend': 'beta'})[0]
        self.assertEqual(
            {
                'name': 'node1@beta#gold',
                'host': 'node1',
                'backend': 'beta',
                'pool': 'gold',
                'capabilities': pool(
                    'gold',
                    dedupe=True,
                    share_backend_name='ALPHA',
                    timestamp=T1,
                    sg_consistent_snapshot_support=None,
                ),
            },
            item,
        )
        self.assertEqual(item, json.loads(json.dumps(item)))

    def test_changing_an_item_changes_no_state(self) -> None:
        self.states.pool_list()[0]['capabilities'].clear()
        self.assertIn('dedupe', self.states.pool_list()[0]['capabilities'])

    def test_filters(self) -> None:
        gold, silver, beta = 'node1@alpha#gold', 'node1@alpha#silver', 'node1@beta#gold'
        for filters, specs, expected in [
            (None, None, [gold, silver, beta]),
            ({}, {}, [gold, silver, beta]),
            ({'host': 'node1'}, None, [gold, silver, beta]),
            ({'host': 'node'}, None, [gold, silver, beta]),
            ({'host': 'ode1'}, None, []),
            ({'host': '.ode1$'}, None, [gold, silver, beta]),
            ({'backend': 'alp'}, None, [gold, silver]),
            ({'backend': 'lpha'}, None, []),
            ({'backend': '^alpha$'}, None, [gold, silver]),
            ({'pool': 'g.*'}, None, [gold, beta]),
            ({'pool': 'gold|silver'}, None, [gold, silver, beta]),
            ({'name': 'node1@beta#gold'}, None, [beta]),
            ({'name': 'node1@alpha'}, None, [gold, silver]),
            ({'pool': 'gold', 'backend': 'beta'}, None, [beta]),
            ({'pool': 'silver', 'backend': 'beta'}, None, []),
            ({'name': '', 'host': '', 'backend': 'beta', 'pool': ''}, None, [beta]),
            ({'capabilities': 'x'}, None, []),
            ({'pool': 'gold', 'colour': ''}, None, []),
            (None, {'driver_handles_share_servers': 'True'}, [gold, silver]),
            (None, {'driver_handles_share_servers': 'False'}, []),
            (None, {'dedupe': '<is> True'}, [beta]),
            (None, {'availability_zones': 'mars', 'vendor:x': 'y'}, [gold, silver, beta]),
            (None, {'replication_type': 'dr'}, []),
            ({'pool': 'gold'}, {'dedupe': 'False'}, [gold]),
        ]:
            self.assertEqual(expected, self.names(filters, specs), str((filters, specs)))

    def test_no_protocol_rule(self) -> None:
        self.states.update('node2@gamma', report(pool('p', storage_protocol='NFS')), T1)
        self.assertEqual(4, len(self.names(None, {})))

    def test_bad_regular_expression(self) -> None:
        error = self.assertRaises(exceptions.Invalid, self.states.pool_list, {'pool': '('})
        self.assertIn("Filter pool: '('", error.message)

    def test_dead_service_lingers_until_the_next_request(self) -> None:
        alive = [Service('node1@alpha')]
        self.assertEqual(3, len(self.names()))
        self.states.pools(alive)
        self.assertEqual(['node1@alpha#gold', 'node1@alpha#silver'], self.names())
        self.states.pools([*alive, Service('node1@beta')])
        self.assertEqual(3, len(self.names()))

    def test_report_brings_a_pool_back(self) -> None:
        self.states.pools([])
        self.assertEqual([], self.names())
        self.states.update('node1@beta', report(pool('gold')), T2)
        self.assertEqual(['node1@beta#gold'], self.names())


class VariablesTest(TestCase):
    def test_scopes(self) -> None:
        state = PoolState(
            'n@a#p',
            {'free_capacity_gb': 10, 'total_capacity_gb': 20, 'vendor': 'v'},
            availability_zone='nova',
        )
        state.consume(4)
        request = Request(
            size=4,
            share={'share_proto': 'NFS'},
            share_type={'extra_specs': {'tier': 'gold'}},
        )
        scopes = state.variables(request)
        for scope, name, expected in [
            ('stats', 'free_capacity_gb', 6),
            ('stats', 'total_capacity_gb', 20),
            ('stats', 'allocated_capacity_gb', 4),
            ('stats', 'host', 'n@a#p'),
            ('stats', 'vendor', 'v'),
            ('stats', 'availability_zone', 'nova'),
            ('capabilities', 'free_capacity_gb', 10),
            ('extra', 'tier', 'gold'),
            ('share', 'size', 4),
            ('share', 'share_proto', 'NFS'),
        ]:
            self.assertEqual(expected, scopes[scope][name], f'{scope}.{name}')

    def test_size_of_the_share_when_it_grows(self) -> None:
        scopes = PoolState('n@a#p', {}).variables(Request(size=4, extend=True, share={'size': 9}))
        self.assertEqual(9, scopes['share']['size'])
