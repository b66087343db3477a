# SPDX-License-Identifier: Apache-2.0

"""Each filter: which pools pass, and what it says of those that do not."""

from collections.abc import Iterable
from typing import Any

from ssm.scheduler import filters
from ssm.scheduler.filters.base import Filter
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request
from ssm.tests.base import TestCase


def pool(host: str = 'n@a#p', **capabilities: Any) -> PoolState:
    zone = capabilities.pop('zone', 'nova')
    return PoolState(host, capabilities, availability_zone_id=f'{zone}-id', availability_zone=zone)


def specs(**extra_specs: str) -> dict[str, Any]:
    return {'share_type': {'extra_specs': extra_specs}}


class FilterTestCase(TestCase):
    def filter(self, name: str) -> Filter:
        (loaded,) = filters.load([name])
        return loaded

    def check(self, name: str, rows: Iterable[tuple[PoolState, dict[str, Any], bool]]) -> None:
        """Rows of pool, fields of the request, whether it passes."""
        tested = self.filter(name)
        for state, fields, expected in rows:
            got = tested.passes(state, Request(**fields))
            self.assertIs(expected, got, f'{state} {fields}')
            if not got:
                self.assertIsInstance(tested.reason([state], Request(**fields)), str)

    def says(self, name: str, refused: list[PoolState], **fields: Any) -> str:
        return self.filter(name).reason(refused, Request(**fields))


class DetailsTest(FilterTestCase):
    def test_message_details_and_codes(self) -> None:
        details = {
            'OnlyHostFilter': '002',
            'AvailabilityZoneFilter': '007',
            'CapacityFilter': '009',
            'CapabilitiesFilter': '008',
            'DriverFilter': '010',
            'ShareReplicationFilter': '014',
            'CreateFromSnapshotFilter': '016',
            'AffinityFilter': '002',
            'AntiAffinityFilter': '002',
        }
        loaded = filters.load(details)
        self.assertEqual(list(details), [type(filter_).__name__ for filter_ in loaded])
        self.assertEqual(list(details.values()), [filter_.message_detail for filter_ in loaded])
        self.assertEqual(len(loaded), len({filter_.code for filter_ in loaded}))

    def test_finding(self) -> None:
        request = Request(size=3)
        refused = [
            pool(free_capacity_gb=1, total_capacity_gb=4),
            pool('n@a#q', free_capacity_gb=None),
        ]
        finding = self.filter('CapacityFilter').finding(refused, 5, request)
        self.assertEqual('no_capacity', finding.code)
        self.assertEqual(
            'CapacityFilter refused 2 of 5 pools: 3 GiB are needed, the best of them, n@a#p, '
            'takes 1.',
            finding.message,
        )
        self.assertIn('reserve', finding.hint)


class OnlyHostTest(FilterTestCase):
    def test_passes(self) -> None:
        hint = {'only_host': 'n@a#p'}
        self.check(
            'OnlyHostFilter',
            [
                (pool(), {}, True),
                (pool(), {'is_host_admin': True}, True),
                (pool(), hint | {'is_host_admin': True}, True),
                (pool('n@a#q'), hint | {'is_host_admin': True}, False),
                (pool('n@a#pq'), hint | {'is_host_admin': True}, False),
                (pool(), {'only_host': 'n@a', 'is_host_admin': True}, False),
                (pool(), {'only_host': '', 'is_host_admin': True}, False),
                (pool('n@a#q'), hint, True),
            ],
        )

    def test_disabled_services(self) -> None:
        for fields, expected in [
            ({}, False),
            ({'is_host_admin': True}, False),
            ({'only_host': 'n@a#p'}, False),
            ({'only_host': 'n@a#p', 'is_host_admin': True}, True),
        ]:
            self.assertIs(expected, Request(**fields).considers_disabled, str(fields))

    def test_reason(self) -> None:
        self.assertIn('n@a#x', self.says('OnlyHostFilter', [pool()], only_host='n@a#x'))


class AvailabilityZoneTest(FilterTestCase):
    def test_passes(self) -> None:
        multiple = {'share_server_multiple_subnet_support': True}
        self.check(
            'AvailabilityZoneFilter',
            [
                (pool(), {}, True),
                (pool(), {'availability_zone_id': 'nova-id'}, True),
                (pool(), {'availability_zone_id': 'mars-id'}, False),
                (pool(), {'availability_zones': ['mars', 'nova']}, True),
                (pool(), {'availability_zones': ['mars']}, False),
                (pool(), {'availability_zones': []}, False),
                (pool(), {'availability_zone_id': 'nova-id', 'availability_zones': []}, False),
                (
                    pool(),
                    {'availability_zone_id': 'mars-id', 'availability_zones': ['nova']},
                    False,
                ),
                (pool(), {'subnets_by_zone': {'nova': 1}}, True),
                (pool(), {'subnets_by_zone': {'nova': 2}}, False),
                (pool(**multiple), {'subnets_by_zone': {'nova': 2}}, True),
                (pool(share_server_multiple_subnet_support=False), {'default_subnets': 2}, False),
                (pool(), {'subnets_by_zone': {'mars': 2}}, True),
                (pool(), {'default_subnets': 1}, True),
                (pool(), {'default_subnets': 2}, False),
                (pool(**multiple), {'default_subnets': 2}, True),
                (pool(), {'default_subnets': 2, 'subnets_by_zone': {'nova': 1}}, True),
            ],
        )

    def test_reason(self) -> None:
        refused = [pool(zone='mars'), pool(zone='venus'), pool()]
        text = self.says(
            'AvailabilityZoneFilter',
            refused,
            availability_zone_id='nova-id',
            availability_zones=['nova'],
            subnets_by_zone={'nova': 2},
        )
        for part in ('zone id nova-id', 'zones nova', '2 are in mars, venus', '1 do not report'):
            self.assertIn(part, text)


class CapacityTest(FilterTestCase):
    def test_thick(self) -> None:
        def size(value: float) -> dict[str, Any]:
            return {'size': value}

        def sized(free: Any, total: Any = 100, **more: Any) -> PoolState:
            return pool(free_capacity_gb=free, total_capacity_gb=total, **more)

        reserve = {
            'reserved_percentage': 10,
            'reserved_snapshot_percentage': 20,
            'reserved_share_extend_percentage': 30,
        }
        clone, growing = {'snapshot_host': 'n@a#p'}, {'extend': True}
        self.check(
            'CapacityFilter',
            [
                (sized(None), size(0), False),
                (sized('unknown'), size(10**9), True),
                (sized('unknown', 'unknown', **reserve), size(1), True),
                (sized('unknown', 0), size(1), True),
                (sized(10, 'unknown'), size(10), True),
                (sized(10, 'unknown'), size(11), False),
                (sized(10, 'unknown', reserved_percentage=1), size(1), False),
                (sized(10, 'unknown', reserved_snapshot_percentage=1), size(1), True),
                (sized(10, 'unknown', reserved_snapshot_percentage=1), size(1) | clone, False),
                (sized(10, 0), size(1), False),
                (sized(10, -1), size(0), False),
                (sized(10, None), size(1), False),
                (sized(10), size(10), True),
                (sized(10), size(11), False),
                (sized(10.9), size(10.5), False),
                (sized(10), size(0), True),
                (sized(5, **reserve), size(0), False),
                (sized(50, **reserve), size(40), True),
                (sized(50, **reserve), size(41), False),
                (sized(50, **reserve), size(30) | clone, True),
                (sized(50, **reserve), size(31) | clone, False),
                (sized(50, **reserve), size(20) | growing, True),
                (sized(50, **reserve), size(21) | growing, False),
                (sized(100, reserved_percentage=7), size(93), True),
                (sized(6000, 10**4, reserved_percentage=50), size(1000), True),
                (sized(6000, 10**4, reserved_percentage=50), size(1001), False),
                (sized(100, thin_provisioning=False), size(101), False),
                (sized(100, thin_provisioning=[False]), size(101), False),
            ],
        )

    def test_thin(self) -> None:
        def thin(free: Any = 100, total: Any = 100, **more: Any) -> PoolState:
            thin_keys = {'thin_provisioning': True, 'max_over_subscription_ratio': 2.0}
            return pool(free_capacity_gb=free, total_capacity_gb=total, **thin_keys | more)

        thick_type = specs(thin_provisioning='False')
        thin_type = specs(thin_provisioning='<is> True')
        scoped = specs(**{'capabilities:thin_provisioning': '<is> False'})
        self.check(
            'CapacityFilter',
            [
                (thin(), {'size': 200}, True),
                (thin(), {'size': 201}, False),
                (thin(thin_provisioning=[True, False]), {'size': 200}, True),
                (thin(thin_provisioning=[False]), {'size': 200}, False),
                (thin(), {'size': 200} | thin_type, True),
                (thin(), {'size': 200} | thick_type, False),
                (thin(), {'size': 100} | thick_type, True),
                (thin(), {'size': 200} | scoped, False),
                (thin(provisioned_capacity_gb=150), {'size': 50}, True),
                (thin(provisioned_capacity_gb=150), {'size': 51}, False),
                (thin(20), {'size': 40}, True),
                (thin(20), {'size': 41}, False),
                (thin(20, reserved_percentage=10), {'size': 20}, True),
                (thin(20, reserved_percentage=10), {'size': 21}, False),
                (thin(max_over_subscription_ratio=0.9), {'size': 1}, False),
                (thin(max_over_subscription_ratio=1.0), {'size': 100}, True),
                (thin(max_over_subscription_ratio=1.0), {'size': 101}, False),
                (thin(max_over_subscription_ratio=1.15), {'size': 115}, True),
                (thin(max_over_subscription_ratio=None), {'size': 2000}, True),
                (thin(max_over_subscription_ratio=None), {'size': 2001}, False),
                (thin(None), {'size': 1}, False),
                (thin('unknown'), {'size': 1000}, True),
                (thin(10, 'unknown'), {'size': 11}, False),
                (thin(10, 0), {'size': 1}, False),
            ],
        )

    def test_reason(self) -> None:
        refused = [
            pool('n@a#small', free_capacity_gb=1, total_capacity_gb=10),
            pool('n@a#none', free_capacity_gb=None),
            pool('n@a#best', free_capacity_gb=2.5, total_capacity_gb=10),
        ]
        self.assertEqual(
            '3 GiB are needed, the best of them, n@a#best, takes 2',
            self.says('CapacityFilter', refused, size=3),
        )
        self.assertIn('n@a#none, takes 0', self.says('CapacityFilter', refused[1:2], size=3))


class CapabilitiesTest(FilterTestCase):
    def test_passes(self) -> None:
        dhss = pool(driver_handles_share_servers=True, share_backend_name='A')
        self.check(
            'CapabilitiesFilter',
            [
                (pool(), {}, True),
                (dhss, specs(driver_handles_share_servers='True'), True),
                (dhss, specs(driver_handles_share_servers='False'), False),
                (pool(), specs(driver_handles_share_servers='True'), False),
                (pool(storage_protocol='NFS_CIFS'), {'share_proto': 'CIFS'}, True),
                (pool(storage_protocol=['NFS']), {'share_proto': 'CIFS'}, False),
                (pool(), {'share_proto': 'NFS'}, False),
                (dhss, specs(share_backend_name='B'), False),
                (dhss, specs(share_backend_name='B') | {'snapshot_host': 'n@b#p'}, True),
                (dhss, specs(share_backend_name='B') | {'active_replica_host': 'n@b#p'}, True),
                (pool(), specs(default_qos_type='fast'), False),
                (pool(qos_type_support=False), specs(default_qos_type='fast'), False),
                (pool(qos_type_support=True), specs(default_qos_type='fast'), True),
                (pool(), specs(availability_zones='mars'), True),
                (pool(), specs(tier='gold'), False),
                (pool(tier=['silver', 'GOLD']), specs(tier='gold'), True),
            ],
        )

    def test_reason_counts(self) -> None:
        refused = [pool(tier='silver'), pool(tier='silver', dedupe=False)]
        text = self.says(
            'CapabilitiesFilter', refused, **specs(tier='silver', dedupe='True', raid='6')
        )
        self.assertIn("dedupe 'True' (2 of them)", text)
        self.assertIn("raid '6' (2 of them)", text)
        self.assertNotIn('tier', text)


class DriverTest(FilterTestCase):
    def test_passes(self) -> None:
        small = pool(filter_function='share.size < 10', free_capacity_gb=5)
        known = {'share_id': 'id'}
        self.check(
            'DriverFilter',
            [
                (pool(), {}, True),
                (pool(filter_function=None), {}, True),
                (pool(filter_function='1 == 1'), {}, True),
                (pool(filter_function='1 == 2'), {}, False),
                (pool(filter_function='0'), {}, False),
                (pool(filter_function='7'), {}, True),
                (pool(filter_function=7), {}, True),
                (pool(filter_function=''), {}, False),
                (pool(filter_function='1 +'), {}, False),
                (pool(filter_function='stats.nothing'), {}, False),
                (small, {'size': 9} | known, True),
                (small, {'size': 10} | known, False),
                (small, {'size': 10}, True),
                (pool(filter_function='1 == 2'), {'size': 10}, False),
                (
                    pool(filter_function='stats.free_capacity_gb > 4', free_capacity_gb=5),
                    {},
                    True,
                ),
                (
                    pool(filter_function="extra.tier == 'gold'"),
                    specs(tier='gold'),
                    True,
                ),
                (
                    pool(filter_function="share.share_proto == 'NFS'"),
                    {'share': {'share_proto': 'CIFS'}},
                    False,
                ),
            ],
        )

    def test_debit_is_seen(self) -> None:
        state = pool(filter_function='stats.free_capacity_gb > 4', free_capacity_gb=5)
        state.consume(1)
        self.check('DriverFilter', [(state, {}, False)])

    def test_reason(self) -> None:
        refused = [
            pool('n@a#p', filter_function='1 == 2'),
            pool('n@b#p', filter_function='stats.nothing'),
        ]
        text = self.says('DriverFilter', refused)
        self.assertIn("n@a#p: '1 == 2' is false", text)
        self.assertIn("n@b#p: Expression 'stats.nothing': stats.nothing is not known", text)


class ShareReplicationTest(FilterTestCase):
    def test_passes(self) -> None:
        plain, kind = specs(), specs(replication_type='readable')
        further = kind | {
            'active_replica_host': 'n@b#p',
            'active_replica_domain': 'd',
            'replica_hosts': ['n@b#p', 'n@c#p'],
        }
        self.check(
            'ShareReplicationFilter',
            [
                (pool(), plain, True),
                (pool(), kind, False),
                (pool(replication_domain=None), kind, False),
                (pool(replication_domain='d'), kind, True),
                (pool(replication_domain='d'), further, True),
                (pool(replication_domain='e'), further, False),
                (pool(), further, False),
                (pool('n@c#p', replication_domain='d'), further, False),
                (pool('n@c#q', replication_domain='d'), further, True),
                (pool(), further | {'active_replica_domain': None}, False),
                (pool(replication_domain='d'), further | {'active_replica_domain': None}, False),
                (pool(), further | plain, True),
            ],
        )

    def test_reason(self) -> None:
        text = self.says(
            'ShareReplicationFilter',
            [pool(replication_domain='e')],
            active_replica_host='n@b#p',
            active_replica_domain='d',
        )
        self.assertIn('n@b#p, replication domain d; they are in e', text)


class CreateFromSnapshotTest(FilterTestCase):
    def test_passes(self) -> None:
        clone = {'snapshot_host': 'n@b#p', 'snapshot_domain': 'd'}
        self.check(
            'CreateFromSnapshotFilter',
            [
                (pool(), {}, True),
                (pool('n@b#p'), clone, True),
                (pool('n@b#q'), clone, True),
                (pool('n@bb#p'), clone, False),
                (pool('m@b#p'), clone, False),
                (pool(replication_domain='d'), clone, True),
                (pool(replication_domain='e'), clone, False),
                (pool(), clone | {'snapshot_domain': None}, False),
                (pool(replication_domain='d'), clone | {'snapshot_domain': None}, False),
            ],
        )

    def test_reason(self) -> None:
        text = self.says('CreateFromSnapshotFilter', [pool()], snapshot_host='n@b#p')
        self.assertIn('n@b#p', text)
        self.assertIn('n@a#p', text)


class AffinityTest(FilterTestCase):
    def test_same_host(self) -> None:
        self.check(
            'AffinityFilter',
            [
                (pool(), {}, True),
                (pool(), {'different_host': [['n@a#p']]}, True),
                (pool(), {'same_host': [['n@a#p']]}, True),
                (pool(), {'same_host': [['n@a#q']]}, False),
                (pool(), {'same_host': [['n@b#p', 'n@a#p']]}, True),
                (pool(), {'same_host': [['n@b#p', 'n@a#p'], ['n@a#p']]}, True),
                (pool(), {'same_host': [['n@a#p'], ['n@b#p']]}, False),
                (pool(), {'same_host': [['n@a#p'], []]}, False),
                (pool(), {'same_host': [[]]}, False),
            ],
        )

    def test_different_host(self) -> None:
        self.check(
            'AntiAffinityFilter',
            [
                (pool(), {}, True),
                (pool(), {'same_host': [['n@b#p']]}, True),
                (pool(), {'different_host': [['n@b#p']]}, True),
                (pool(), {'different_host': [['n@a#p']]}, False),
                (pool(), {'different_host': [['n@b#p'], ['n@c#p', 'n@a#p']]}, False),
                (pool(), {'different_host': [['n@b#p'], ['n@c#p']]}, True),
                (pool(), {'different_host': [['n@b#p'], []]}, False),
                (pool(), {'different_host': [[]]}, False),
            ],
        )

    def test_reasons(self) -> None:
        for name, hint in [
            ('AffinityFilter', 'same_host'),
            ('AntiAffinityFilter', 'different_host'),
        ]:
            text = self.says(name, [pool()], **{hint: [['n@b#p'], [], []]})
            self.assertIn(f'{hint} are on n@b#p, 2 of them have no host', text)
        self.assertIn('nowhere', self.says('AffinityFilter', [pool()], same_host=[[]]))


class ListedTest(TestCase):
    def test_listed(self) -> None:
        for texts, expected in [
            ([], ''),
            (['b', 'a', 'b'], 'a, b'),
            (['d', 'c', 'b', 'a'], 'a, b, c and 1 more'),
            ([None, 'a'], 'None, a'),
        ]:
            self.assertEqual(expected, filters.base.listed(texts))
