# SPDX-License-Identifier: Apache-2.0

"""Two things happen at once: requests against the engine, owners against each other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import sqlalchemy as sa
from oslo_db import exception as db_exc

from ssm.common import exceptions
from ssm.db import engine as db
from ssm.db import models
from ssm.migration import claims, requests, run, store
from ssm.migration.advance import advance
from ssm.migration.lease import Keeper, Lease
from ssm.migration.states import Step
from ssm.tests.unit.migration import scenario


class RaceCase(scenario.ScenarioCase):
    def meanwhile(self, method: str, action: Callable[[], object], error: Any = None) -> None:
        """While the driver works on the next call of this method something else happens."""
        driver = self.drivers['beta']
        original = getattr(driver, method)
        once = iter([action])

        def call(*args: Any, **kwargs: Any) -> Any:
            happens = next(once, None)
            if happens:
                happens()
                if error:
                    raise error
            return original(*args, **kwargs)

        patch = mock.patch.object(driver, method, call)
        patch.start()
        self.addCleanup(patch.stop)


class TestRequestsAgainstTheEngine(RaceCase):
    def test_complete_while_the_copy_is_refreshed(self) -> None:
        self.seed()
        self.to_phase1_done()
        self.change(models.Migration, wake_at=None)
        self.meanwhile(
            'share_server_migration_refresh',
            lambda: requests.complete(self.context, self.source_id),
        )
        self.carry()
        self.assertEqual('migration_success', self.migration().state)

    def test_cancel_while_the_copy_is_refreshed(self) -> None:
        self.seed()
        self.to_phase1_done()
        self.change(models.Migration, wake_at=None)
        self.meanwhile(
            'share_server_migration_refresh',
            lambda: requests.cancel(self.context, self.source_id),
        )
        self.carry()
        self.assertEqual('migration_cancelled', self.migration().state)

    def test_cancel_at_the_end_of_the_copy(self) -> None:
        self.stanza('beta', dummy_driver_progress_step=100)
        self.seed()
        self.start()
        owned = self.take()
        self.drive(owned, Step.COPY)
        self.meanwhile(
            'share_server_migration_continue',
            lambda: requests.cancel(self.context, self.source_id),
        )
        self.finish(self.engine, owned)
        self.assertEqual('migration_cancelled', self.migration().state)
        self.assertIn('driver_cancel', self.steps())

    def test_cancel_while_the_copy_fails(self) -> None:
        """The failure comes too late; the driver is told to cancel all the same."""
        self.seed()
        self.start()
        owned = self.take()
        self.drive(owned, Step.COPY)
        self.meanwhile(
            'share_server_migration_continue',
            lambda: requests.cancel(self.context, self.source_id),
            exceptions.DriverRefused('disk full'),
        )
        self.finish(self.engine, owned)
        self.assertEqual('migration_cancelled', self.migration().state)
        self.assertTrue(self.steps()['driver_cancel']['done_at'])

    def test_cancel_after_the_copy_failed_is_refused(self) -> None:
        self.seed()
        self.start()
        owned = self.take()
        self.drive(owned, Step.COPY)
        self.meanwhile(
            'share_server_migration_continue', lambda: None, exceptions.DriverRefused('disk full')
        )
        advance(owned)
        self.assertTrue(self.migration().rolling_back)
        self.assertRaises(exceptions.Invalid, requests.cancel, self.context, self.source_id)
        self.finish(self.engine, owned)
        self.assertEqual('active/migration_error', self.statuses()['source'])

    def test_lease_is_given_back_whatever_the_api_wrote(self) -> None:
        self.seed()
        self.start()
        owned = self.take()
        self.drive(owned, Step.COPY)
        requests.cancel(self.context, self.source_id)
        self.engine._leave(owned, None, 0)
        self.assertEqual([owned.row.id], claims.due(scenario.DESTINATION, set()))

    def test_nothing_is_written_to_a_migration_that_is_over(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        owned = self.take()
        self.finish(self.engine, owned)
        self.engine._leave(owned, 'late news', 5)
        row = self.migration()
        self.assertEqual((None, None), (row.waiting, row.wake_at))


class TestStart(RaceCase):
    def expect_refused(self, spoil: Callable[[], object]) -> None:
        self.meanwhile('share_server_migration_check_compatibility', spoil)
        self.assertRaises(exceptions.ConcurrentChange, self.start)
        self.assertEqual([], self.query(sa.select(models.Migration)))
        self.assertEqual(['active'], self.query(sa.select(models.ShareServer.status)))
        self.assertNotIn('server_migrating', self.query(sa.select(models.ShareInstance.status)))

    def test_server_left_active(self) -> None:
        self.seed()
        self.meanwhile(
            'share_server_migration_check_compatibility',
            lambda: self.change(models.ShareServer, status='deleting'),
        )
        self.assertRaises(exceptions.ConcurrentChange, self.start)
        self.assertEqual(['deleting'], self.query(sa.select(models.ShareServer.status)))

    def test_share_is_being_deleted(self) -> None:
        self.seed()
        self.expect_refused(lambda: self.change(models.ShareInstance, status='deleting'))

    def test_share_was_placed_on_the_server(self) -> None:
        self.seed()
        old = self.query(sa.select(models.ShareInstance))[0]
        self.expect_refused(
            lambda: self.add(
                models.Share(id='new', size=1, share_proto='NFS'),
                models.ShareInstance(
                    share_id='new', status='creating', share_server_id=old.share_server_id
                ),
            )
        )

    def test_snapshot_was_begun(self) -> None:
        self.seed()
        old = self.query(sa.select(models.SnapshotInstance))[0]
        self.expect_refused(
            lambda: self.add(
                models.SnapshotInstance(
                    snapshot_id=old.snapshot_id,
                    share_instance_id=old.share_instance_id,
                    status='creating',
                )
            )
        )


class TestOwners(RaceCase):
    def test_a_claim_is_one_transaction(self) -> None:
        """What it announces rests on what the last owner wrote last."""
        self.seed()
        row = self.start()
        begun: list[Any] = []

        def note(connection: Any) -> None:
            begun.append(connection)

        sa.event.listen(db.engine(), 'begin', note)
        self.addCleanup(sa.event.remove, db.engine(), 'begin', note)
        self.assertIsNotNone(self.engine.claim(row.id))
        self.assertEqual(1, len(begun))

    def test_two_claims(self) -> None:
        self.seed()
        self.start()
        self.take()
        self.assertIsNone(self.engine.claim(self.migration().id))

    def test_a_driver_call_under_a_lost_lease_has_no_effect_on_rows(self) -> None:
        """The lease runs out while the driver works, somebody else takes over and ends it."""
        self.seed()
        self.start()
        slow = self.take()
        self.drive(slow, Step.SETUP_SERVER)
        other = self._make_engine()

        def take_over() -> None:
            self.change(models.Migration, lease_expires_at=1)
            self.carry(other)

        self.meanwhile('setup_server', take_over)
        self.assertRaises(exceptions.LeaseLost, self.finish, self.engine, slow)
        self.assertEqual('migration_driver_phase1_done', self.migration().state)
        self.assertEqual(4, len(self.addresses()))

    def test_an_old_lease_does_not_take_a_new_one_along(self) -> None:
        keeper = Keeper(30)
        old, new = Lease('m', 1, 30, time.monotonic()), Lease('m', 2, 30, time.monotonic())
        keeper.hold(old)
        keeper.hold(new)
        keeper.drop(old)
        self.assertEqual({'m': new}, keeper._leases)

    def test_renewing_goes_on_after_any_error(self) -> None:
        self.seed()
        self.start()
        owned = self.take()
        keeper = Keeper(30)
        keeper.hold(owned.lease)
        keeper._engine = mock.Mock()
        keeper._engine.begin.side_effect = RuntimeError('away')
        keeper.renew()
        self.assertEqual('away', str(keeper.trouble))
        keeper._engine = db.engine()
        self.change(models.Migration, lease_expires_at=1)
        keeper.renew()
        self.assertIsNone(keeper.trouble)
        self.assertLess(1, self.migration().lease_expires_at)
        self.change(models.Migration, epoch=77)
        keeper.renew()
        self.assertRaises(exceptions.LeaseLost, owned.lease.check)

    def test_one_that_can_not_be_taken_up_does_not_stop_the_others(self) -> None:
        self.seed()
        row = self.start()
        with (
            mock.patch.object(claims, 'due', return_value=['broken', row.id]),
            mock.patch.object(
                self.engine, 'claim', side_effect=[RuntimeError('no'), None]
            ) as claim,
        ):
            self.engine.sweep()
        self.assertEqual(2, claim.call_count)
        self.assertEqual({}, self.engine._bells)


class TestDatabaseAway(RaceCase):
    def test_a_result_is_kept_until_the_database_is_back(self) -> None:
        """Else a driver that can't repeat a step would have it counted as unknown."""
        self.patch_wait()
        self.seed()
        self.to_phase1_done()
        self.drivers['beta'].repeatable_complete = False
        requests.complete(self.context, self.source_id)
        owned = self.take()
        self.drive(owned, Step.OPEN)
        guarded, left = store.guarded, iter(range(30))

        def away(*args: Any, **kwargs: Any) -> None:
            if next(left, None) is not None:
                raise db_exc.DBConnectionError
            guarded(*args, **kwargs)

        with mock.patch.object(store, 'guarded', away):
            self.finish(self.engine, owned)
        self.assertEqual('migration_success', self.migration().state)

    def patch_wait(self) -> None:
        """Tries follow one another at once."""
        for function in (run._commit, run._commit.__wrapped__):
            patch = mock.patch.object(function.retry, 'sleep', mock.Mock())
            patch.start()
            self.addCleanup(patch.stop)

    def test_a_commit_whose_answer_was_lost(self) -> None:
        """The row is there, the service does not know: one destination, its addresses once."""
        self.seed()
        self.start()
        owned = self.take()
        self.drive(owned, Step.MAKE_SERVER)
        commit = run._commit

        def lose_the_answer(*args: Any) -> None:
            commit(*args)
            raise RuntimeError('connection lost in commit')

        with mock.patch.object(run, '_commit', lose_the_answer):
            self.assertEqual(0, advance(owned))
        self.finish(self.engine, owned)
        self.assertEqual('migration_driver_phase1_done', self.migration().state)
        self.assertEqual(2, len(self.query(sa.select(models.ShareServer))))
        self.assertEqual(4, len(self.addresses()))
