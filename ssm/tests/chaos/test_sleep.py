# SPDX-License-Identifier: Apache-2.0

"""An owner that slept and woke up changes nothing (design, rule 6).

Two processes serve the destination. The one that owns the migration is stopped until its lease is
over and the other has taken it up; then it goes on as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

from ssm.tests import base
from ssm.tests.chaos.case import ChaosCase
from ssm.tests.world import migration
from ssm.tests.world.migration import Migration
from ssm.tests.world.wait import until


@base.only_full
class SleepTest(ChaosCase):
    def setUp(self) -> None:
        super().setUp()
        self.world.run('beta', twin='second')
        self.addCleanup(self.world.kill, 'second')
        until(lambda: 'ssm-share is ready' in self.world.log('second'), 'the second process')

    def name_of(self, owner: str) -> str:
        """The process that holds the lock which proves that an owner lives (decision 20)."""
        for name in ('beta', 'second'):
            for link in pathlib.Path(f'/proc/{self.world.processes[name].pid}/fd').iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if link.readlink().name == f'{owner}.lock':
                        return name
        raise self.failureException(f'Nobody is {owner}')

    @contextlib.contextmanager
    def asleep(self, row: dict[str, Any]) -> Iterator[None]:
        """Stop the owner of a migration for the time of a block."""
        name = self.name_of(row['owner'])
        self.tell(f'{name}, epoch {row["epoch"]}, sleeps in {row["state"]}')
        process = self.world.processes[name]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.tell(f'{name} wakes up')
            process.send_signal(signal.SIGCONT)

    def is_taken(self, moving: Migration, row: dict[str, Any]) -> bool:
        """Whether somebody else took a migration up, or there is nothing left to take up."""
        now = moving.row()
        return now['epoch'] > row['epoch'] or now['state'] in migration.FINISHED

    def test_first_phase(self) -> None:
        tenant = self.tenant()
        self.throttle(20)
        moving = self.migration(tenant).start()
        moving.wait_until_copying()
        row = moving.row()
        with self.asleep(row):
            self.world.throttle(None)
            until(lambda: self.is_taken(moving, row), 'another owner')
            self.pause(2)
        moving.wait_for(migration.PHASE1_DONE)
        moving.complete()
        moving.wait_for(migration.SUCCESS)
        self.expect_served(tenant, 'beta')

    def test_cut_over(self) -> None:
        tenant = self.tenant()
        for _number in self.rounds():
            moving = self.migration(tenant).start()
            moving.wait_for(migration.PHASE1_DONE)
            moving.complete()
            self.pause(1)
            row = moving.row()
            if row['owner']:
                with self.asleep(row):
                    until(lambda: self.is_taken(moving, row), 'another owner')  # noqa: B023
                    self.pause(2)
            moving.wait_for(migration.SUCCESS)
            self.expect_served(tenant, 'beta')
            back = self.migration(tenant, 'alpha').start()
            back.wait_for(migration.PHASE1_DONE)
            back.complete()
            back.wait_for(migration.SUCCESS)
