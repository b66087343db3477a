# SPDX-License-Identifier: Apache-2.0

"""kill -9 at random moments: a migration ends well, and nothing is lost or open twice."""

from __future__ import annotations

import threading
import time
import urllib.error
from collections.abc import Callable

from ssm.drivers.linux import pool
from ssm.tests import base
from ssm.tests.chaos.case import ChaosCase
from ssm.tests.world import migration
from ssm.tests.world.wait import until

Turn = Callable[[pool.Server, pool.Migration, pool.Server], bool]

_TURNS: dict[str, Turn] = {
    'the fence stands': lambda source, _moving, _destination: source.fence_file.exists(),
    'a share is closed': lambda source, _moving, _destination: any(source.closed.iterdir()),
    'the copy is proved': lambda _source, moving, _destination: (
        moving.result_file('fence').exists() or moving.opening_file.exists()
    ),
    'it begins to open': lambda _source, moving, _destination: moving.opening_file.exists(),
    'a share is open': lambda _source, _moving, destination: any(destination.shares.iterdir()),
    'all is open': lambda _source, moving, _destination: moving.completed_file.exists(),
}
"""Traces the steps of a cut-over leave, in their order."""


@base.only_full
class CutOverTest(ChaosCase):
    """Deaths during the cut-over."""

    def test_at_each_turn(self) -> None:
        """Everything dies right when a trace of the next step shows."""
        tenant = self.tenant()
        back_ends = ('alpha', 'beta')
        for what, turn in _TURNS.items():
            moving = self.migration(tenant, back_ends[1]).start()
            moving.wait_for(migration.PHASE1_DONE)
            destination = moving.pool.server(moving.complete())
            source = pool.Pool(self.world.path / back_ends[0]).server(moving.server)
            until(lambda: turn(source, moving.place, destination), what, pause=0.001)  # noqa: B023
            self.tell(what)
            self.strike(moving, [*back_ends, 'worker'])
            moving.wait_for(migration.SUCCESS)
            self.expect_served(tenant, moving.back_end)
            back_ends = back_ends[::-1]

    def test_cut_over(self) -> None:
        tenant = self.tenant()
        span = 1.0
        for number in self.rounds():
            target = ('beta', 'alpha')[number % 2]
            moving = self.migration(tenant, target).start()
            moving.wait_for(migration.PHASE1_DONE)
            began = time.monotonic()
            moving.complete()
            if number:
                self.pause(span)
                self.strike(moving)
            moving.wait_for(migration.SUCCESS)
            if not number:
                span = 1.2 * (time.monotonic() - began)
            self.expect_served(tenant, target)
        self.expect_nothing_left(tenant)


@base.only_full
class FirstPhaseTest(ChaosCase):
    """Deaths until the first phase is over, and during a cancel."""

    def test_first_phase_and_cancel(self) -> None:
        tenant = self.tenant()
        for _number in self.rounds():
            moving = self.migration(tenant).start()
            self.pause(3)
            self.strike(moving)
            moving.wait_for(migration.PHASE1_DONE)
            moving.cancel()
            self.pause(0.5)
            self.strike(moving)
            moving.wait_for(migration.CANCELLED)
            self.expect_served(tenant, 'alpha')

    def test_lost_connections(self) -> None:
        """Database and broker go away for a moment, again and again."""
        tenant = self.tenant()
        for number in self.rounds():
            target = ('beta', 'alpha')[number % 2]
            moving = self.migration(tenant, target).start()
            self.pause(2)
            self.world.cut_off()
            moving.wait_for(migration.PHASE1_DONE)
            moving.complete()
            self.pause(1)
            self.world.cut_off()
            moving.wait_for(migration.SUCCESS)
            self.expect_served(tenant, target)

    def test_api(self) -> None:
        """A start whose API dies has happened wholly or not at all."""
        tenant = self.tenant()
        for _number in self.rounds():
            moving = self.migration(tenant)
            request = threading.Thread(target=self.quietly, args=(moving.start,))
            request.start()
            self.pause(0.5)
            self.restart('api')
            request.join()
            until(self.answers, 'an answer')
            if moving.find():
                self.tell('it had started')
                moving.wait_for(migration.PHASE1_DONE)
                moving.cancel()
                moving.wait_for(migration.CANCELLED)
            self.assertEqual('active', moving.state_of().partition('/')[0])
            self.expect_served(tenant, 'alpha')

    @staticmethod
    def quietly(action: Callable[[], object]) -> None:
        """Do it, whatever comes of it."""
        try:
            action()
        except (OSError, urllib.error.HTTPError, StopIteration):
            return

    def answers(self) -> bool:
        """Whether the API does."""
        try:
            return bool(self.world.get('/services'))
        except OSError:
            return False
