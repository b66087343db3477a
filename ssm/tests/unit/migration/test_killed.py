# SPDX-License-Identifier: Apache-2.0

"""The process dies between any two things it does, and the migration still ends well.

A story is told once. Before and after each commit and each call of the driver the world is
saved; each of these worlds is what a death at that point leaves behind. In each of them a new
process with a driver object of its own then carries on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models
from ssm.drivers.dummy import state
from ssm.migration import requests
from ssm.migration.advance import advance
from ssm.tests.unit.migration import scenario


class KilledCase(scenario.ScenarioCase):
    def setUp(self) -> None:
        self.worlds: list[scenario.World] | None = None
        super().setUp()
        for name in ('before_commit', 'after_commit'):
            sa.event.listen(orm.Session, name, self._point)
            self.addCleanup(sa.event.remove, orm.Session, name, self._point)

    def note_states(self) -> None:
        """Not of interest here, and slow."""

    def _point(self, *_session: orm.Session) -> None:
        """The process may die here; where nothing changed since the last point, it is the same."""
        if self.worlds is not None:
            world = self.save()
            if world not in self.worlds[-1:]:
                self.worlds.append(world)

    def _make_driver(self, name: str) -> Any:
        driver = super()._make_driver(name)
        if name == 'beta':
            for method in dir(driver):
                if method.startswith('share_server_migration_') or method == 'setup_server':
                    setattr(driver, method, self._deadly(getattr(driver, method)))
        return driver

    def _deadly(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._point()
            answer = method(*args, **kwargs)
            self._point()
            return answer

        return call

    def every_death(self, story: Callable[[], object], check: Callable[[], object]) -> int:
        """Tell the story, then once more from each point at which the process may die.

        :param check: what has to hold at the end
        :returns: how many points there are
        """
        self.worlds = []
        story()
        worlds, self.worlds = self.worlds, None
        check()
        for number, world in enumerate(worlds):
            with self.subTest(point=number):
                self.load(world)
                if self.migration().finished_at is None:
                    self.carry()
                check()
        return len(worlds)


class TestKilled(KilledCase):
    def expect_data_on(self, server_id: str | None) -> None:
        self.assertEqual({server_id}, self.served_by())
        now = self.stored()
        for instance in self.instance_ids:
            self.assertEqual({'file': instance}, state.read(now, str(server_id), instance))

    def test_first_phase(self) -> None:
        self.seed(shares=1)
        self.start()

        def check() -> None:
            self.assertEqual('migration_driver_phase1_done', self.migration().state)
            self.assertEqual({self.source_id}, self.served_by())
            self._expect_one_destination()
            self.complete()
            self.expect_success()

        self.assertGreater(self.every_death(self.carry, check), 10)

    def test_cut_over(self) -> None:
        self.seed(shares=1)
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        self.assertGreater(self.every_death(self.carry, self.expect_success), 8)

    def test_cancel(self) -> None:
        self.seed(shares=1)
        self.to_phase1_done()
        requests.cancel(self.context, self.source_id)

        def check() -> None:
            self.assertEqual('migration_cancelled', self.migration().state)
            self.assertEqual('active/migration_cancelled', self.statuses()['source'])
            self.expect_data_on(self.source_id)

        self.assertGreater(self.every_death(self.carry, check), 3)

    def test_failure_of_the_fence(self) -> None:
        self.stanza('beta', dummy_driver_failures={'share_server_migration_fence': 'refused'})
        self.seed(shares=1)
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)

        def check() -> None:
            self.assertEqual('migration_error', self.migration().state)
            self.expect_data_on(self.source_id)
            self.assertEqual('cut_over_undone', self.codes()[-1])

        self.assertGreater(self.every_death(self.carry, check), 6)

    def test_override_under_a_fence(self) -> None:
        self.seed(shares=1)
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        run = self.take()
        self.drive(run, scenario.Step.FENCE)
        with mock.patch.object(self.drivers['beta'], 'share_server_migration_fence') as fence:
            fence.side_effect = scenario.Killed
            self.assertRaises(scenario.Killed, advance, run)
        requests.override_status(self.context, self.source_id, 'active')
        self.restart()

        def check() -> None:
            self.assertEqual('overridden', self.migration().state)
            self.assertIsNotNone(self.migration().finished_at)
            self.expect_data_on(self.source_id)

        self.assertGreater(self.every_death(self.carry, check), 2)

    def test_read_only_first_phase(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed(shares=1)
        self.start(writable='False')

        def check() -> None:
            self.assertEqual('migration_driver_phase1_done', self.migration().state)
            self.assertEqual({True}, self.statuses()['read_only'])
            requests.cancel(self.context, self.source_id)
            self.carry()
            self.assertEqual({False}, self.statuses()['read_only'])
            self.assertEqual({'active'}, self.statuses()['rules'])

        self.assertGreater(self.every_death(self.carry, check), 10)

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
        with mock.patch.object(target, method, side_effect=scenario.Killed):
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
