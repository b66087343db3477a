# SPDX-License-Identifier: Apache-2.0

"""What holds from the start of a migration to its end (guide, tables of states; contract 3)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from unittest import mock

import sqlalchemy as sa

from ssm.db import models
from ssm.drivers.dummy import state
from ssm.migration import steps
from ssm.migration.advance import advance
from ssm.tests.functional.migration import BODY, ApiCase
from ssm.tests.unit.migration import scenario

MIGRATING = {
    'source': 'server_migrating',
    'destination': 'server_migrating_to',
    'shares': {'server_migrating'},
    'snapshots': {'server_migrating'},
}
"""Statuses in an unfinished migration, as clients see them."""


class PhaseCase(ApiCase):
    def seen(self) -> dict[str, Any]:
        """Statuses and task_state as the API shows them now."""
        found = self.destinations(status='server_migrating_to')
        source, destination = self.show(), found[0] if found else {}
        return {
            'source': source['status'],
            'destination': destination.get('status'),
            'shares': {share['status'] for share in self.shares()},
            'snapshots': {snapshot['status'] for snapshot in self.snapshots()},
            'task_states': {source['task_state'], destination.get('task_state')},
        }

    def watch_driver(self) -> dict[str, set[str]]:
        """From now on the task states seen during each call of the driver, by method."""
        driver = self.drivers['beta']
        during: dict[str, set[str]] = {}

        def watched(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                during.setdefault(name, set()).update(self.seen()['task_states'])
                return method(*args, **kwargs)

            return call

        for name in dir(driver):
            if name.startswith('share_server_migration_') or name == 'setup_server':
                short = name.removeprefix('share_server_migration_')
                setattr(driver, name, watched(short, getattr(driver, name)))
        return during

    def turns(self) -> Any:
        """Carry the migration on until it rests; yields after each turn."""
        run = self.engine.claim(self.migration().id)
        assert run is not None
        yield
        while advance(run) is not None:
            run.reread()
            yield
        yield


class TaskStateTest(PhaseCase):
    """Both servers show the operation that is being executed."""

    def test_during_each_call_of_the_driver(self) -> None:
        self.seed()
        during = self.watch_driver()
        self.begin()
        self.act(200, 'migration_complete')
        self.carry()
        self.assertEqual(
            {
                # At start the server has no task state yet.
                'check_compatibility': {None},
                'setup_server': {'migration_in_progress'},
                'start': {'migration_driver_starting'},
                'continue': {'migration_driver_in_progress'},
                'get_progress': {'migration_driver_in_progress', 'migration_completing'},
                'refresh': {'migration_completing'},
                'fence': {'migration_completing'},
                'complete': {'migration_completing'},
            },
            during,
        )

    def test_during_cancel(self) -> None:
        self.seed()
        self.begin()
        during = self.watch_driver()
        self.act(202, 'migration_cancel')
        self.assertEqual({'migration_cancel_in_progress'}, self.seen()['task_states'])
        self.carry()
        self.assertEqual({'cancel': {'migration_cancel_in_progress'}}, during)
        self.assertEqual('migration_cancelled', self.show()['task_state'])

    def test_start_and_complete_show_at_once(self) -> None:
        self.seed()
        self.act(202, 'migration_start', BODY)
        self.assertEqual('migration_starting', self.show()['task_state'])
        self.carry()
        self.act(200, 'migration_complete')
        self.assertEqual({'migration_completing'}, self.seen()['task_states'])


class LockedTest(PhaseCase):
    """Servers, shares and snapshots keep their statuses until everything is over."""

    def assert_locked(self) -> None:
        seen = self.seen()
        seen.pop('task_states')
        if self.migration().state == 'migration_in_progress' and seen['destination'] is None:
            seen['destination'] = MIGRATING['destination']
        self.assertEqual(MIGRATING, seen)

    def locked_until(self, state_: str) -> None:
        """Turn by turn, until the migration is in that state."""
        for _turn in self.turns():
            if self.migration().state == state_:
                return
            self.assert_locked()
        self.assertEqual(state_, self.migration().state)

    def test_to_success(self) -> None:
        self.seed()
        self.act(202, 'migration_start', BODY)
        self.assertEqual({'server_migrating'}, self.seen()['shares'] | self.seen()['snapshots'])
        self.locked_until('migration_driver_phase1_done')
        self.assert_locked()
        self.act(200, 'migration_complete')
        self.assert_locked()
        self.locked_until('migration_success')
        self.assertEqual(('inactive', None), (self.show()['status'], self.seen()['destination']))
        self.assertEqual({'available'}, self.seen()['shares'] | self.seen()['snapshots'])

    def test_to_cancelled(self) -> None:
        self.seed()
        self.begin()
        self.act(202, 'migration_cancel')
        self.assert_locked()
        self.locked_until('migration_cancelled')
        self.assertEqual(('active', None), (self.show()['status'], self.seen()['destination']))
        self.assertEqual({'available'}, self.seen()['shares'] | self.seen()['snapshots'])


class FirstPhaseTest(PhaseCase):
    def test_start_answers_before_the_work_begins(self) -> None:
        self.seed()
        during = self.watch_driver()
        answer = self.call(
            'POST', f'/share-servers/{self.source_id}/action', {'migration_start': BODY}
        )
        self.assertEqual((202, ''), (answer.status_int, answer.text))
        self.assertEqual({'check_compatibility'}, set(during))

    def test_what_is_copied(self) -> None:
        """Shares with their files, and snapshots; rules when the destination opens."""
        self.seed()
        self.begin()
        server = self.on_storage(self.migration().destination_share_server_id)
        self.assertEqual(set(self.instance_ids), set(server['shares']))
        for instance in self.instance_ids:
            self.assertEqual({'file': instance}, server['shares'][instance]['files'])
        snapshots = self.query(sa.select(models.SnapshotInstance.id))
        self.assertEqual(set(snapshots), set(server['snapshots']))
        self.act(200, 'migration_complete')
        self.carry()
        server = self.on_storage(self.migration().destination_share_server_id)
        for share in server['shares'].values():
            levels = {rule['access_to']: rule['access_level'] for rule in share['rules']}
            self.assertEqual({'10.0.0.50': 'rw', '10.0.0.51': 'ro'}, levels)

    def on_storage(self, server_id: str | None) -> Any:
        """What the simulated storage knows of a server."""
        return state.StateFile(f'{self.state_path}/storage.json').read()['servers'][server_id]

    def test_clients_write_to_the_source_until_complete(self) -> None:
        self.seed()
        self.act(202, 'migration_start', BODY)
        for _turn in self.turns():
            self.assertEqual({self.source_id}, self.served_by())

    def test_it_waits_for_complete(self) -> None:
        """However often the service looks at it, and after a restart."""
        self.seed()
        self.begin()
        for _time in range(3):
            self.restart()
            self.change(models.Migration, wake_at=None)
            self.carry()
            self.assertEqual('migration_driver_phase1_done', self.show()['task_state'])
            self.assertEqual({self.source_id}, self.served_by())

    def test_complete_comes_after_it(self) -> None:
        self.seed()
        self.act(202, 'migration_start', BODY)
        for _turn in self.turns():
            if self.migration().state != 'migration_driver_phase1_done':
                self.act(400, 'migration_complete')
        self.act(200, 'migration_complete')

    def test_progress_at_each_turn(self) -> None:
        self.stanza('beta', dummy_driver_progress_step=25)
        self.seed()
        self.act(202, 'migration_start', BODY)
        seen: list[tuple[int, str]] = []
        for _turn in self.turns():
            answer = self.act(200, 'migration_get_progress')
            destination = self.migration().destination_share_server_id
            self.assertEqual(destination or '', answer['destination_share_server_id'])
            now = (answer['total_progress'], answer['task_state'])
            if now not in seen:
                seen.append(now)
        self.assertEqual(
            [
                (0, ''),
                (0, 'migration_in_progress'),
                (0, 'migration_driver_starting'),
                *((part, 'migration_driver_in_progress') for part in (0, 25, 50, 75)),
                (100, 'migration_driver_phase1_done'),
            ],
            seen,
        )


class ReadOnlyTest(PhaseCase):
    """Rules are read-only in the first phase of a driver that can't keep shares writable."""

    WISH = BODY | {'writable': 'False'}

    def setUp(self) -> None:
        super().setUp()
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.slow = mock.patch.object(scenario, 'apply_rules', lambda *_arguments: None)

    def levels(self, server_id: str | None) -> set[str]:
        """Levels of the rules that the storage applies."""
        servers = state.StateFile(f'{self.state_path}/storage.json').read()['servers']
        shares = servers[server_id]['shares'].values()
        return {rule['access_level'] for share in shares for rule in share['rules']}

    def shown_levels(self) -> set[str]:
        """Levels of the rules as the API shows them."""
        found = set()
        for share in self.shares():
            path = f'/share-access-rules?share_id={share["id"]}'
            found |= {rule['access_level'] for rule in self.ask(200, 'GET', path)['access_list']}
        return found

    def test_before_the_driver_starts(self) -> None:
        self.seed()
        during = self.watch_driver()
        self.act(202, 'migration_start', self.WISH)
        with self.slow:
            for _turn, _again in zip(range(8), self.turns(), strict=False):
                self.assertNotIn('start', during)
        self.assertIn('wait for their access rules', self.migration().waiting)
        statuses = self.query(sa.select(models.ShareInstance.access_rules_status))
        self.assertEqual({'syncing'}, set(statuses))
        scenario.apply_rules(self.drivers['alpha'], self.source_id)
        self.change(models.Migration, lease_expires_at=1)
        self.carry()
        self.assertIn('start', during)
        self.assertEqual({'ro'}, self.levels(self.source_id))

    def test_what_the_user_wrote_is_shown_and_comes_back(self) -> None:
        for end, server in (('complete', 'destination'), ('cancel', 'source')):
            self.fresh()
            self.begin(writable='False')
            self.assertEqual({'ro'}, self.levels(self.source_id))
            self.assertEqual({'rw', 'ro'}, self.shown_levels())
            self.act(200 if end == 'complete' else 202, f'migration_{end}')
            self.carry()
            row = self.migration()
            self.assertEqual(
                {'rw', 'ro'}, self.levels(getattr(row, f'{server}_share_server_id')), end
            )

    def test_rules_that_do_not_come_fail_it(self) -> None:
        self.seed()
        self.act(202, 'migration_start', self.WISH)
        clock = mock.Mock(monotonic=itertools.count(0, 100).__next__)
        with self.slow, mock.patch.object(steps, 'time', clock):
            self.carry()
        self.assertEqual('access_rules_timeout', self.migration().reasons[0]['code'])
        statuses = self.statuses()
        self.assertEqual('active/migration_error', statuses['source'])
        self.assertEqual('error/migration_error', statuses['destination'])
        self.assertEqual({'available'}, statuses['shares'] | statuses['snapshots'])

    def test_rules_that_can_not_be_applied_fail_it(self) -> None:
        self.seed()
        self.act(202, 'migration_start', self.WISH)

        def fail(*_arguments: Any) -> None:
            self.change(models.ShareInstance, access_rules_status='error')

        with mock.patch.object(scenario, 'apply_rules', fail):
            self.carry()
        self.assertEqual('access_rules_failed', self.migration().reasons[0]['code'])
        self.assertEqual('active/migration_error', self.statuses()['source'])

    def test_a_writable_server_keeps_its_rules(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': True})
        self.seed()
        with mock.patch.object(scenario, 'apply_rules') as applied:
            self.begin(writable='False')
        applied.assert_not_called()
