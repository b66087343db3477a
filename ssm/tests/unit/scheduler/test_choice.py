# SPDX-License-Identifier: Apache-2.0

"""The whole decision."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ssm.common import exceptions
from ssm.conf import CONF
from ssm.scheduler import choice, filters, weighers
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request
from ssm.tests.base import TestCase


def pool(host: str, free: Any = 50, **capabilities: Any) -> PoolState:
    zone = capabilities.pop('zone', 'nova')
    values = {'total_capacity_gb': 100, 'free_capacity_gb': free, 'storage_protocol': 'NFS'}
    return PoolState(
        host, values | capabilities, availability_zone_id=f'{zone}-id', availability_zone=zone
    )


def specs(**extra_specs: str) -> dict[str, Any]:
    return {'extra_specs': extra_specs}


class ChooseTest(TestCase):
    def choose(self, pools: list[PoolState], **fields: Any) -> choice.Decision:
        return choice.choose(pools, Request(**fields), CONF)

    def chosen(self, pools: list[PoolState], **fields: Any) -> str | None:
        decision = self.choose(pools, **fields)
        return decision.pool and decision.pool.host

    def test_most_room_wins(self) -> None:
        pools = [pool('n@a#p', 10), pool('n@a#q', 30), pool('n@b#p', 20)]
        decision = self.choose(pools, size=3, share_proto='NFS')
        self.assertIs(pools[1], decision.pool)
        self.assertIsNone(decision.message_detail)
        self.assertEqual([], decision.findings)
        self.assertEqual(
            'n@a#q takes 3 GiB: weight 1.000, best of 3 pools that passed.', decision.sentence
        )

    def test_nothing_is_taken_off_by_choosing(self) -> None:
        pools = [pool('n@a#p', 10)]
        self.choose(pools, size=3)
        self.assertEqual(10, pools[0].free_capacity_gb)

    def test_weights_add_up(self) -> None:
        good = {'goodness_function': '100'}
        pools = [pool('n@a#p', 50), pool('n@a#q', 40, **good), pool('n@b#p', 10, **good)]
        sums = {state.host: total for total, state in choice.weigh(pools, Request(), CONF)}
        self.assertEqual({'n@a#p': 1.0, 'n@a#q': 1.75, 'n@b#p': 1.0}, sums)
        self.assertEqual('n@a#q', self.chosen(pools))
        self.override(capacity_weight_multiplier=3.0)
        self.assertEqual('n@a#p', self.chosen([pools[0], pools[2]]))
        self.override(capacity_weight_multiplier=-1.0)
        self.assertEqual('n@b#p', self.chosen(pools))

    def test_unknown_capacity_ranks_last_either_way(self) -> None:
        pools = [pool('n@a#p', 'unknown'), pool('n@a#q', 10), pool('n@b#p', 20)]
        for multiplier, best in [(1.0, 'n@b#p'), (-1.0, 'n@a#q')]:
            self.override(capacity_weight_multiplier=multiplier)
            rated = choice.weigh(pools, Request(), CONF)
            self.assertEqual(best, rated[0][1].host)
            self.assertEqual('n@a#p', rated[-1][1].host)

    def test_equals_in_the_given_order(self) -> None:
        pools = [pool('n@b#p'), pool('n@a#p')]
        self.assertEqual('n@b#p', self.chosen(pools))
        self.assertEqual('n@a#p', self.chosen(pools[::-1]))

    def test_no_weighers(self) -> None:
        self.override(scheduler_default_weighers=[])
        self.assertEqual('n@a#p', self.chosen([pool('n@a#p', 10), pool('n@b#p', 90)]))

    def test_no_filters(self) -> None:
        self.override(scheduler_default_filters=[])
        self.assertEqual('n@a#p', self.chosen([pool('n@a#p', 0)], size=5))

    def test_no_pools(self) -> None:
        decision = self.choose([])
        self.assertIsNone(decision.pool)
        self.assertEqual('028', decision.message_detail)
        self.assertEqual(['no_pools'], [finding.code for finding in decision.findings])
        self.assertIn('No live back end', decision.sentence)

    def test_detail_is_that_of_the_filter_that_left_nothing(self) -> None:
        small, protocol = pool('n@a#p', 1), pool('n@b#p', storage_protocol='CIFS')
        for pools, fields, detail, codes in [
            ([small], {'size': 3}, '009', ['no_capacity']),
            ([protocol], {}, '008', ['capabilities']),
            ([small, protocol], {'size': 3}, '008', ['no_capacity', 'capabilities']),
            ([small], {'availability_zones': ['mars'], 'size': 3}, '007', ['availability_zone']),
            ([small], {'only_host': 'x', 'is_host_admin': True}, '002', ['not_only_host']),
            ([pool('n@a#p', filter_function='0')], {}, '010', ['filter_function']),
            (
                [small],
                {'share_type': specs(replication_type='dr')},
                '008',
                ['capabilities'],
            ),
            (
                [pool('n@a#p', replication_type='dr')],
                {'share_type': specs(replication_type='dr')},
                '014',
                ['share_replication'],
            ),
            ([small], {'snapshot_host': 'n@gone#p'}, '016', ['create_from_snapshot']),
            ([small], {'same_host': [[]]}, '002', ['same_host']),
            ([small], {'different_host': [['n@a#p']]}, '002', ['different_host']),
        ]:
            decision = self.choose(pools, share_proto='NFS', **fields)
            self.assertIsNone(decision.pool)
            self.assertEqual(detail, decision.message_detail, str(fields))
            self.assertEqual(codes, [finding.code for finding in decision.findings])
            self.assertTrue(decision.sentence.startswith('No pool was chosen. '))

    def test_findings_count_pools_and_show_figures(self) -> None:
        pools = [pool('n@a#p', 1), pool('n@b#p', 2), pool('n@c#p', storage_protocol='CIFS')]
        decision = self.choose(pools, size=3, share_proto='NFS')
        self.assertEqual(
            [
                'CapacityFilter refused 2 of 3 pools: 3 GiB are needed, the best of them, n@b#p, '
                'takes 2.',
                'CapabilitiesFilter refused 1 of 1 pools: not satisfied are '
                "storage_protocol '<in> NFS' (1 of them).",
            ],
            [finding.message for finding in decision.findings],
        )
        for finding in decision.findings:
            self.assertIn(finding.message, decision.sentence)

    def test_success_tells_what_was_left_out(self) -> None:
        decision = self.choose([pool('n@a#p', 1), pool('n@b#p', 9)], size=3)
        self.assertEqual('n@b#p', decision.pool.host)
        self.assertEqual(['no_capacity'], [finding.code for finding in decision.findings])
        self.assertIn('CapacityFilter refused 1 of 2', decision.sentence)

    def test_named_host(self) -> None:
        pools = [pool('n@a#p', 10), pool('n@b#p', 90)]
        self.assertEqual('n@a#p', self.chosen(pools, host='n@a#p', size=3))
        self.assertIsNone(self.chosen(pools, host='n@a#p', size=30))
        decision = self.choose(pools, host='n@a#q', size=3)
        self.assertEqual('002', decision.message_detail)
        self.assertEqual(['no_such_pool'], [finding.code for finding in decision.findings])
        self.assertIn('n@a#q', decision.sentence)

    def test_extend_has_filters_of_its_own(self) -> None:
        other = pool('n@a#p', 50, storage_protocol='CIFS', reserved_share_extend_percentage=20)
        asked = {'host': 'n@a#p', 'extend': True, 'share_proto': 'NFS'}
        self.assertEqual('n@a#p', self.chosen([other], size=30, **asked))
        decision = self.choose([other], size=31, **asked)
        self.assertEqual('009', decision.message_detail)
        self.override(scheduler_default_extend_filters=['CapabilitiesFilter'])
        self.assertEqual('008', self.choose([other], size=1, **asked).message_detail)

    def test_domain_and_zone_of_the_snapshot_are_found(self) -> None:
        source = pool('n@a#p', 0, replication_domain='d', zone='mars')
        near = pool('n@b#p', 10, replication_domain='d', zone='mars')
        far = pool('n@c#p', 90, replication_domain='d', zone='venus')
        alien = pool('n@d#p', 95, replication_domain='e', zone='mars')
        self.override(capacity_weight_multiplier=0.0)
        pools = [source, far, near, alien]
        for host in ('n@a#p', 'n@a#vanished'):
            self.assertEqual('n@b#p', self.chosen(pools, snapshot_host=host, size=5), host)
        self.assertEqual('n@a#p', self.chosen(pools, snapshot_host='n@a#p', size=0))

    def test_domain_is_that_of_the_very_pool(self) -> None:
        pools = [
            pool('n@a#p', 0, replication_domain='d'),
            pool('n@a#q', 0, replication_domain='e'),
            pool('n@b#p', replication_domain='d'),
            pool('n@c#p', replication_domain='e'),
        ]
        for host, expected in [('n@a#p', 'n@b#p'), ('n@a#q', 'n@c#p')]:
            self.assertEqual(expected, self.chosen(pools, snapshot_host=host, size=5))

    def test_domain_of_the_active_replica_is_found(self) -> None:
        kind = {'replication_type': 'dr'}
        pools = [
            pool('n@a#p', 90, replication_domain='d', **kind),
            pool('n@b#p', 80, replication_domain='e', **kind),
            pool('n@c#p', 70, replication_domain='d', **kind),
            pool('n@d#p', 60, replication_domain='d', **kind),
        ]
        asked = {
            'share_type': specs(replication_type='dr'),
            'active_replica_host': 'n@a#p',
            'replica_hosts': ['n@a#p', 'n@c#p'],
        }
        self.assertEqual('n@d#p', self.chosen(pools, **asked))
        self.assertIsNone(self.chosen(pools[1:], **asked))

    @settings(max_examples=100, deadline=None)
    @given(
        frees=st.lists(
            st.one_of(st.integers(0, 100), st.none(), st.just('unknown')), min_size=1, max_size=6
        ),
        size=st.integers(0, 120),
    )
    def test_chosen_pool_has_the_room_if_any_has(self, frees: list[Any], size: int) -> None:
        pools = [pool(f'n@a#{index}', free) for index, free in enumerate(frees)]
        decision = self.choose(pools, size=size)
        known = [free for free in frees if isinstance(free, int) and free >= size]
        if known:
            self.assertEqual(max(known), decision.pool.free_capacity_gb)
        elif 'unknown' in frees:
            self.assertEqual('unknown', decision.pool.free_capacity_gb)
        else:
            self.assertEqual('009', decision.message_detail)


class PluginsTest(TestCase):
    def test_unknown_names(self) -> None:
        for option, fields in [
            ('scheduler_default_filters', {}),
            ('scheduler_default_extend_filters', {'extend': True}),
            ('scheduler_default_weighers', {}),
        ]:
            self.override(**{option: ['CapacityNonsense']})
            request = Request(**fields)
            for _again in range(2):
                error = self.assertRaises(
                    exceptions.ConfigurationError, choice.choose, [pool('n@a#p')], request, CONF
                )
                self.assertIn(f'[DEFAULT] {option}: ', error.message)
                self.assertIn('CapacityNonsense', error.message)
            CONF.clear_override(option)

    def test_order_is_that_of_the_names(self) -> None:
        for load, names in [
            (filters.load, ['DriverFilter', 'CapacityFilter', 'AffinityFilter']),
            (weighers.load, ['HostAffinityWeigher', 'CapacityWeigher']),
        ]:
            for order in names, names[::-1]:
                self.assertEqual(order, [type(loaded).__name__ for loaded in load(order)])

    def test_defaults_can_be_loaded(self) -> None:
        self.assertEqual(9, len(filters.load(CONF.scheduler_default_filters)))
        self.assertEqual(2, len(filters.load(CONF.scheduler_default_extend_filters)))
        self.assertEqual(3, len(weighers.load(CONF.scheduler_default_weighers)))


class RequestTest(TestCase):
    def test_travels_as_json(self) -> None:
        request = Request(
            share_instance_id='i',
            size=3,
            share={'size': 3},
            share_type=specs(a='b'),
            availability_zones=['nova'],
            subnets_by_zone={'nova': 2},
            same_host=[['n@a#p'], []],
        )
        self.assertEqual(request, Request.from_dict(json.loads(json.dumps(request.to_dict()))))

    def test_extra_specs(self) -> None:
        for share_type, expected in [
            ({}, {}),
            ({'extra_specs': None}, {}),
            ({'extra_specs': {'a': 'b'}}, {'a': 'b'}),
        ]:
            self.assertEqual(expected, Request(share_type=share_type).extra_specs)
