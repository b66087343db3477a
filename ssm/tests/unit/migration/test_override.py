# SPDX-License-Identifier: Apache-2.0

"""A migration that is ended by hand, or loses a server, in each of its states (decision 7, F8)."""

from __future__ import annotations

from typing import Any
from unittest import mock

from ssm.common import exceptions
from ssm.db import models
from ssm.migration import claims, requests
from ssm.migration.advance import advance
from ssm.migration.states import Step
from ssm.tests.unit.migration import scenario

FIRST_PHASE = (
    None,
    Step.MAKE_SERVER,
    Step.SETUP_SERVER,
    Step.CAST_READ_ONLY,
    Step.DRIVER_START,
    Step.COPY,
)
SECOND_PHASE = (Step.CATCH_UP, Step.FENCE, Step.OPEN, Step.SWITCH)


class SomewhereCase(scenario.ScenarioCase):
    def reach(self, step: Step | None) -> Any:
        """An owner about to do a step of a migration with a read-only first phase; None: nobody."""
        self.fresh()
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed()
        if step is None or step in FIRST_PHASE:
            self.start(writable='False')
        else:
            self.to_phase1_done(writable='False')
        if step is None:
            return None
        if step in SECOND_PHASE:
            requests.complete(self.context, self.source_id)
        if step is Step.DRIVER_CANCEL:
            requests.cancel(self.context, self.source_id)
        run = self.take()
        self.drive(run, step)
        return run

    def fenced_by(self) -> str | None:
        now = self.stored()
        return now['servers'][self.source_id]['fenced_by']


class TestOverride(SomewhereCase):
    def end_by_hand(self, run: Any) -> models.Migration:
        requests.override_status(self.context, self.source_id, 'active')
        if run:
            self.assertRaises(exceptions.LeaseLost, self.finish, self.engine, run)
        before = self.visible()
        self.carry()
        self.assertEqual(before, self.visible())
        row = self.migration()
        self.assertEqual('overridden', row.state)
        self.assertIsNotNone(row.finished_at)
        self.assertEqual((None, None, None), (row.owner, row.waiting, row.wake_at))
        self.assertEqual([], claims.due(scenario.DESTINATION, set()))
        return row

    def visible(self) -> dict[str, Any]:
        """Statuses; what rules do is no status of theirs."""
        seen = self.statuses()
        return {name: seen[name] for name in ('source', 'destination', 'shares', 'snapshots')}

    def test_before_the_point_of_no_return_the_source_serves_as_before(self) -> None:
        for step in (*FIRST_PHASE, Step.CATCH_UP, Step.FENCE, Step.DRIVER_CANCEL):
            with self.subTest(step=step):
                self.end_by_hand(self.reach(step))
                self.assertEqual({self.source_id}, self.served_by())
                self.assertEqual({False}, self.statuses()['read_only'])
                self.assertEqual({'active'}, self.statuses()['rules'])

    def test_a_rest(self) -> None:
        self.reach(None)
        self.carry()
        self.end_by_hand(None)
        self.assertEqual({self.source_id}, self.served_by())

    def test_a_source_that_is_closed_is_opened(self) -> None:
        run = self.reach(Step.FENCE)
        self.drivers['beta'].share_server_migration_fence(
            self.context,
            run.objects.source,
            run.destination,
            run.objects.shares,
            run.objects.snapshots,
            mock.Mock(migration_id=run.row.id, epoch=run.row.epoch, attempt=1),
        )
        self.assertEqual(set(), self.served_by())
        self.end_by_hand(run)
        self.assertEqual({self.source_id}, self.served_by())

    def test_the_copy_is_left_alone(self) -> None:
        """Perhaps it is what was made right by hand."""
        row = self.end_by_hand(self.reach(Step.CATCH_UP))
        now = self.stored()
        copies = now['servers'][row.destination_share_server_id]['shares']
        self.assertEqual(set(self.instance_ids), set(copies))

    def test_past_the_point_of_no_return_nothing_is_touched(self) -> None:
        for step in (Step.OPEN, Step.SWITCH):
            with self.subTest(step=step):
                row = self.end_by_hand(self.reach(step))
                self.assertEqual(row.id, self.fenced_by())
                self.assertNotIn('unfence', self.steps())
                self.assertNotIn('restore_rules', self.steps())

    def test_work_that_can_not_be_ended_is_told(self) -> None:
        run = self.reach(Step.COPY)
        self.stanza(
            'beta',
            dummy_driver_capabilities={'writable': False},
            dummy_driver_failures={'share_server_migration_unfence': 'refused'},
        )
        self.end_by_hand(run)
        self.assertEqual(['dummy_failure'], self.codes())

    def test_while_it_rolls_back(self) -> None:
        run = self.reach(Step.FENCE)
        with mock.patch.object(
            self.drivers['beta'],
            'share_server_migration_fence',
            side_effect=exceptions.DriverRefused('checksum'),
        ):
            advance(run)
        self.assertTrue(self.migration().rolling_back)
        self.end_by_hand(run)
        self.assertEqual({self.source_id}, self.served_by())

    def test_of_the_destination(self) -> None:
        self.reach(None)
        self.carry()
        destination = self.migration().destination_share_server_id
        requests.override_task_state(self.context, destination, None)
        self.assertEqual('overridden', self.migration().state)
        self.carry()
        self.assertEqual('server_migrating_to/None', self.statuses()['destination'])

    def test_what_is_in_the_way_of_a_new_start_is_named(self) -> None:
        self.reach(None)
        self.carry()
        self.end_by_hand(None)
        for model in (models.ShareInstance, models.SnapshotInstance):
            self.change(model, status='available')
        error = self.assertRaises(exceptions.Conflict, self.start, writable='False')
        (finding,) = error.findings
        self.assertEqual('migration_unfinished', finding.code)
        destination = self.migration().destination_share_server_id
        self.assertIn(f'set the status of {destination} to error and delete it', finding.hint)
        requests.override_status(self.context, destination, 'error')
        self.start(writable='False')

    def test_the_rules_are_a_later_migrations_business(self) -> None:
        """The destination was down when it was ended, and comes up when another one is on."""
        self.reach(None)
        self.carry()
        old = self.migration()
        requests.override_status(self.context, self.source_id, 'active')
        requests.override_status(self.context, old.destination_share_server_id, 'error')
        for model in (models.ShareInstance, models.SnapshotInstance):
            self.change(model, status='available')
        new = self.start(writable='False')
        run = self.engine.claim(new.id)
        self.drive(run, Step.COPY)
        late = self.engine.claim(old.id)
        self.finish(self.engine, late)
        self.assertEqual({True}, self.statuses()['read_only'])
        self.finish(self.engine, run)
        self.assertEqual({True}, self.statuses()['read_only'])

    def test_an_unknown_server(self) -> None:
        self.assertRaises(
            exceptions.NotFound, requests.override_status, self.context, 'nothing', 'active'
        )


class TestServerGone(SomewhereCase):
    """Rows that somebody deleted past the API."""

    def delete(self, server_id: str | None) -> None:
        self.change(
            models.ShareServer, models.ShareServer.id == server_id, deleted='x', status='deleted'
        )

    def test_destination_in_the_first_phase(self) -> None:
        for step in (Step.SETUP_SERVER, Step.DRIVER_START, Step.COPY):
            with self.subTest(step=step):
                run = self.reach(step)
                self.delete(run.row.destination_share_server_id)
                run._objects = None
                self.finish(self.engine, run)
                self.assertEqual('active/migration_error', self.statuses()['source'])
                self.assertEqual({'available'}, self.statuses()['shares'])
                self.assertEqual({False}, self.statuses()['read_only'])
                self.assertIn('share_server_gone', self.codes())

    def test_destination_in_the_second_phase(self) -> None:
        for step, code in (
            (Step.CATCH_UP, 'cut_over_undone'),
            (Step.FENCE, 'source_still_closed'),
            (Step.OPEN, 'authority_unknown'),
        ):
            with self.subTest(step=step):
                run = self.reach(step)
                self.delete(run.row.destination_share_server_id)
                run._objects = None
                self.finish(self.engine, run)
                self.assertEqual('error/migration_error', self.statuses()['source'])
                self.assertEqual(['share_server_gone', code], [*dict.fromkeys(self.codes())])

    def test_source(self) -> None:
        for step in (Step.SETUP_SERVER, Step.COPY, Step.FENCE, Step.DRIVER_CANCEL):
            with self.subTest(step=step):
                run = self.reach(step)
                self.delete(self.source_id)
                run._objects = None
                self.finish(self.engine, run)
                self.assertEqual('error/migration_error', self.statuses()['destination'])
                self.assertIn('share_server_gone', self.codes())

    def test_source_before_it_was_checked_again(self) -> None:
        self.reach(None)
        self.delete(self.source_id)
        self.change(models.Migration, checked_at=None)
        self.carry()
        self.assertEqual('migration_error', self.migration().state)
        self.assertEqual(['not_found'], self.codes())

    def test_source_of_a_rest(self) -> None:
        self.reach(None)
        self.carry()
        self.delete(self.source_id)
        self.change(models.Migration, wake_at=None)
        self.carry()
        self.assertIn('does not exist any more', self.migration().waiting)
