# SPDX-License-Identifier: Apache-2.0

"""Which request a share server takes in which state (contract 3.5)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from ssm.db import models
from ssm.migration.states import UNFINISHED, ServerStatus, State
from ssm.tests.base import TestCase
from ssm.tests.functional import calls, fixtures, world

SOURCE, DESTINATION = 'srv-src', 'srv-dst'
HERE, THERE = 'node1@alpha', 'node1@beta'

PATH = '/share-servers/{}/action'
ACTIONS = {
    'check': 'migration_check',
    'start': 'migration_start',
    'complete': 'migration_complete',
    'cancel': 'migration_cancel',
    'progress': 'migration_get_progress',
}
WANTED = {
    'host': THERE,
    'writable': True,
    'nondisruptive': False,
    'preserve_snapshots': True,
    'new_share_network_id': None,
}
ANSWER = {
    'compatible': True,
    'findings': [],
    'capabilities': {'compatible': True, 'preserve_snapshots': True, 'writable': True},
}

# Columns of the contract's table: check, start, complete, cancel, progress, delete; an accepted
# check, start, … has its own code.
IDLE = (200, 202, 400, 400, 400)
BUSY = (409, 409, 400, 400)
GONE = (404, 404, 404, 404)


@dataclasses.dataclass(frozen=True)
class Case:
    """A row of the table.

    :param source: status and task_state of the source, None if it is gone
    :param codes: of check, start, complete, cancel, progress, delete
    :param destination: the same of the destination, None if there is none
    :param asked: id of the server that the requests are about
    :param shares: whether the server asked about has a share
    :param total: ``total_progress`` where progress is 200
    :param destinations: how many destinations there are
    """

    source: tuple[str, str | None] | None
    codes: tuple[int, ...]
    destination: tuple[str, str | None] | None = None
    asked: str = SOURCE
    shares: bool = True
    total: int | None = None
    destinations: int = 1


def _cases() -> Iterator[Case]:
    migrating, target = 'server_migrating', 'server_migrating_to'
    for task_state in (None, *State):
        yield Case(('active', task_state), (*IDLE, 409))
        # An empty server has nothing to migrate.
        yield Case(('active', task_state), (*BUSY, 400, 202), shares=False)
    for task_state in (State.STARTING, State.IN_PROGRESS, State.DRIVER_STARTING):
        yield Case((migrating, task_state), (*BUSY, 200, 403), total=0)
        yield Case((migrating, task_state), (*BUSY, 200, 403), (target, task_state), total=0)
    running = (State.DRIVER_IN_PROGRESS, State.PHASE1_DONE)
    yield Case(
        (migrating, running[0]), (409, 409, 400, 202, 200, 403), (target, running[0]), total=40
    )
    yield Case(
        (migrating, running[1]), (409, 409, 200, 202, 200, 403), (target, running[1]), total=100
    )
    # Without exactly one destination there is nothing to complete or cancel (2.5 to 2.7).
    for count in (0, 2):
        for task_state, progress in zip(running, ((400, None), (200, 100)), strict=True):
            yield Case(
                (migrating, task_state),
                (*BUSY, progress[0], 403),
                (target, task_state),
                total=progress[1],
                destinations=count,
            )
    for task_state in (State.COMPLETING, State.CANCEL_IN_PROGRESS):
        yield Case((migrating, task_state), (*BUSY, 200, 403), (target, task_state), total=100)
    yield Case((migrating, None), (*BUSY, 400, 403))
    yield Case((migrating, None), (*BUSY, 400, 403), (target, State.IN_PROGRESS))
    # The source has no shares any more; its destination answers for it [FIX of 2.7].
    moved = ('active', State.SUCCESS)
    yield Case(('inactive', State.SUCCESS), (*BUSY, 200, 403), moved, shares=False, total=100)
    yield Case(('inactive', State.SUCCESS), (*BUSY, 400, 403), shares=False)
    yield Case(('error', State.ERROR), (*BUSY, 400, 409))
    yield Case(('error', State.ERROR), (*BUSY, 400, 202), shares=False)
    yield Case(None, (*GONE, 200, 404), moved, total=100)
    yield Case(None, (*GONE, 400, 404), ('error', State.ERROR))
    for task_state in UNFINISHED:
        yield Case(
            (migrating, task_state),
            (*BUSY, 400, 403),
            (target, task_state),
            asked=DESTINATION,
            shares=False,
        )
    for source, destination, code in (
        (('active', State.CANCELLED), ('inactive', State.CANCELLED), 403),
        (('active', State.ERROR), ('error', State.ERROR), 202),
    ):
        yield Case(source, (*BUSY, 400, code), destination, asked=DESTINATION, shares=False)
        # Neither is in the way of a new start.
        yield Case(source, (*IDLE, 409), destination)
    idle = {'active', 'error', migrating}
    for status in (status for status in ServerStatus if status not in idle):
        yield Case((status, None), (*BUSY, 400, 403))


def _rows(case: Case) -> Iterator[models.Base]:
    server, mapping = models.ShareServer, models.SubnetMapping
    yield models.AvailabilityZone(id='zone', name='nova')
    yield models.ShareNetwork(id='net', project_id='aa')
    yield models.ShareNetworkSubnet(id='sub', share_network_id='net')
    yield models.ShareType(id='type-dhss', name='dhss')
    for host in (HERE, THERE):
        yield models.Service(
            host=host, binary='manila-share', topic='t', availability_zone_id='zone'
        )
    status, task_state = case.source or ('deleted', State.SUCCESS)
    deleted = {'deleted': SOURCE} if case.source is None else {}
    yield server(id=SOURCE, host=HERE, status=status, task_state=task_state, **deleted)
    yield mapping(share_server_id=SOURCE, share_network_subnet_id='sub')
    if case.destination:
        for number in range(case.destinations):
            key = DESTINATION + 'x' * number
            yield server(
                id=key,
                host=THERE,
                status=case.destination[0],
                task_state=case.destination[1],
                source_share_server_id=SOURCE,
            )
            yield mapping(share_server_id=key, share_network_subnet_id='sub')
    if case.shares:
        yield from world.share(
            'a',
            'aa',
            share_server_id=case.asked,
            share_network_id='net',
            availability_zone_id='zone',
            status='server_migrating' if status == 'server_migrating' else 'available',
        )
    if task_state:
        yield models.Migration(
            source_share_server_id=SOURCE,
            destination_share_server_id=DESTINATION
            if case.destination and case.destinations
            else None,
            source_host=HERE,
            destination_host=THERE,
            share_network_id='net',
            writable=True,
            nondisruptive=False,
            preserve_snapshots=True,
            state=task_state if status == 'server_migrating' else State.ERROR,
            total_progress=40,
            capabilities={'migration_cancel': True},
        )


class StatesTest(TestCase):
    """Each row of the table, each request on rows of its own."""

    def test_codes(self) -> None:
        caller = calls.Caller(self.useFixture(fixtures.Environment(service_down_time=3600)))
        caller.environment.rpc.answers['check_migration'] = ANSWER
        for case in _cases():
            for name, code in zip((*ACTIONS, 'delete'), case.codes, strict=True):
                calls.fill(_rows(case))
                self.check(caller, case, name, code)

    def check(self, caller: calls.Caller, case: Case, name: str, code: int) -> None:
        before = calls.dump()
        if name == 'delete':
            answer = caller.send('DELETE', f'/share-servers/{case.asked}')
        else:
            value = WANTED if name in ('check', 'start') else None
            answer = caller.send('POST', PATH.format(case.asked), {ACTIONS[name]: value})
        self.assertEqual(code, answer.status_int, f'{name} {case}: {answer.text}')
        if name == 'progress' and code == 200:
            self.assertEqual(case.total, json.loads(answer.text)['total_progress'])
        if code >= 400 or name in ('check', 'progress', 'delete'):
            self.assertEqual(before, calls.dump())
        else:
            self.assertNotEqual(before, calls.dump())
        expected = [] if code >= 400 or name == 'progress' else _SENT[name]
        self.assertEqual(expected, [sent['method'] for sent in caller.environment.rpc.take()])


_SENT: dict[str, list[Any]] = {
    'check': ['check_migration'],
    'start': ['check_migration', 'wake_migration'],
    'complete': ['wake_migration'],
    'cancel': ['wake_migration'],
    'delete': ['delete_share_server'],
}
