# SPDX-License-Identifier: Apache-2.0

"""The process dies between any two things it does, and the migration still ends well.

The nth commit, or the nth call of the driver, kills: before it, or right after it. A new process
with a driver object of its own then carries on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models
from ssm.drivers.dummy import state
from ssm.migration import requests
from ssm.tests.unit.migration import scenario


class Killer:
    """Dies at the nth point of those it is told of; every effect is two points."""

    def __init__(self) -> None:
        self.left = -1
        self.hits = 0

    def arm(self, nth: int) -> None:
        self.left = nth

    def point(self) -> None:
        if self.left < 0:
            return
        self.left -= 1
        if self.left < 0:
            self.hits += 1
            raise scenario.Killed


class KilledCase(scenario.ScenarioCase):
    def setUp(self) -> None:
        self.killer = Killer()
        super().setUp()
        for name in ('before_commit', 'after_commit'):
            sa.event.listen(orm.Session, name, self._at_commit)
            self.addCleanup(sa.event.remove, orm.Session, name, self._at_commit)

    def note_states(self) -> None:
        """Not of interest here, and slow."""

    def _at_commit(self, _session: orm.Session) -> None:
        self.killer.point()

    def _make_driver(self, name: str) -> Any:
        driver = super()._make_driver(name)
        if name == 'beta':
            for method in dir(driver):
                if method.startswith('share_server_migration_') or method == 'setup_server':
                    if method.endswith('check_compatibility'):
                        continue
                    setattr(driver, method, self._deadly(getattr(driver, method)))
        return driver

    def _deadly(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.killer.point()
            answer = method(*args, **kwargs)
            self.killer.point()
            return answer

        return call

    def survive(self, nth: int) -> bool:
        """Carry on, dying at the nth point; a new process goes on. False if it was not reached."""
        self.killer.arm(nth)
        try:
            self.carry()
        except scenario.Killed:
            self.killer.left = -1
            self.restart()
            if self.migration().state not in ('migration_driver_phase1_done', *ENDS):
                self.carry()
            return True
        self.killer.left = -1
        return False


ENDS = ('migration_success', 'migration_cancelled', 'migration_error')


def points() -> Iterator[int]:
    return itertools.count()


class TestKilled(KilledCase):
    def expect_data_on(self, server_id: str | None) -> None:
        self.assertEqual({server_id}, self.served_by())
        now = state.StateFile(f'{self.state_path}/storage.json').read()
        for instance in self.instance_ids:
            self.assertEqual({'file': instance}, state.read(now, str(server_id), instance))

    def every_point(self, run: Callable[[int], bool]) -> int:
        """Run a story once for each point it has, each time in a fresh world."""
        for nth in points():
            with self.subTest(nth=nth):
                reached = run(nth)
            if not reached:
                return nth
            self._forget()
        raise AssertionError('unreachable')

    def _forget(self) -> None:
        from ssm.tests.functional import database

        self.useFixture(database.Database())
        state_file = f'{self.state_path}/storage.json'
        with state.StateFile(state_file).change() as now:
            for part in now.values():
                part.clear()
        self.restart()

    def test_first_phase(self) -> None:
        def story(nth: int) -> bool:
            self.seed(shares=1)
            self.start()
            reached = self.survive(nth)
            self.assertEqual('migration_driver_phase1_done', self.migration().state)
            self.assertEqual({self.source_id}, self.served_by())
            self._expect_one_destination()
            self.complete()
            self.expect_success()
            return reached

        self.assertGreater(self.every_point(story), 20)

    def test_cut_over(self) -> None:
        def story(nth: int) -> bool:
            self.seed(shares=1)
            self.to_phase1_done()
            requests.complete(self.context, self.source_id)
            reached = self.survive(nth)
            self.expect_success()
            return reached

        self.assertGreater(self.every_point(story), 12)

    def test_cancel(self) -> None:
        def story(nth: int) -> bool:
            self.seed(shares=1)
            self.to_phase1_done()
            requests.cancel(self.context, self.source_id)
            reached = self.survive(nth)
            self.assertEqual('migration_cancelled', self.migration().state)
            self.assertEqual('active/migration_cancelled', self.statuses()['source'])
            self.expect_data_on(self.source_id)
            return reached

        self.assertGreater(self.every_point(story), 5)

    def test_failure_of_the_fence(self) -> None:
        self.stanza('beta', dummy_driver_failures={'share_server_migration_fence': 'refused'})

        def story(nth: int) -> bool:
            self.seed(shares=1)
            self.to_phase1_done()
            requests.complete(self.context, self.source_id)
            reached = self.survive(nth)
            self.assertEqual('migration_error', self.migration().state)
            self.expect_data_on(self.source_id)
            return reached

        self.assertGreater(self.every_point(story), 8)

    def test_read_only_first_phase(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})

        def story(nth: int) -> bool:
            self.seed(shares=1)
            self.start(writable='False')
            reached = self.survive(nth)
            self.assertEqual('migration_driver_phase1_done', self.migration().state)
            self.assertEqual({True}, self.statuses()['read_only'])
            requests.cancel(self.context, self.source_id)
            self.carry()
            self.assertEqual({False}, self.statuses()['read_only'])
            self.assertEqual({'active'}, self.statuses()['rules'])
            return reached

        self.assertGreater(self.every_point(story), 20)

    def _expect_one_destination(self) -> None:
        found = self.query(
            sa.select(models.ShareServer.id).where(
                models.ShareServer.source_share_server_id == self.source_id
            )
        )
        self.assertEqual([self.migration().destination_share_server_id], found)
        self.assertEqual(4, len(self.addresses()))

    def expect_success(self) -> None:
        statuses = self.statuses()
        self.assertEqual('inactive/migration_success', statuses['source'])
        self.assertEqual('active/migration_success', statuses['destination'])
        self.assertEqual({'available'}, statuses['shares'])
        self.expect_data_on(self.migration().destination_share_server_id)


class TestNotRepeatable(KilledCase):
    """A driver that can't repeat a step ends the migration instead (decision 18)."""

    def kill_inside(self, method: str) -> None:
        target = self.drivers['beta']
        with (
            mock.patch.object(target, method, side_effect=scenario.Killed),
        ):
            self.assertRaises(scenario.Killed, self.carry)
        self.restart()
        self.drivers['beta'].repeatable_start = False
        self.drivers['beta'].repeatable_complete = False
        self.carry()

    def test_start(self) -> None:
        self.seed()
        self.start()
        self.kill_inside('share_server_migration_start')
        self.assertEqual('active/migration_error', self.statuses()['source'])
        self.assertEqual('step_not_repeatable', self.migration().reasons[0]['code'])

    def test_complete(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        self.kill_inside('share_server_migration_complete')
        self.assertEqual('error/migration_error', self.statuses()['source'])
        self.assertEqual({'error'}, self.statuses()['shares'])
