# SPDX-License-Identifier: Apache-2.0

"""The standalone network plug-in: options, and which addresses it gives out."""

import ipaddress
import pathlib

from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg

from ssm.common import exceptions
from ssm.network import base, standalone
from ssm.tests.base import TestCase

_PREFIX = 'standalone_network_plugin_'
_FAMILIES = ('network_plugin_ipv4_enabled', 'network_plugin_ipv6_enabled')


def parsed(directory: str, options: dict[str, str]) -> cfg.ConfigOpts:
    """A configuration read from a file with one stanza, ``net``; short names get the prefix."""
    lines = (
        f'{name if name in (*_FAMILIES, "network_api_class") else _PREFIX + name} = {value}'
        for name, value in options.items()
    )
    file = pathlib.Path(directory, 'net.conf')
    file.write_text('[net]\n' + '\n'.join(lines))
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(file)])
    return conf


V4 = {'gateway': '10.0.0.1', 'mask': '29'}
V6 = {'network_plugin_ipv6_enabled': 'true', 'gateway': 'fd00::1', 'mask': '64'}


class StandaloneTest(TestCase):
    def plugin(self, **options: str) -> standalone.StandaloneNetwork:
        return standalone.StandaloneNetwork(parsed(self.state_path, options), 'net')

    def addresses(self, used: set[str], count: int, **options: str) -> list[str]:
        chosen = self.plugin(**options).allocate(None, used, count)
        return [allocation['ip_address'] for allocation in chosen]

    def test_lowest_free_addresses(self) -> None:
        for label, options, used, expected in [
            ('whole network', V4, set(), ['10.0.0.2', '10.0.0.3']),
            ('used ones left out', V4, {'10.0.0.2', '10.0.0.4'}, ['10.0.0.3', '10.0.0.5']),
            ('strangers do not matter', V4, {'192.168.0.2', 'fd00::2'}, ['10.0.0.2', '10.0.0.3']),
            (
                'gateway in the middle',
                V4 | {'gateway': '10.0.0.2'},
                set(),
                ['10.0.0.1', '10.0.0.3'],
            ),
            ('mask as address', V4 | {'mask': '255.255.255.0'}, set(), ['10.0.0.2', '10.0.0.3']),
            (
                'ranges in any order, overlapping',
                V4 | {'allowed_ip_ranges': '10.0.0.5-10.0.0.6,10.0.0.3, 10.0.0.3-10.0.0.5'},
                {'10.0.0.5'},
                ['10.0.0.3', '10.0.0.4'],
            ),
            (
                'reserved ones inside the ranges',
                V4 | {'allowed_ip_ranges': '10.0.0.0-10.0.0.2,10.0.0.6-10.0.0.7'},
                set(),
                ['10.0.0.2', '10.0.0.6'],
            ),
            ('IPv6, no long wait', V6, {'fd00:0:0::2'}, ['fd00::3', 'fd00::4']),
            (
                'IPv6 range',
                V6 | {'allowed_ip_ranges': 'fd00::ff-fd00::101'},
                set(),
                ['fd00::ff', 'fd00::100'],
            ),
        ]:
            self.assertEqual(expected, self.addresses(used, 2, **options), label)

    def test_no_address_needed(self) -> None:
        self.assertEqual([], self.addresses(set(), 0, **V4))

    def test_all_or_nothing(self) -> None:
        plugin = self.plugin(**V4)
        used = {'10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'}
        self.assertEqual(1, len(plugin.allocate(None, used, 1)))
        error = self.assertRaises(base.NoFreeAddress, plugin.allocate, None, used, 2)
        self.assertEqual('no_free_address', error.code)
        self.assertIn('10.0.0.0/29', error.message)
        self.assertIn('has 1 free', error.message)
        self.assertIn('2 are needed', error.message)

    def test_what_is_written(self) -> None:
        plain = {
            'network_type': 'flat',
            'segmentation_id': None,
            'cidr': '10.0.0.0/29',
            'gateway': '10.0.0.1',
            'ip_version': 4,
            'mtu': 1500,
        }
        tagged = {'network_type': 'vlan', 'segmentation_id': 1010, 'mtu': 9000}
        six = {'cidr': 'fd00::/64', 'gateway': 'fd00::1', 'ip_version': 6}
        for label, options, expected in [
            ('defaults', V4, plain),
            ('empty type is flat', V4 | {'network_type': ''}, plain),
            ('all set', V4 | {name: str(value) for name, value in tagged.items()}, plain | tagged),
            ('IPv6 wins', V6 | {'network_plugin_ipv4_enabled': 'true'}, plain | six),
            ('IPv6 only', V6 | {'network_plugin_ipv4_enabled': 'false'}, plain | six),
        ]:
            plugin = self.plugin(**options)
            self.assertEqual(expected, plugin.subnet_values(), label)
            (allocation,) = plugin.allocate({'neutron_net_id': 'ignored'}, set(), 1)
            address = allocation.pop('ip_address')
            self.assertIn(ipaddress.ip_address(address), ipaddress.ip_network(expected['cidr']))
            self.assertEqual(expected | {'mac_address': None}, allocation, label)

    def test_bad_options(self) -> None:
        for option, options, reason in [
            (_PREFIX + 'gateway', {'mask': '24'}, 'has to be set'),
            (_PREFIX + 'gateway', V4 | {'gateway': ''}, 'has to be set'),
            (_PREFIX + 'gateway', V4 | {'gateway': '10.0.0'}, '10.0.0'),
            (_PREFIX + 'gateway', V6 | {'gateway': '10.0.0.1'}, 'no IPv6 address'),
            (_PREFIX + 'gateway', V4 | {'gateway': 'fd00::1'}, 'no IPv4 address'),
            (_PREFIX + 'mask', {'gateway': '10.0.0.1'}, 'has to be set'),
            (_PREFIX + 'mask', V4 | {'mask': '33'}, '33'),
            (_PREFIX + 'mask', V4 | {'mask': '255.0.255.0'}, '255.0.255.0'),
            (_PREFIX + 'mask', V6 | {'mask': '129'}, '129'),
            (_PREFIX + 'network_type', V4 | {'network_type': 'token ring'}, 'token ring'),
            (_PREFIX + 'segmentation_id', V4 | {'segmentation_id': 'x'}, 'x'),
            (_PREFIX + 'segmentation_id', V4 | {'segmentation_id': '-1'}, 'greater than'),
            (_PREFIX + 'mtu', V4 | {'mtu': 'big'}, 'big'),
            (_PREFIX + 'allowed_ip_ranges', V4 | {'allowed_ip_ranges': 'all'}, 'all'),
            (_PREFIX + 'allowed_ip_ranges', V4 | {'allowed_ip_ranges': '10.0.0.2-'}, "''"),
            (_PREFIX + 'allowed_ip_ranges', V4 | {'allowed_ip_ranges': '10.0.0.8'}, 'outside'),
            (
                _PREFIX + 'allowed_ip_ranges',
                V4 | {'allowed_ip_ranges': '10.0.0.2,10.0.0.3-10.0.0.9'},
                '10.0.0.9 lies outside of 10.0.0.0/29',
            ),
            (
                _PREFIX + 'allowed_ip_ranges',
                V4 | {'allowed_ip_ranges': '10.0.0.4-10.0.0.3'},
                'ends before it begins',
            ),
            (_PREFIX + 'allowed_ip_ranges', V4 | {'allowed_ip_ranges': 'fd00::1'}, 'no IPv4'),
            ('network_plugin_ipv6_enabled', V6 | {'network_plugin_ipv6_enabled': '6'}, '6'),
            (
                'network_plugin_ipv4_enabled',
                V4 | {'network_plugin_ipv4_enabled': 'false'},
                'network_plugin_ipv6_enabled',
            ),
        ]:
            with self.subTest(options):
                error = self.assertRaises(exceptions.ConfigurationError, self.plugin, **options)
                self.assertIn(f'[net] {option}: ', error.message)
                self.assertIn(reason, error.message.partition(': ')[2])


_LAST_BYTE = st.integers(min_value=0, max_value=63)
_RANGES = st.lists(st.tuples(_LAST_BYTE, _LAST_BYTE).map(sorted), max_size=4)


class AllocationProperties(TestCase):
    @settings(max_examples=150, deadline=None)
    @given(
        six=st.booleans(),
        gateway=_LAST_BYTE,
        ranges=_RANGES,
        used=st.sets(_LAST_BYTE),
        count=st.integers(min_value=0, max_value=8),
    )
    def test_lowest_free_never_reserved_used_or_twice(
        self, six: bool, gateway: int, ranges: list[list[int]], used: set[int], count: int
    ) -> None:
        def text(number: int) -> str:
            return f'fd00::{number:x}' if six else f'10.0.0.{number}'

        options = {
            'network_plugin_ipv6_enabled': str(six),
            'gateway': text(gateway),
            'mask': '122' if six else '26',
            'allowed_ip_ranges': ','.join(f'{text(a)}-{text(b)}' for a, b in ranges),
        }
        plugin = standalone.StandaloneNetwork(parsed(self.state_path, options), 'net')
        allowed = {n for a, b in ranges for n in range(a, b + 1)} or set(range(64))
        free = sorted(allowed - used - {0, gateway, 63})
        taken = {text(number) for number in used}
        if count > len(free):
            self.assertRaises(base.NoFreeAddress, plugin.allocate, None, taken, count)
            return
        chosen = plugin.allocate(None, taken, count)
        expected = [str(ipaddress.ip_address(text(number))) for number in free[:count]]
        self.assertEqual(expected, [allocation['ip_address'] for allocation in chosen])
