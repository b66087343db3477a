# SPDX-License-Identifier: Apache-2.0

"""Extra specs against capabilities."""

from typing import Any

from ssm.common import extra_specs
from ssm.tests.base import TestCase


class MatchTest(TestCase):
    def test_operators(self) -> None:
        for capability, spec, expected in [
            (True, '<is> True', True),
            (True, '<is> true', True),
            (True, '<is> 1', True),
            (True, '<is> False', False),
            (False, '<is> False', True),
            (False, '<is> True', False),
            ('True', '<is> True', True),
            ('NFS', '<is> False', False),
            (True, '<is> perhaps', False),
            (False, '<is>', False),
            ('NFS_CIFS', '<in> NFS', True),
            ('nfs_cifs', '<in> CIFS', True),
            ('NFS', '<in> CIFS', False),
            ('NFS', '<in>', False),
            ('dr', '<or> readable <or> dr', True),
            ('DR', '<or> readable <or> dr', True),
            ('writable', '<or> readable <or> dr', False),
            ('read', '<or> readable', False),
            (10, '= 10', True),
            (11, '= 10', True),
            (9, '= 10', False),
            (11, '>= 10', True),
            (9.5, '>= 10', False),
            ('12', '>= 10', True),
            (10, '== 10', True),
            (10.0, '== 10', True),
            (11, '== 10', False),
            (11, '!= 10', True),
            (10, '!= 10', False),
            (9, '<= 10', True),
            (11, '<= 10', False),
            (9, '<=  10 ', True),
            ('unknown', '>= 10', False),
            (10, '>= ten', False),
            (10, '>=', False),
            ('gold', 's== gold', True),
            ('Gold', 's== gOLD', True),
            ('10', 's== 10.0', False),
            ('gold', 's!= silver', True),
            ('gold', 's!= gold', False),
            ('b', 's< c', True),
            ('c', 's< c', False),
            ('c', 's<= c', True),
            ('d', 's> c', True),
            ('c', 's> c', False),
            ('c', 's>= c', True),
            ('9', 's> 10', True),
            ('two words', 's== two words', True),
            (True, 'True', True),
            (True, 'true', True),
            (True, '1', True),
            (True, 'no', False),
            (False, 'false', True),
            (False, '0', True),
            (False, 'gold', False),
            ('alpha', 'alpha', True),
            ('Alpha', 'ALPHA', True),
            ('alpha', 'beta', False),
            ('two words', 'two words', True),
            ('a', '', False),
            (5, '5', True),
            (5, '5.0', False),
        ]:
            got = extra_specs.matches(capability, spec)
            self.assertIs(expected, got, f'{capability!r} against {spec!r}')


class UnmetTest(TestCase):
    capabilities: dict[str, Any] = {
        'driver_handles_share_servers': True,
        'storage_protocol': ['NFS', 'CIFS'],
        'dedupe': [True, False],
        'replication_type': None,
        'empty': [],
        'qos': {'max': 100, 'deep': {'er': 'x'}},
        'level': 'gold',
    }

    def test_keys(self) -> None:
        for specs, expected in [
            ({}, True),
            ({'level': 'gold'}, True),
            ({'capabilities:level': 'gold'}, True),
            ({'capabilities:level': 'silver'}, False),
            ({'missing': 'x'}, False),
            ({'missing': 's!= x'}, False),
            ({'capabilities:missing': 'x'}, False),
            ({'replication_type': 'None'}, False),
            ({'empty': ''}, False),
            ({'availability_zones': 'nova'}, True),
            ({'capabilities:availability_zones': 'nova'}, True),
            ({'default_qos_type': 'fast'}, True),
            ({'capabilities:default_qos_type': 'fast'}, False),
            ({'provisioning:max_share_size': '10'}, True),
            ({'vendor:a:b': 'x'}, True),
            ({'storage_protocol': 'nfs'}, True),
            ({'storage_protocol': '<in> CIFS'}, True),
            ({'storage_protocol': 'CEPHFS'}, False),
            ({'dedupe': 'True'}, True),
            ({'dedupe': '<is> False'}, True),
            ({'capabilities:qos:max': '>= 100'}, True),
            ({'capabilities:qos:max': '>= 101'}, False),
            ({'capabilities:qos:deep:er': 'x'}, True),
            ({'capabilities:qos:none:er': 'x'}, False),
            ({'capabilities:level:er': 'x'}, False),
            ({'driver_handles_share_servers': 'True'}, True),
            ({'driver_handles_share_servers': 'False'}, False),
            ({'level': 'gold', 'missing': 'x'}, False),
        ]:
            self.assertIs(expected, not extra_specs.unmet(specs, self.capabilities), str(specs))

    def test_names_what_is_missing(self) -> None:
        specs = {'level': 'silver', 'dedupe': 'True', 'missing': 'x'}
        found = extra_specs.unmet(specs, self.capabilities)
        self.assertEqual([('level', 'silver', 'gold'), ('missing', 'x', None)], found)
        self.assertEqual(["level 'silver'", "missing 'x'"], [str(item) for item in found])


class RewriteTest(TestCase):
    def test_booleans(self) -> None:
        specs = dict.fromkeys(
            [
                'driver_handles_share_servers',
                'snapshot_support',
                'create_share_from_snapshot_support',
                'revert_to_snapshot_support',
                'mount_snapshot_support',
                'snapshot_inherit_share_access_support',
            ],
            'True',
        )
        self.assertEqual(dict.fromkeys(specs, '<is> True'), extra_specs.rewrite(specs, None))
        self.assertEqual('True', specs['snapshot_support'])

    def test_rules(self) -> None:
        for specs, proto, any_backend, expected in [
            ({'snapshot_support': '<is> False'}, None, False, {'snapshot_support': '<is> False'}),
            ({'dedupe': 'True'}, None, False, {'dedupe': 'True'}),
            ({}, 'NFS', False, {'storage_protocol': '<in> NFS'}),
            ({'storage_protocol': 'CIFS'}, 'NFS', False, {'storage_protocol': 'CIFS'}),
            ({'share_backend_name': 'a'}, None, False, {'share_backend_name': 'a'}),
            ({'share_backend_name': 'a'}, None, True, {}),
            ({}, None, True, {}),
        ]:
            got = extra_specs.rewrite(specs, proto, any_backend=any_backend)
            self.assertEqual(expected, got, str((specs, proto, any_backend)))

    def test_protocol_rule_matches_substring_and_list(self) -> None:
        specs = extra_specs.rewrite({}, 'CIFS')
        for protocol, expected in [
            ('NFS_CIFS', True),
            (['NFS', 'CIFS'], True),
            ('NFS', False),
            (['NFS'], False),
            (None, False),
        ]:
            got = extra_specs.unmet(specs, {'storage_protocol': protocol})
            self.assertIs(expected, not got, str(protocol))
