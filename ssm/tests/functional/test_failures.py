# SPDX-License-Identifier: Apache-2.0

"""What is left when a migration fails (contract 3.4), and how that is repaired (3.7)."""

from __future__ import annotations

import dataclasses
from typing import Any

from ssm.drivers.dummy import state
from ssm.migration.advance import advance
from ssm.tests.functional.migration import BODY, ApiCase

AVAILABLE, ERROR = 'available', 'error'


@dataclasses.dataclass(frozen=True)
class Failure:
    """A method of the driver that fails, and what is seen then.

    :param request: what the administrator asks for after the first phase
    :param source: status of the source afterwards
    :param resources: status of shares and snapshots afterwards
    :param served: whether the shares are open at the source
    """

    method: str
    request: str | None = None
    source: str = 'active'
    resources: str = AVAILABLE
    served: bool = True


FIRST_PHASE = (
    Failure('setup_server'),
    Failure('share_server_migration_start'),
    Failure('share_server_migration_continue'),
)
SECOND_PHASE = (
    Failure('share_server_migration_fence', 'migration_complete', 'error', ERROR),
    Failure('share_server_migration_complete', 'migration_complete', 'error', ERROR, served=False),
)
CANCEL = (Failure('share_server_migration_cancel', 'migration_cancel'),)


class FailureCase(ApiCase):
    def fail(self, failure: Failure, *, writable: bool = True) -> None:
        """Let a migration fail there."""
        self.stanza(
            'beta',
            dummy_driver_failures={failure.method: 'refused'},
            dummy_driver_capabilities={'writable': writable},
        )
        self.fresh()
        self.begin(writable=str(writable))
        if failure.request:
            self.act(200 if failure.request == 'migration_complete' else 202, failure.request)
            self.carry()
        self.stanza('beta', dummy_driver_failures={})

    def statuses_shown(self) -> set[str]:
        """Of all shares and snapshots."""
        return {each['status'] for each in [*self.shares(), *self.snapshots()]}

    def assert_failed(self, failure: Failure) -> None:
        source = self.show()
        self.assertEqual(
            (failure.source, 'migration_error'), (source['status'], source['task_state']), failure
        )
        (destination,) = self.destinations()
        self.assertEqual(
            (ERROR, 'migration_error', self.source_id),
            tuple(destination[name] for name in ('status', 'task_state', 'source_share_server_id')),
            failure,
        )
        self.assertEqual({failure.resources}, self.statuses_shown(), failure)
        self.assertEqual({self.source_id} if failure.served else set(), self.served_by(), failure)


class FailuresTest(FailureCase):
    def test_first_phase(self) -> None:
        for failure in FIRST_PHASE:
            self.fail(failure)
            self.assert_failed(failure)

    def test_second_phase(self) -> None:
        for failure in SECOND_PHASE:
            self.fail(failure)
            self.assert_failed(failure)

    def test_cancel(self) -> None:
        for failure in CANCEL:
            self.fail(failure)
            self.assert_failed(failure)

    def test_read_only_rules_are_undone(self) -> None:
        for failure in (*FIRST_PHASE, *CANCEL, SECOND_PHASE[0]):
            self.fail(failure, writable=False)
            self.assert_failed(failure)
            statuses = self.statuses()
            self.assertEqual({False}, statuses['read_only'], failure)
            self.assertEqual({'active'}, statuses['rules'], failure)
            # Before the cast the storage was told of no rules.
            applied = set() if failure.method == 'setup_server' else {'rw', 'ro'}
            self.assertEqual(applied, self.levels(), failure)

    def levels(self) -> set[str]:
        """Levels of the rules that the source applies."""
        servers = state.StateFile(f'{self.state_path}/storage.json').read()['servers']
        shares = servers[self.source_id]['shares'].values()
        return {rule['access_level'] for share in shares for rule in share['rules']}

    def test_the_reason_is_told(self) -> None:
        for failure in (*FIRST_PHASE, *SECOND_PHASE, *CANCEL):
            self.fail(failure)
            path = f'/share-server-migrations?source_share_server_id={self.source_id}'
            (row,) = self.ask(200, 'GET', path)['share_server_migrations']
            self.assertEqual('migration_error', row['state'])
            self.assertIn(failure.method, row['reasons'][0]['message'])

    def test_destinations_of_several_failures_are_told_apart(self) -> None:
        self.fail(FIRST_PHASE[1])
        self.stanza('beta', dummy_driver_failures={FIRST_PHASE[1].method: 'refused'})
        self.begin()
        failed = self.destinations(status='error')
        self.assertEqual(2, len(failed))
        self.stanza('beta', dummy_driver_failures={})
        self.begin()
        (running,) = self.destinations(status='server_migrating_to')
        self.assertNotIn(running['id'], [server['id'] for server in failed])


class RepairTest(FailureCase):
    """What the administrator does then."""

    def reset(self, path: str, **value: Any) -> None:
        name = next(iter(value))
        self.ask(202, 'POST', f'{path}/action', {f'reset_{name}': value})

    def reset_all(self) -> None:
        """Source and all that is on it back to work, by the resets of each."""
        server = f'/share-servers/{self.source_id}'
        self.reset(server, status='active')
        self.reset(server, task_state=None)
        for share in self.shares():
            self.reset(f'/shares/{share["id"]}', status=AVAILABLE)
        for snapshot in self.snapshots():
            self.reset(f'/snapshots/{snapshot["id"]}', status=AVAILABLE)

    def assert_usable(self, *, is_: bool) -> None:
        """Whether share actions are possible."""
        (share, *_rest) = self.shares()
        body = {'allow_access': {'access_type': 'ip', 'access_to': '10.0.0.99'}}
        self.ask(200 if is_ else 400, 'POST', f'/shares/{share["id"]}/action', body)

    def test_failed_destination_is_deleted(self) -> None:
        for failure in (*FIRST_PHASE, *SECOND_PHASE, *CANCEL):
            self.fail(failure)
            (destination,) = self.destinations()
            self.rpc.take()
            self.ask(202, 'DELETE', f'/share-servers/{destination["id"]}')
            (message,) = self.rpc.take()
            self.assertEqual(
                ('delete_share_server', 'node1@beta'), (message['method'], message['host'])
            )

    def test_after_the_first_phase_nothing_has_to_be_repaired(self) -> None:
        for failure in (*FIRST_PHASE, *CANCEL):
            self.fail(failure)
            self.assert_usable(is_=True)
            self.fresh()
            self.begin()
            self.assertEqual('migration_driver_phase1_done', self.show()['task_state'], failure)

    def test_after_the_second_phase_by_reset_status(self) -> None:
        self.fail(SECOND_PHASE[0])
        self.act(409, 'migration_start', BODY)
        self.assert_usable(is_=False)
        self.reset_all()
        source = self.show()
        self.assertEqual(('active', None), (source['status'], source['task_state']))
        self.assertEqual({AVAILABLE}, self.statuses_shown())
        self.assert_usable(is_=True)
        self.act(202, 'migration_start', BODY)
        self.carry()
        self.act(200, 'migration_complete')
        self.carry()
        self.assertEqual('migration_success', self.show()['task_state'])

    def test_stuck_in_a_task_state(self) -> None:
        """The service stopped for good; resets unlock everything, and it stays so."""
        for stop in ('migration_starting', 'migration_driver_in_progress'):
            self.fresh()
            self.act(202, 'migration_start', BODY)
            run = self.engine.claim(self.migration().id) if stop != 'migration_starting' else None
            while run and run.row.state != stop:
                advance(run)
            self.assertEqual(stop, self.show()['task_state'])
            self.act(409, 'migration_start', BODY)
            self.assert_usable(is_=False)
            self.reset(f'/share-servers/{self.source_id}', task_state='migration_error')
            self.assertEqual('migration_error', self.show()['task_state'])
            self.reset_all()
            self.assert_usable(is_=True)
            self.assertEqual('overridden', self.migration().state)
            self.restart()
            self.carry()
            source = self.show()
            self.assertEqual(('active', None), (source['status'], source['task_state']))
            self.assertEqual({AVAILABLE}, self.statuses_shown())
            self.assertEqual({self.source_id}, self.served_by())

    def test_the_destination_of_a_stuck_one_is_removed(self) -> None:
        self.fresh()
        self.begin()
        self.reset_all()
        (destination,) = self.destinations()
        path = f'/share-servers/{destination["id"]}'
        self.ask(403, 'DELETE', path)
        self.reset(path, status='error')
        self.ask(202, 'DELETE', path)
