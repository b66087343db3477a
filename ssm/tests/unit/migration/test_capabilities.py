# SPDX-License-Identifier: Apache-2.0

"""The pure rules of what is asked and what is offered (contract 5.4, 5.7).

Every row of the contract's table goes through the API in ssm/tests/functional/test_capabilities.py.
"""

from __future__ import annotations

from ssm.migration import capabilities
from ssm.tests import base

WISHES = ('writable', 'nondisruptive', 'preserve_snapshots')


class RulesTest(base.TestCase):
    def judge(self, offered: dict[str, object], *wishes: str, snapshots: int = 0) -> list[str]:
        requested = capabilities.Requested(**{name: name in wishes for name in WISHES})
        return [
            finding.code for finding in capabilities.judge(requested, offered, snapshots=snapshots)
        ]

    def test_a_missing_key_counts_as_false(self) -> None:
        self.assertEqual(['incompatible_back_ends'], self.judge({}))
        self.assertEqual(['writable_unsupported'], self.judge({'compatible': True}, 'writable'))

    def test_all_that_is_missing_is_told_in_order(self) -> None:
        self.assertEqual(
            [
                'nondisruptive_unsupported',
                'writable_unsupported',
                'preserve_snapshots_unsupported',
            ],
            self.judge({'compatible': True}, *WISHES, snapshots=1),
        )

    def test_networks_agree_by_their_neutron_ids(self) -> None:
        def subnet(net: str, sub: str) -> dict[str, str]:
            return {'neutron_net_id': net, 'neutron_subnet_id': sub}

        one, two, three = subnet('a', '1'), subnet('a', '2'), subnet('b', '1')
        for old, new, changes in (
            ([one], [one], False),
            ([one, two], [two, one], False),
            ([one], [two], True),
            ([one], [three], True),
            ([one], [one, two], True),
            ([one, two], [one], True),
            ([one, two], [one, three], True),
        ):
            self.assertIs(changes, capabilities.network_changes(old, new), (old, new))
