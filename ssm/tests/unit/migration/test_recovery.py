# SPDX-License-Identifier: Apache-2.0

"""A source that serves again after a failed cut-over is made active by one request (decision 3)."""

from __future__ import annotations

from typing import Any
from unittest import mock

from oslo_utils import fixture as utils_fixture
from oslo_utils import timeutils

from ssm.common import exceptions
from ssm.db import models
from ssm.migration import requests
from ssm.tests.unit.migration import scenario


class TestRecover(scenario.ScenarioCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = self.useFixture(utils_fixture.TimeFixture(timeutils.utcnow()))

    def fail(self, *methods: str, **body: Any) -> models.Migration:  # type: ignore[override]
        """A cut-over that fails because the driver refuses these methods."""
        self.seed()
        self.to_phase1_done(**body)
        self.break_down(*methods)
        self.complete()
        row = self.migration()
        self.assertEqual('migration_error', row.state)
        self.assertEqual('error/migration_error', self.statuses()['source'])
        return row

    def break_down(self, *methods: str) -> None:
        self.stanza(
            'beta',
            dummy_driver_failures={
                f'share_server_migration_{method}': 'refused' for method in methods
            },
        )

    def recover(self, row: models.Migration) -> None:
        requests.recover(self.context, row.id)

    def refused(self, row: models.Migration, code: str) -> None:
        before = self.statuses()
        error = self.assertRaises(exceptions.Conflict, self.recover, row)
        self.assertEqual([code], [finding.code for finding in error.findings])
        self.assertIn(error.findings[0].message, error.message)
        self.assertEqual(before, self.statuses())

    def test_statuses(self) -> None:
        for method in ('refresh', 'fence'):
            with self.subTest(method=method):
                self.break_down()
                self.fresh()
                row = self.fail(method)
                self.assertEqual('cut_over_undone', self.codes()[-1])
                self.assertIn(f'share-server-migration-recover {row.id}', row.reasons[-1]['hint'])
                self.recover(row)
                self.assertEqual(
                    {
                        'source': 'active/migration_error',
                        'destination': 'error/migration_error',
                        'shares': {'available'},
                        'snapshots': {'available'},
                        'rules': {'active'},
                        'read_only': {False},
                    },
                    self.statuses(),
                )
                self.assertEqual({self.source_id}, self.served_by())
                self.assertIsNone(self.steps()['recover']['reason'])
                self.assertTrue(self.steps()['recover']['done_at'])

    def test_a_new_migration_is_possible(self) -> None:
        row = self.fail('fence')
        self.recover(row)
        self.break_down()
        self.clock.advance_time_seconds(1)
        self.to_phase1_done()
        self.complete()
        self.assertEqual('migration_success', self.migration().state)
        self.refused(row, 'later_migration')

    def test_what_was_set_by_hand_stays(self) -> None:
        row = self.fail('fence')
        first = self.instance_ids[0]
        self.change(models.ShareInstance, models.ShareInstance.id == first, status='deleting')
        self.recover(row)
        self.assertEqual({'available', 'deleting'}, self.statuses()['shares'])

    def test_rules_are_applied_again(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        with mock.patch.object(scenario, 'apply_rules', wraps=scenario.apply_rules) as apply_rules:
            row = self.fail('fence', writable='False')
            apply_rules.reset_mock()
            self.recover(row)
        apply_rules.assert_called_once_with(self.drivers['alpha'], self.source_id)

    def test_twice(self) -> None:
        row = self.fail('fence')
        self.recover(row)
        self.refused(row, 'source_not_in_error')

    def test_destination_began_to_open(self) -> None:
        self.refused(self.fail('complete'), 'authority_unknown')

    def test_source_still_closed(self) -> None:
        row = self.fail('fence', 'unfence')
        self.assertEqual('source_still_closed', self.codes()[-1])
        self.refused(row, 'source_still_closed')

    def test_first_phase_failed(self) -> None:
        self.seed()
        self.break_down('continue')
        self.start()
        self.carry()
        self.refused(self.migration(), 'no_failed_cut_over')

    def test_nothing_failed(self) -> None:
        self.seed()
        self.refused(self.to_phase1_done(), 'no_failed_cut_over')
        self.complete()
        self.refused(self.migration(), 'no_failed_cut_over')

    def test_source_reset_by_hand(self) -> None:
        row = self.fail('fence')
        requests.override_task_state(self.context, self.source_id, None)
        self.refused(row, 'source_not_in_error')

    def test_source_gone(self) -> None:
        row = self.fail('fence')
        self.change(models.ShareServer, models.ShareServer.id == self.source_id, deleted='x')
        self.assertRaises(exceptions.Conflict, self.recover, row)

    def test_an_older_migration_of_a_server_that_failed_again(self) -> None:
        row = self.fail('fence')
        self.recover(row)
        self.break_down('complete')
        self.clock.advance_time_seconds(1)
        self.to_phase1_done()
        self.complete()
        self.refused(row, 'later_migration')
        self.refused(self.migration(), 'authority_unknown')

    def test_unknown(self) -> None:
        self.assertRaises(exceptions.NotFound, requests.recover, self.context, 'nothing')
