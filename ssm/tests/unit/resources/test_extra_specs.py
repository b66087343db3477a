# SPDX-License-Identifier: Apache-2.0

"""Which extra specs a share type may have."""

from ssm.common import exceptions
from ssm.resources import extra_specs
from ssm.tests.base import TestCase


class ValidTest(TestCase):
    def test_values_become_strings(self) -> None:
        self.assertEqual(
            {'a': 'True', 'b': '5', 'c': 'x'}, extra_specs.valid({'a': True, 'b': 5, 'c': 'x'})
        )

    def test_zones_lose_their_blanks(self) -> None:
        found = extra_specs.valid({'availability_zones': ' one ,two words'})
        self.assertEqual('one,two words', found['availability_zones'])

    def test_good_ones(self) -> None:
        for key, value in (
            ('driver_handles_share_servers', 'yes'),
            ('snapshot_support', '<is> True'),
            ('snapshot_support', False),
            ('replication_type', 'dr'),
            ('provisioning:max_share_size', '7'),
            ('encryption_support', 'share_server'),
            ('vendor:any.key-1', 'v' * 255),
            ('k' * 255, 'v'),
        ):
            self.assertEqual({key: str(value)}, extra_specs.valid({key: value}))

    def test_bad_ones(self) -> None:
        for key, value in (
            ('driver_handles_share_servers', '<is> True'),
            ('snapshot_support', '<is> maybe'),
            ('replication_type', 'DR'),
            ('provisioning:min_share_size', '0'),
            ('provisioning:min_share_size', '-1'),
            ('provisioning:min_share_size', '1.5'),
            ('availability_zones', 'one,,two'),
            ('availability_zones', ' '),
            ('encryption_support', 'disk'),
            ('k' * 256, 'v'),
            ('', 'v'),
            ('a b', 'v'),
            ('a/b', 'v'),
            ('k', ''),
            ('k', 'v' * 256),
            ('k', None),
            ('k', {}),
        ):
            self.assertRaises(exceptions.Invalid, extra_specs.valid, {key: value})
        for given in (None, [], 'word'):
            self.assertRaises(exceptions.Invalid, extra_specs.valid, given)


class SatisfiesTest(TestCase):
    def test_each_wanted_spec_has_to_be_there(self) -> None:
        specs = {'a': '1', 'b': '2', 'availability_zones': 'one,two'}
        for wanted, expected in (
            ({}, True),
            ({'a': '1'}, True),
            ({'a': '1', 'b': '1'}, False),
            ({'c': '1'}, False),
            ({'availability_zones': 'two'}, True),
            ({'availability_zones': 'two, one'}, True),
            ({'availability_zones': 'two,three'}, False),
        ):
            self.assertIs(expected, extra_specs.satisfies(specs, wanted), wanted)

    def test_without_zones_a_type_is_for_all(self) -> None:
        self.assertTrue(extra_specs.satisfies({}, {'availability_zones': 'any'}))
