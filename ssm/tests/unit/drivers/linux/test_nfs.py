# SPDX-License-Identifier: Apache-2.0

"""What share servers of NFS are told, as far as nothing has to be made for it."""

from __future__ import annotations

import pathlib
import re
from typing import Any
from unittest import mock

from ssm.common import exceptions
from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.export import ganesha_config
from ssm.drivers.linux.isolation.netns import NetnsIsolation
from ssm.tests.base import TestCase


def rule(to: str, level: str = 'rw') -> dict[str, str]:
    return {'access_type': 'ip', 'access_to': to, 'access_level': level}


class ClientsTest(TestCase):
    """Access rules as lines of ganesha's configuration."""

    def clients(self, *rules: dict[str, str]) -> list[tuple[str, str]]:
        text = ganesha_config.export(1, pathlib.Path('/pool/share'), 'share', rules)
        return re.findall(r'CLIENT { Clients = (.*); Access_Type = (..); }', text)

    def test_nobody_without_rules(self) -> None:
        self.assertEqual([], self.clients())

    def test_narrow_rules_come_first(self) -> None:
        found = self.clients(rule('10.0.0.0/8', 'ro'), rule('10.1.1.1'), rule('10.1.0.0/16'))
        self.assertEqual([('10.1.1.1', 'RW'), ('10.1.0.0/16', 'RW'), ('10.0.0.0/8', 'RO')], found)

    def test_all_clients_are_two_halves(self) -> None:
        self.assertEqual([('0.0.0.0/1, 128.0.0.0/1', 'RW')], self.clients(rule('0.0.0.0/0')))
        self.assertEqual([('::/1, 8000::/1', 'RO')], self.clients(rule('::/0', 'ro')))

    def test_host_bits_do_not_matter(self) -> None:
        self.assertEqual([('10.1.0.0/16', 'RW')], self.clients(rule('10.1.2.3/16')))

    def test_rules_that_can_not_hold(self) -> None:
        for to, reason in {
            'fd00::/100': 'more than 99 bits',
            'fd00::/99': None,
            'fd00::1/128': None,
            'host.example.org': 'no address',
            '10.0.0.1; } EXPORT {': 'no address',
        }.items():
            found = ganesha_config.problem(rule(to))
            self.assertEqual(reason is None, found is None, to)
            self.assertIn(reason or '', found or '')
        self.assertIn('access level', ganesha_config.problem(rule('10.0.0.1', 'su')) or '')

    def test_names_that_would_say_something_else(self) -> None:
        for path, name in (('/a"b', 'x'), ('/a\nb', 'x'), ('/a', 'x" }'), ('/a', 'x y')):
            with self.assertRaises(exceptions.DriverRefused) as caught:
                ganesha_config.export(1, pathlib.Path(path), name, [])
            self.assertEqual('bad_name', caught.exception.findings[0].code)


class NetworkTest(TestCase):
    """Links of a server; what the kernel says of bridges is played."""

    def setUp(self) -> None:
        super().setUp()
        self.kernel = pathlib.Path(self.state_path, 'class')
        self.bridge = self.kernel / 'br0' / 'bridge'
        self.bridge.mkdir(parents=True)
        patch = mock.patch.object(privileged, 'INTERFACES', self.kernel)
        patch.start()
        self.addCleanup(patch.stop)
        self.isolation = NetnsIsolation(pool.Pool(self.state_path).server('server'))

    def info(self, **changes: Any) -> dict[str, Any]:
        allocation = {'ip_address': '10.1.0.5', 'cidr': '10.1.0.0/16', 'mac_address': None}
        info = {
            'network_type': 'flat',
            'segmentation_id': None,
            'gateway': '10.1.0.1',
            'mtu': 1450,
            'network_allocations': [allocation],
        }
        return info | changes

    def refused(self, **changes: Any) -> Any:
        with self.assertRaises(exceptions.DriverRefused) as caught:
            self.isolation.plan([self.info(**changes)], 'br0')
        return caught.exception.findings[0]

    def test_plan(self) -> None:
        second = self.info(network_allocations=[], gateway=None)
        (link,) = self.isolation.plan([self.info(), second], 'br0')['links']
        self.assertEqual(
            {
                'bridge': 'br0',
                'vlan': None,
                'mtu': 1450,
                'mac': None,
                'gateway': '10.1.0.1',
                'addresses': ['10.1.0.5/16'],
            },
            link,
        )

    def test_vlan(self) -> None:
        for content, said in ((None, 'the kernel'), ('0\n', 'the bridge br0'), ('1\n', None)):
            if content:
                (self.bridge / 'vlan_filtering').write_text(content)
            if said:
                finding = self.refused(network_type='vlan', segmentation_id=7)
                self.assertEqual('vlan_not_supported', finding.code)
                self.assertIn(said, finding.message)
        (link,) = self.isolation.plan([self.info(segmentation_id=7)], 'br0')['links']
        self.assertEqual(7, link['vlan'])
        self.assertIn('no number', self.refused(segmentation_id=4095).message)

    def test_other_types_of_networks(self) -> None:
        self.assertEqual('network_type_not_supported', self.refused(network_type='vxlan').code)

    def test_names_are_of_the_path_and_short(self) -> None:
        other = NetnsIsolation(pool.Pool(f'{self.state_path}/other').server('server'))
        self.assertNotEqual(self.isolation.name, other.name)
        self.assertLessEqual(len(f'{other.name}-99'), 15)
        self.assertEqual({'namespace': other.name}, other.details())

    def test_server_without_a_network_is_refused(self) -> None:
        for call in (self.isolation.check, self.isolation.up):
            with self.assertRaises(exceptions.DriverRefused) as caught:
                call()
            self.assertEqual('no_network', caught.exception.findings[0].code)
