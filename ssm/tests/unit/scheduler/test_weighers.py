# SPDX-License-Identifier: Apache-2.0

"""Each weigher's raw weights, and how they are scaled."""

from typing import Any

from ssm.scheduler import weighers
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request
from ssm.scheduler.weighers.base import scaled
from ssm.tests.base import TestCase


class WeigherTest(TestCase):
    def weight(self, name: str, capabilities: dict[str, Any], **fields: Any) -> float | None:
        (weigher,) = weighers.load([name])
        host = fields.pop('host', 'n@a#p')
        zone = fields.pop('zone', None)
        state = PoolState(host, capabilities, availability_zone_id=zone)
        return weigher.weight(state, Request(**fields))

    def test_capacity(self) -> None:
        thick = {'free_capacity_gb': 50, 'total_capacity_gb': 100, 'reserved_percentage': 10}
        thin = thick | {
            'thin_provisioning': True,
            'max_over_subscription_ratio': 2.0,
            'provisioned_capacity_gb': 30,
        }
        thick_type = {'share_type': {'extra_specs': {'thin_provisioning': 'False'}}}
        for capabilities, fields, expected in [
            (thick, {}, 40),
            (thick | {'free_capacity_gb': 50.9}, {}, 40),
            (thick | {'reserved_snapshot_percentage': 20}, {'snapshot_host': 'n@a#p'}, 30),
            (thin, {}, 160),
            (thin | {'free_capacity_gb': 0}, {}, 160),
            (thin | {'max_over_subscription_ratio': 1.555}, {}, 115),
            (thin | {'thin_provisioning': [False, True]}, {}, 160),
            (thin | {'total_capacity_gb': 10**4, 'reserved_percentage': 50}, {}, 14970),
            (thin, thick_type, 40),
            (thin | {'provisioned_capacity_gb': None}, {}, None),
            (thin | {'provisioned_capacity_gb': None}, thick_type, 40),
            (thick | {'free_capacity_gb': 'unknown'}, {}, None),
            (thick | {'total_capacity_gb': 'unknown'}, {}, None),
            (thin | {'free_capacity_gb': 'unknown'}, {}, None),
            (thick | {'free_capacity_gb': None}, {}, None),
        ]:
            got = self.weight('CapacityWeigher', capabilities, **fields)
            self.assertEqual(expected, got, str((capabilities, fields)))

    def test_goodness(self) -> None:
        for text, expected in [
            (None, 0),
            ('0', 0),
            ('42.5', 42.5),
            (42, 42),
            ('100', 100),
            ('100.1', 0),
            ('-1', 0),
            ('1 == 1', 100),
            ('1 == 2', 0),
            ('stats.free_capacity_gb * 10', 50),
            ('share.size < 5 ? 100 : 25', 25),
            ('stats.gone', 0),
            ('1 / 0', 0),
            ('1 +', 0),
            ('', 0),
        ]:
            capabilities = {'goodness_function': text, 'free_capacity_gb': 5}
            got = self.weight('GoodnessWeigher', capabilities, size=5)
            self.assertEqual(expected, got, str(text))
        self.assertEqual(0, self.weight('GoodnessWeigher', {}))

    def test_host_affinity(self) -> None:
        clone = {'snapshot_host': 'n@a#p', 'snapshot_zone_id': 'z'}
        for fields, host, zone, expected in [
            ({}, 'n@a#p', 'z', 0),
            (clone, 'n@a#p', 'other', 100),
            (clone, 'n@a#q', 'other', 75),
            (clone, 'n@b#p', 'z', 50),
            (clone, 'n@b#p', 'other', 25),
            (clone | {'snapshot_zone_id': None}, 'n@b#p', None, 25),
        ]:
            got = self.weight('HostAffinityWeigher', {}, host=host, zone=zone, **fields)
            self.assertEqual(expected, got, str((fields, host, zone)))


class ScaledTest(TestCase):
    def test_scaled(self) -> None:
        for raw, multiplier, expected in [
            ([], 1.0, []),
            ([5], 1.0, [0]),
            ([5, 5, 5], 1.0, [0, 0, 0]),
            ([0, 5, 10], 1.0, [0, 0.5, 1]),
            ([10, 5, 0], 1.0, [1, 0.5, 0]),
            ([-10, 10], 1.0, [0, 1]),
            ([0, 5, 10], 2.0, [0, 1, 2]),
            ([0, 5, 10], -1.0, [0, -0.5, -1]),
            ([0, 5, 10], 0.0, [0, 0, 0]),
            ([None, None], 1.0, [0, 0]),
            ([None, 3], 1.0, [0, 1]),
            ([None, 3], -1.0, [-1, 0]),
            ([None, 1, 2], 1.0, [0, 0.5, 1]),
            ([None, 1, 2], -1.0, [-1, 0, -0.5]),
        ]:
            self.assertEqual(expected, scaled(raw, multiplier), str((raw, multiplier)))
