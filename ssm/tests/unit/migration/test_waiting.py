# SPDX-License-Identifier: Apache-2.0

"""What holds a migration up, how long it may, and that the row says so (decision 17)."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

from oslo_utils import fixture as utils_fixture
from oslo_utils import timeutils

from ssm.common import exceptions
from ssm.db import models
from ssm.migration import claims, requests, store, switch
from ssm.migration.advance import advance
from ssm.migration.states import Step
from ssm.tests.unit.migration import scenario

HOUR = 3600


class WaitingCase(scenario.ScenarioCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = self.useFixture(utils_fixture.TimeFixture(timeutils.utcnow()))

    def answer(self, method: str, *answers: Any) -> None:
        """What the driver does on further calls; the last answer stays, None is its own work."""
        driver = self.drivers['beta']
        original = getattr(driver, method)
        left = list(answers)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return original(*args, **kwargs)

        patch = mock.patch.object(driver, method, call)
        patch.start()
        self.addCleanup(patch.stop)

    def reach(self, step: Step) -> Any:
        """An owner that is about to do a step."""
        self.seed()
        if step in (Step.FENCE, Step.OPEN):
            self.to_phase1_done()
            requests.complete(self.context, self.source_id)
        else:
            self.start()
        run = self.take()
        self.drive(run, step)
        return run

    def wait_long(self, run: Any) -> None:
        """Busy once, and once more when the deadline is over."""
        advance(run)
        self.clock.advance_time_seconds(HOUR + 1)
        advance(run)


BUSY = exceptions.DriverBusy('pool is rebuilding')


class TestBusy(WaitingCase):
    def test_the_row_says_why_until_it_is_over(self) -> None:
        run = self.reach(Step.SETUP_SERVER)
        self.answer('setup_server', BUSY, None)
        self.assertEqual(5, advance(run))
        self.assertEqual('pool is rebuilding', self.migration().waiting)
        advance(run)
        row = self.migration()
        self.assertIsNone(row.waiting)
        self.assertIsNone(self.steps()['setup_server']['reason'])

    def test_a_driver_in_a_hurry_is_slowed_down(self) -> None:
        run = self.reach(Step.SETUP_SERVER)
        self.answer('setup_server', exceptions.DriverBusy('now', retry_after=0))
        self.assertEqual(1, advance(run))

    def test_a_long_reason_is_cut(self) -> None:
        run = self.reach(Step.SETUP_SERVER)
        self.answer('setup_server', exceptions.DriverBusy('x' * 5000))
        advance(run)
        self.assertEqual(1000, len(self.migration().waiting))
        self.engine._leave(run, 'y' * 5000, 5)
        self.assertEqual(1000, len(self.migration().waiting))

    def test_the_first_phase_fails_past_the_deadline(self) -> None:
        for step, method in (
            (Step.SETUP_SERVER, 'setup_server'),
            (Step.DRIVER_START, 'share_server_migration_start'),
            (Step.COPY, 'share_server_migration_continue'),
        ):
            with self.subTest(step=step):
                self.fresh()
                run = self.reach(step)
                self.answer(method, BUSY)
                self.wait_long(run)
                self.finish(self.engine, run)
                self.assertEqual('active/migration_error', self.statuses()['source'])
                self.assertEqual({'available'}, self.statuses()['shares'])
                self.assertEqual(['step_overdue'], self.codes())
                self.assertIn('pool is rebuilding', self.migration().reasons[0]['message'])

    def test_busy_survives_a_new_owner(self) -> None:
        run = self.reach(Step.DRIVER_START)
        self.answer('share_server_migration_start', BUSY)
        advance(run)
        self.engine._leave(run, 'moved house', 0)
        self.clock.advance_time_seconds(HOUR + 1)
        self.carry()
        self.assertEqual(['step_overdue'], self.codes())

    def test_a_copy_that_gets_on_may_take_days(self) -> None:
        self.stanza('beta', dummy_driver_progress_step=20)
        run = self.reach(Step.COPY)
        self.answer('share_server_migration_continue', BUSY, None, BUSY, None)
        for _turn in range(3):
            advance(run)
            self.clock.advance_time_seconds(HOUR - 1)
        self.finish(self.engine, run)
        self.assertEqual('migration_driver_phase1_done', self.migration().state)

    def test_the_fence_fails_past_the_deadline_and_the_source_serves(self) -> None:
        run = self.reach(Step.FENCE)
        self.answer('share_server_migration_fence', BUSY)
        self.wait_long(run)
        self.finish(self.engine, run)
        self.assertEqual('error/migration_error', self.statuses()['source'])
        self.assertEqual(['step_overdue', 'cut_over_undone'], self.codes())
        self.assertEqual({self.source_id}, self.served_by())

    def test_opening_is_tried_for_ever_and_reported_once(self) -> None:
        run = self.reach(Step.OPEN)
        self.answer('share_server_migration_complete', BUSY, BUSY, BUSY, None)
        self.wait_long(run)
        advance(run)
        row = self.migration()
        self.assertEqual('migration_completing', row.state)
        self.assertEqual('pool is rebuilding', row.waiting)
        self.assertEqual([('step_overdue', 'warning')], self._severities())
        self.finish(self.engine, run)
        self.assertEqual('migration_success', self.migration().state)

    def _severities(self) -> list[tuple[str, str]]:
        return [(reason['code'], reason['severity']) for reason in self.migration().reasons]

    def test_opening_the_source_again_is_tried_for_ever(self) -> None:
        run = self.reach(Step.FENCE)
        self.answer('share_server_migration_fence', exceptions.DriverRefused('checksum'))
        self.answer('share_server_migration_unfence', BUSY, BUSY, BUSY, None)
        self.drive(run, Step.UNFENCE)
        self.wait_long(run)
        self.assertEqual('migration_completing', self.migration().state)
        self.finish(self.engine, run)
        self.assertEqual({self.source_id}, self.served_by())
        self.assertEqual('cut_over_undone', self.codes()[-1])

    def test_a_cancel_fails_past_the_deadline(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.cancel(self.context, self.source_id)
        run = self.take()
        self.answer('share_server_migration_cancel', BUSY)
        self.wait_long(run)
        self.finish(self.engine, run)
        self.assertEqual('active/migration_error', self.statuses()['source'])
        self.assertEqual('error/migration_error', self.statuses()['destination'])

    def test_a_busy_check_is_asked_again(self) -> None:
        self.seed()
        self.start()
        self.change(models.Migration, checked_at=None)
        self.answer('share_server_migration_check_compatibility', BUSY, None)
        self.carry()
        self.assertEqual('migration_driver_phase1_done', self.migration().state)

    def test_a_busy_check_says_no_to_the_api(self) -> None:
        self.seed()
        self.answer('share_server_migration_check_compatibility', BUSY)
        answer = requests.check(self.context, self.source_id, scenario.BODY)
        self.assertIs(False, answer['compatible'])
        self.assertEqual(['driver_busy'], [reason['code'] for reason in answer['reasons']])


class TestUnexpected(WaitingCase):
    """Errors of the engine itself, e.g. over an answer nobody reckoned with."""

    def test_it_is_tried_again_and_fails_in_the_end(self) -> None:
        run = self.reach(Step.COPY)
        with mock.patch.object(switch, 'rules_pending', side_effect=TypeError('odd answer')):
            self._break(run)
        self.finish(self.engine, run)
        self.assertEqual('active/migration_error', self.statuses()['source'])
        self.assertEqual(['step_overdue'], self.codes())

    def _break(self, run: Any) -> None:
        with mock.patch('ssm.migration.progress.columns', side_effect=TypeError('odd answer')):
            advance(run)
            self.assertEqual('Tried again after an error: odd answer', self.migration().waiting)
            self.clock.advance_time_seconds(HOUR + 1)
            advance(run)

    def test_progress_that_fails_holds_nothing_up(self) -> None:
        self.seed()
        self.answer('share_server_migration_get_progress', exceptions.DriverRefused('no idea'))
        self.to_phase1_done()

    def test_a_driver_that_does_not_answer_is_told(self) -> None:
        run = self.reach(Step.COPY)

        def sweep_meanwhile(*args: Any, **kwargs: Any) -> bool:
            method, since = run.asked
            run.asked = (method, since - HOUR - 1)
            self.engine.sweep()
            self.assertIn('has not answered share_server', self.migration().waiting)
            return True

        with mock.patch.object(
            self.drivers['beta'], 'share_server_migration_continue', sweep_meanwhile
        ):
            advance(run)
        self.assertIsNone(self.migration().waiting)
        self.assertIsNone(run.asked)

    def test_an_offer_that_changed_is_no_offer(self) -> None:
        self.seed()
        self.start()
        self.change(models.Migration, checked_at=None)
        self.stanza('beta', dummy_driver_capabilities={'nondisruptive': True})
        self.carry()
        self.assertEqual('active/migration_error', self.statuses()['source'])
        self.assertEqual(['offer_changed'], self.codes())


class TestRefresh(WaitingCase):
    def refresh(self) -> None:
        self.change(models.Migration, wake_at=None)
        self.carry()

    def test_one_that_fails_for_ever_is_told_and_forgotten(self) -> None:
        self.seed()
        self.to_phase1_done()
        self.answer(
            'share_server_migration_refresh',
            exceptions.DriverRefused('no space'),
            exceptions.DriverBusy('no luck'),
            None,
        )
        for reason in ('no space', 'no luck'):
            self.refresh()
            row = self.migration()
            self.assertEqual('migration_driver_phase1_done', row.state)
            self.assertEqual(f'The copy could not be refreshed: {reason}', row.waiting)
            self.assertIsNone(row.owner)
            self.assertEqual([], claims.due(scenario.DESTINATION, set()))
        self.refresh()
        self.assertIsNone(self.migration().waiting)

    def test_complete_shows_its_rounds(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        run = self.take()
        seen = []
        guarded = store.guarded

        def note(*args: Any, **values: Any) -> None:
            guarded(*args, **values)
            seen.append(run.current)

        with mock.patch.object(store, 'guarded', note):
            self.drive(run, Step.FENCE)
        self.assertEqual([Step.CATCH_UP] * 3, seen)


class TestQueue(WaitingCase):
    def occupy(self, host: str, state: str = 'migration_driver_in_progress') -> None:
        self.add(
            models.ShareServer(id='other', host=scenario.SOURCE, status='server_migrating'),
            models.Migration(
                id='other',
                source_share_server_id='other',
                source_host=scenario.SOURCE,
                destination_host=host,
                share_network_id='n',
                writable=True,
                nondisruptive=False,
                preserve_snapshots=True,
                state=state,
                owner='somebody else',
                lease_expires_at=2**40,
            ),
        )

    def begin(self, host: str = scenario.DESTINATION, **values: Any) -> models.Migration:
        self.stanza('beta', max_concurrent_migrations=1)
        self.seed()
        self.occupy(host, **values)
        return self.start()

    def look(self, row: models.Migration) -> models.Migration:
        self.assertIsNone(self.engine.claim(row.id))
        return store.get(row.id)

    def test_it_waits_for_its_turn_and_says_so(self) -> None:
        """Also where another process of the back end copies the other one."""
        row = self.begin()
        now = self.look(row)
        self.assertEqual(('migration_starting', None, 0), (now.state, now.owner, now.epoch))
        self.assertIn('max_concurrent_migrations', now.waiting)
        self.assertIn(row.id, claims.due(scenario.DESTINATION, set()))
        with self.counted() as statements:
            self.engine.claim(row.id)
        self.assertEqual(1, len(statements), 'the same is not said twice')
        self._set_other(state='migration_error', finished_at=models.now())
        run = self.engine.claim(row.id)
        self.assertIsNone(store.get(row.id).waiting)
        self.finish(self.engine, run)

    def _set_other(self, **values: Any) -> None:
        self.change(models.Migration, models.Migration.id == 'other', **values)

    def test_a_rest_and_other_hosts_do_not_count(self) -> None:
        for host, state in (
            (scenario.DESTINATION, 'migration_driver_phase1_done'),
            (scenario.DESTINATION, 'migration_completing'),
            (scenario.DESTINATION, 'migration_starting'),
            ('node1@gamma', 'migration_driver_in_progress'),
        ):
            with self.subTest(host=host, state=state):
                self.fresh()
                self.assertIsNotNone(self.engine.claim(self.begin(host, state=state).id))

    def test_what_copies_already_goes_on(self) -> None:
        self.seed()
        row = self.start()
        run = self.take()
        self.drive(run, Step.COPY)
        self.engine._leave(run, None, 0)
        self.stanza('beta', max_concurrent_migrations=1)
        self.occupy(scenario.DESTINATION)
        self.assertIsNotNone(self.engine.claim(row.id))


class TestRules(WaitingCase):
    def ignore_messages(self) -> None:
        """The source back end is down."""
        patch = mock.patch.object(scenario, 'apply_rules')
        patch.start()
        self.addCleanup(patch.stop)

    def monotonic(self, *seconds: float) -> None:
        patch = mock.patch('ssm.migration.steps.time', mock.Mock(wraps=time))
        patched = patch.start()
        patched.monotonic.side_effect = [*seconds]
        self.addCleanup(patch.stop)

    def read_only(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed()

    def test_the_row_says_for_what_it_waits(self) -> None:
        self.read_only()
        self.ignore_messages()
        self.start(writable='False')
        run = self.take()
        self.drive(run, Step.CAST_READ_ONLY)
        self.assertTrue(advance(run))
        self.assertEqual('2 shares wait for their access rules', self.migration().waiting)
        self.change(models.ShareInstance, access_rules_status='active')
        advance(run)
        self.assertIsNone(self.migration().waiting)

    def test_source_down_while_rules_are_cast(self) -> None:
        """Twice the time-out; the rules stay queued for the source's next start."""
        self.read_only()
        self.ignore_messages()
        self.start(writable='False')
        self.monotonic(0, 181, 200, 381)
        self.carry()
        self.assertEqual(['access_rules_timeout'] * 2, self.codes())
        seen = self.statuses()
        self.assertEqual('active/migration_error', seen['source'])
        self.assertEqual({'available'}, seen['shares'])
        self.assertEqual({False}, seen['read_only'])
        self.assertEqual({'queued_to_apply'}, seen['rules'])

    def test_source_down_while_rules_are_restored_by_a_cancel(self) -> None:
        self.read_only()
        self.to_phase1_done(writable='False')
        self.ignore_messages()
        requests.cancel(self.context, self.source_id)
        self.monotonic(0, 181)
        self.carry()
        self.assertEqual('active/migration_error', self.statuses()['source'])
        self.assertEqual({False}, self.statuses()['read_only'])
        self.assertEqual(['access_rules_timeout'], self.codes())

    def test_a_failed_cut_over_restores_them(self) -> None:
        """F9 left the flag set, and no request could clear it."""
        self.read_only()
        self.to_phase1_done(writable='False')
        self.answer('share_server_migration_fence', exceptions.DriverRefused('checksum'))
        self.complete()
        self.assertEqual('error/migration_error', self.statuses()['source'])
        self.assertEqual({False}, self.statuses()['read_only'])
        self.assertEqual({'active'}, self.statuses()['rules'])

    def test_rules_that_changed_when_it_began_are_settled_at_the_end(self) -> None:
        self.seed()
        self.to_phase1_done()
        rules = self.query(scenario.sa.select(models.AccessMapping.id))
        for state, rule in zip(('queued_to_deny', 'queued_to_apply', 'error'), rules, strict=False):
            self.change(models.AccessMapping, models.AccessMapping.id == rule, state=state)
        with mock.patch.object(scenario, 'apply_rules') as apply_rules:
            self.complete()
        apply_rules.assert_called_once_with(
            self.drivers['beta'], self.migration().destination_share_server_id
        )
        by_instance = {
            instance.id: instance.access_rules_status
            for instance in self.query(scenario.sa.select(models.ShareInstance))
        }
        self.assertEqual({'error', 'syncing'}, set(by_instance.values()))
