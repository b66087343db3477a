# SPDX-License-Identifier: Apache-2.0

"""What a target is, by type, and when two rules are the same (rest-api 4.7)."""

from typing import Any

from ssm.common import exceptions
from ssm.resources import access_rules
from ssm.tests import base

GOOD = {
    'ip': [
        '10.0.0.1',
        '10.0.0.1/32',
        '10.0.0.0/8',
        '0.0.0.0/0',
        'fd8c:b029:bba6:ac54::1',
        'fd2c::/64',
        '::1/128',
    ],
    'user': ['anna', 'a' * 255, 'with space', 'x$y.z', 'анна', 'anna@b'],
    'cert': ['x', 'a' * 64, ' ' + 'a' * 64 + ' ', 'name.example'],
    'cephx': ['alice', 'a', 'a b', '~'],
}
BAD = {
    'ip': [
        '',
        '1.2.3.256',
        '1.1.1.-',
        '1.2.3.4/33',
        '1.2.3.*',
        '1.2.3.*/23',
        '1.2.3.1|23',
        '1.2.3.1/-1',
        '1.2.3.1/',
        '1.2.3.4/24',
        '10.0.0.0/255.0.0.0',
        ' 10.0.0.1',
        '10.0.0.1\n',
        'ad80::abaa:0:c2:2/-3',
        'AD80:ABAA::|26',
        '2001:DB8:2de:0:0:0:0:e13:200a',
        'fe80::1%eth0',
        'fd2c::1/64',
        None,
        7,
    ],
    'user': ['', 'abc', 'a' * 256, '....', '    ', *(f'anna{sign}' for sign in '"/\\[]:;|=,+*?<>')],
    'cert': ['', ' ', 'a' * 65, None],
    'cephx': ['', 'a.b', 'ä', 'a\tb'],
    'none': ['10.0.0.1'],
}


def wish(access_type: Any, access_to: Any, **values: Any) -> access_rules.Wish:
    return access_rules.Wish(access_type=access_type, access_to=access_to, **values)


class TargetTest(base.TestCase):
    def refused(self, *args: Any, **values: Any) -> None:
        self.assertRaises(exceptions.Invalid, access_rules.check_target, wish(*args, **values))

    def test_good_ones(self) -> None:
        for access_type, targets in GOOD.items():
            for target in targets:
                access_rules.check_target(wish(access_type, target))

    def test_bad_ones(self) -> None:
        for access_type, targets in BAD.items():
            for target in targets:
                self.refused(access_type, target)

    def test_a_type_is_a_text(self) -> None:
        self.refused(None, '10.0.0.1')
        self.refused(['ip'], '10.0.0.1')

    def test_old_microversions_know_less(self) -> None:
        access_rules.check_target(wish('ip', '10.0.0.1', ipv6=False))
        self.refused('ip', '::1', ipv6=False)
        access_rules.check_target(wish('cert', 'alice', cephx=False))
        self.refused('cephx', 'alice', cephx=False)


class DuplicateTest(base.TestCase):
    def test_addresses_compare_as_networks(self) -> None:
        existing = ['10.0.0.1', '10.1.0.0/16', 'fd2c::/64', '::1/128']
        for target in ('10.0.0.1/32', '10.1.0.0/16', 'FD2C:0::/64', '0::1'):
            self.assertTrue(access_rules.is_duplicate('ip', target, existing), target)

    def test_a_network_within_another_is_another(self) -> None:
        existing = ['10.1.0.0/16']
        for target in ('10.1.0.0', '10.1.1.0/24', '10.0.0.0/8'):
            self.assertFalse(access_rules.is_duplicate('ip', target, existing), target)

    def test_names_compare_as_text(self) -> None:
        self.assertTrue(access_rules.is_duplicate('user', 'anna', ['berta', 'anna']))
        self.assertFalse(access_rules.is_duplicate('user', 'anna', ['Anna', 'ann']))
