# SPDX-License-Identifier: Apache-2.0

"""Transactions of migrations that meet in a database which lets them run side by side."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import fixtures
import sqlalchemy as sa
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import engine as db
from ssm.db import models, share_servers_store
from ssm.migration import journal, requests, store
from ssm.migration.advance import advance
from ssm.migration.states import Step
from ssm.tests import base
from ssm.tests.integration import test_statements
from ssm.tests.unit.migration import scenario

SECONDS = 0.5
"""For which a transaction keeps others waiting."""


@base.only_full
class MariadbTest(scenario.ScenarioCase):
    def setUp(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{scenario.__name__}.database.Database', test_statements.MariadbDatabase
            )
        )
        super().setUp()
        self.seed()

    def at_once(self, *calls: Callable[[], Any]) -> list[Any]:
        """What each returns, or the class of the error it raises."""
        ends: list[Any] = [None] * len(calls)

        def run(number: int) -> None:
            try:
                ends[number] = calls[number]()
            except exceptions.SsmError as error:
                ends[number] = type(error)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ends

    def start_against(self, other: Callable[[orm.Session], None]) -> Any:
        """A start that comes while another transaction is under way; how it ends."""
        under_way = threading.Event()

        @db.writer
        def slow(session: orm.Session) -> None:
            other(session)
            session.flush()
            under_way.set()
            time.sleep(SECONDS)

        start = store.start

        def late(row: models.Migration) -> None:
            under_way.wait()
            start(row)

        with mock.patch.object(store, 'start', late):
            return self.at_once(lambda: slow(), self.start)[1]

    def expect_refused(self, end: Any) -> None:
        self.assertIs(exceptions.ConcurrentChange, end)
        self.assertEqual(['active'], self.query(sa.select(models.ShareServer.status)))
        self.assertNotIn('server_migrating', self.query(sa.select(models.ShareInstance.status)))

    def test_start_against_the_placing_of_a_share(self) -> None:
        def place(session: orm.Session) -> None:
            share_servers_store.lock(session, self.source_id)
            session.add(models.Share(id='new', size=1, share_proto='NFS'))
            session.flush()
            session.add(
                models.ShareInstance(
                    share_id='new', status='creating', share_server_id=self.source_id
                )
            )

        self.expect_refused(self.start_against(place))

    def test_start_against_a_snapshot(self) -> None:
        old = self.query(sa.select(models.SnapshotInstance))[0]
        instance = models.ShareInstance.id

        def take(session: orm.Session) -> None:
            chosen = sa.select(instance).where(instance == old.share_instance_id)
            session.execute(chosen.with_for_update())
            session.add(
                models.SnapshotInstance(
                    snapshot_id=old.snapshot_id,
                    share_instance_id=old.share_instance_id,
                    status='creating',
                )
            )

        self.expect_refused(self.start_against(take))

    def test_one_of_many_claims(self) -> None:
        row = self.start()
        engines = [self._make_engine() for _number in range(6)]
        runs = self.at_once(*[lambda e=e: e.claim(row.id) for e in engines])  # type: ignore[misc]
        self.assertEqual(1, sum(run is not None for run in runs))

    def test_a_late_write_is_known_to_the_next_owner_or_fails(self) -> None:
        self.start()
        late = self.take()
        self.drive(late, Step.MAKE_SERVER)
        self.change(models.Migration, lease_expires_at=1)
        other = self._make_engine()
        _written, run = self.at_once(lambda: advance(late), lambda: other.claim(late.row.id))
        self.assertEqual(
            run.row.destination_share_server_id is not None,
            journal.done(run.row.journal, Step.MAKE_SERVER),
        )
        self.finish(other, run)
        self.assertEqual(2, len(self.query(sa.select(models.ShareServer))))
        self.assertEqual(4, len(self.addresses()))

    def test_one_of_many_requests(self) -> None:
        self.to_phase1_done()
        asked = [requests.complete, requests.cancel] * 3
        ends = self.at_once(
            *[lambda ask=ask: ask(self.context, self.source_id) for ask in asked]  # type: ignore[misc]
        )
        self.assertEqual(5, collections.Counter(map(str, ends))[str(exceptions.Invalid)])

    def test_override_against_the_end(self) -> None:
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        run = self.take()
        self.drive(run, Step.SWITCH)
        _reset, end = self.at_once(
            lambda: requests.override_status(self.context, self.source_id, 'error'),
            lambda: advance(run),
        )
        won = self.migration().state
        self.assertEqual({'overridden': exceptions.LeaseLost, 'migration_success': None}[won], end)
        self.assertEqual('error', self.server(self.source_id).status)
