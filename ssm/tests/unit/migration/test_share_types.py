# SPDX-License-Identifier: Apache-2.0

"""Extra specs of the types in use against what the destination reports."""

from __future__ import annotations

from typing import Any

from ssm.common import exceptions
from ssm.db import models
from ssm.migration import requests, share_types
from ssm.tests import base
from ssm.tests.unit.migration import scenario


def share(name: str = 'gold', protocol: str = 'NFS', **specs: str) -> dict[str, Any]:
    return {
        'share_proto': protocol,
        'share_type': {'id': f'id-{name}', 'name': name, 'extra_specs': specs},
    }


class TestFindings(base.TestCase):
    report = {
        'share_backend_name': 'BETA',
        'storage_protocol': 'NFS',
        'driver_handles_share_servers': True,
        'pools': [
            {'pool_name': 'a', 'dedupe': True, 'tier': 'slow'},
            {'pool_name': 'b', 'dedupe': False, 'tier': 'fast'},
        ],
    }

    def found(self, *shares: dict[str, Any], **report: Any) -> list[tuple[str, str]]:
        return [
            (finding.severity.value, finding.message)
            for finding in share_types.findings('n@beta', shares, self.report | report)
        ]

    def test_one_pool_that_satisfies_all_is_enough(self) -> None:
        self.assertEqual([], self.found(share(dedupe='<is> True', tier='slow')))
        self.assertEqual([], self.found(share(driver_handles_share_servers='True')))
        self.assertEqual([], self.found())

    def test_type_spec_wanted_and_offered_are_named(self) -> None:
        self.assertEqual(
            [('error', "Share type gold wants dedupe '<is> False', n@beta offers True.")],
            self.found(share(dedupe='<is> False', tier='slow')),
        )
        self.assertEqual(
            [('error', "Share type gold wants qos '<is> True', n@beta offers None.")],
            self.found(share(qos='<is> True')),
        )

    def test_each_type_once(self) -> None:
        found = self.found(share(tier='x'), share(tier='x'), share('silver', tier='y'))
        self.assertEqual(2, len(found))

    def test_name_of_the_back_end_only_warns(self) -> None:
        self.assertEqual(
            [
                (
                    'warning',
                    "Share type gold wants share_backend_name 'ALPHA', n@beta offers 'BETA'.",
                )
            ],
            self.found(share(share_backend_name='ALPHA', dedupe='<is> True')),
        )

    def test_protocol(self) -> None:
        (found,) = self.found(share(protocol='CIFS'))
        self.assertIn('storage_protocol', found[1])

    def test_zones_and_scoped_specs_are_not_for_pools(self) -> None:
        specs = {'availability_zones': 'x', 'provisioning:max_share_size': '1'}
        self.assertEqual([], self.found(share(**specs)))

    def test_no_pools(self) -> None:
        (found,) = self.found(share(tier='slow', storage_protocol='NFS'), pools=[])[:1]
        self.assertEqual('error', found[0])
        self.assertEqual([], self.found(share(tier='x'), pools=None, tier='x'))

    def test_a_share_without_a_type(self) -> None:
        self.assertEqual([], self.found({'share_proto': 'NFS', 'share_type': {}}))


class TestCheck(scenario.ScenarioCase):
    def specify(self, **specs: str) -> None:
        self.seed()
        (share_type,) = self.query(scenario.sa.select(models.ShareType.id))
        self.add(
            *(
                models.ShareTypeExtraSpec(share_type_id=share_type, spec_key=key, spec_value=value)
                for key, value in specs.items()
            )
        )

    def check(self) -> dict[str, Any]:
        return requests.check(self.context, self.source_id, scenario.BODY)

    def test_unmet(self) -> None:
        self.specify(dedupe='<is> True')
        answer = self.check()
        self.assertIs(False, answer['compatible'])
        self.assertIs(True, answer['supported_capabilities']['writable'])
        (reason,) = answer['reasons']
        self.assertEqual(('extra_spec_unmet', 'error'), (reason['code'], reason['severity']))
        error = self.assertRaises(exceptions.Conflict, self.start)
        self.assertIn('dedupe', error.message)

    def test_met(self) -> None:
        self.specify(dedupe='<is> False', snapshot_support='True')
        self.assertIs(True, self.check()['compatible'])

    def test_bound_by_name(self) -> None:
        self.specify(share_backend_name='ALPHA')
        answer = self.check()
        self.assertIs(True, answer['compatible'])
        self.assertEqual(['warning'], [reason['severity'] for reason in answer['reasons']])
        self.to_phase1_done()
        self.assertEqual(['extra_spec_unmet'], self.codes())

    def test_a_report_that_fails(self) -> None:
        self.seed()
        self.stanza('beta', dummy_driver_failures={'get_share_stats': 'error'})
        answer = self.check()
        self.assertIs(False, answer['compatible'])
        self.assertEqual(['driver_failed'], [reason['code'] for reason in answer['reasons']])

    def test_no_network_left(self) -> None:
        self.seed()
        self.change(models.ShareNetworkSubnet, deleted='x')
        error = self.assertRaises(exceptions.Invalid, self.check)
        self.assertEqual('share_network_gone', error.findings[0].code)
