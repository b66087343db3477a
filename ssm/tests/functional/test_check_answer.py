# SPDX-License-Identifier: Apache-2.0

"""The answer of check: which keys, which values (contract 2.4), and that nothing is changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ssm.common.findings import Finding
from ssm.db import models
from ssm.tests.functional.migration import BODY, ApiCase

CAPABILITIES = (
    'writable',
    'nondisruptive',
    'preserve_snapshots',
    'migration_cancel',
    'migration_get_progress',
)


class AnswerTest(ApiCase):
    def check(self, **body: Any) -> dict[str, Any]:
        return self.act(200, 'migration_check', BODY | body)

    def network_id(self) -> str:
        (found,) = self.query(sa.select(models.ShareNetwork.id))
        return found

    def test_keys_are_the_guides(self) -> None:
        self.seed()
        answer = self.check()
        self.assertEqual(
            ['compatible', 'requested_capabilities', 'supported_capabilities'], list(answer)
        )
        requested = ['writable', 'nondisruptive', 'preserve_snapshots', 'share_network_id', 'host']
        self.assertEqual(requested, list(answer['requested_capabilities']))
        supported = [*requested[:4], 'migration_cancel', 'migration_get_progress']
        self.assertEqual(supported, list(answer['supported_capabilities']))

    def test_requested_values_come_back_as_they_were(self) -> None:
        self.seed()
        for value in ('False', False, 'no', '0'):
            requested = self.check(nondisruptive=value)['requested_capabilities']
            self.assertEqual((value, 'True'), (requested['nondisruptive'], requested['writable']))
            self.assertIs(type(value), type(requested['nondisruptive']))

    def test_supported_network_is_the_servers_or_the_new_one(self) -> None:
        self.seed()
        answer = self.check()
        self.assertIsNone(answer['requested_capabilities']['share_network_id'])
        self.assertEqual(self.network_id(), answer['supported_capabilities']['share_network_id'])
        self.add(
            models.ShareNetwork(id='n2', project_id='p1'),
            models.ShareNetworkSubnet(share_network_id='n2'),
        )
        answer = self.check(new_share_network_id='n2')
        self.assertEqual('n2', answer['requested_capabilities']['share_network_id'])
        self.assertEqual('n2', answer['supported_capabilities']['share_network_id'])

    def test_cancel_and_progress_are_the_drivers(self) -> None:
        for name in ('migration_cancel', 'migration_get_progress'):
            self.stanza('beta', dummy_driver_capabilities={name: False})
            self.fresh()
            answer = self.check()
            self.assertIs(True, answer['compatible'])
            supported = answer['supported_capabilities']
            self.assertEqual([name], [key for key in CAPABILITIES[3:] if not supported[key]])

    def test_unknown_capabilities_are_null(self) -> None:
        self.seed()
        self.stanza('beta', driver_handles_share_servers=False)
        self.assert_unknown('destination_without_share_servers')
        self.stanza('beta', driver_handles_share_servers=True)
        failing = {'share_server_migration_check_compatibility': 'error'}
        self.stanza('beta', dummy_driver_failures=failing)
        self.assert_unknown('driver_failed')

    def assert_unknown(self, reason: str) -> None:
        answer = self.check()
        supported = answer['supported_capabilities']
        self.assertEqual({None}, {supported[name] for name in CAPABILITIES})
        self.assertEqual(self.network_id(), supported['share_network_id'])
        self.assertIs(False, answer['compatible'])
        self.assertEqual(reason, answer['reasons'][0]['code'])

    def test_what_a_back_end_finds_is_told(self) -> None:
        self.seed()
        finding = Finding(
            'no_space', 'Pool has 31 GiB, 40 are needed.', 'Free some.', object_type='share'
        )

        def check(*_arguments: Any) -> dict[str, Any]:
            return {'compatible': False, 'findings': [finding], 'debug': 'not for clients'}

        self.drivers['beta'].share_server_migration_check_compatibility = check
        answer = self.check()
        self.assertEqual(
            ['incompatible_back_ends', 'no_space'],
            [reason['code'] for reason in answer['reasons']],
        )
        self.assertEqual(finding.to_dict(), answer['reasons'][1])
        self.assertNotIn('debug', answer['supported_capabilities'])

    def test_the_driver_is_told_what_to_judge_by(self) -> None:
        self.seed()
        asked: list[Any] = []

        def check(*arguments: Any) -> dict[str, Any]:
            asked.extend(arguments[1:])
            return {'compatible': True, 'preserve_snapshots': True}

        self.drivers['beta'].share_server_migration_check_compatibility = check
        self.check()
        server, host, old, new, spec = asked
        self.assertEqual((self.source_id, 'node1@alpha'), (server['id'], server['host']))
        self.assertEqual(('node1@beta', self.network_id()), (host, new['id']))
        self.assertEqual(old, new)
        self.assertEqual((2, 2), (spec['shares_size'], spec['snapshots_size']))
        specs = {
            name: value
            for each in spec['shares_req_spec']
            for name, value in each['share_type']['extra_specs'].items()
        }
        self.assertEqual({'driver_handles_share_servers': 'True'}, specs)

    def test_check_changes_nothing(self) -> None:
        self.seed()
        before = self.everything()
        self.check()
        self.check(nondisruptive='True')
        self.assertEqual(before, self.everything())

    def everything(self) -> list[Any]:
        return [
            [vars(row) | {'_sa_instance_state': None} for row in self.query(sa.select(model))]
            for model in (
                models.ShareServer,
                models.ShareInstance,
                models.SnapshotInstance,
                models.AccessMapping,
                models.NetworkAllocation,
                models.Migration,
            )
        ]
