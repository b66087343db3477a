# SPDX-License-Identifier: Apache-2.0

"""A list costs the same number of statements for few rows and for many."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import webob

from ssm.db import engine
from ssm.tests.base import TestCase
from ssm.tests.functional import fixtures

Rows = Callable[[int], dict[str, list[dict[str, Any]]]]
"""Makes the rows of an item by its number, by table."""


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements sent within."""
    sent: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    bind = engine.engine()
    sa.event.listen(bind, 'before_cursor_execute', note)
    try:
        yield sent
    finally:
        sa.event.remove(bind, 'before_cursor_execute', note)


def _zone(number: int) -> dict[str, list[dict[str, Any]]]:
    return {'availability_zones': [{'id': f'zone-{number}', 'name': f'zone {number}'}]}


def _types(number: int) -> dict[str, list[dict[str, Any]]]:
    key = f'type-{number}'
    return {
        'share_types': [{'id': key, 'name': key}],
        'share_type_extra_specs': [
            {'share_type_id': key, 'spec_key': name, 'spec_value': 'x'} for name in 'ab'
        ],
    }


def _networks(number: int) -> dict[str, list[dict[str, Any]]]:
    network, server = f'net-{number}', f'server-{number}'
    subnets = [f'subnet-{number}-{name}' for name in 'ab']
    return _zone(number) | {
        'share_networks': [{'id': network, 'project_id': 'ab'}],
        'share_network_subnets': [
            {'id': id, 'share_network_id': network, 'availability_zone_id': f'zone-{number}'}
            for id in subnets
        ],
        'share_servers': [{'id': server, 'host': 'node@alpha'}],
        'share_server_share_network_subnet_mappings': [
            {'share_server_id': server, 'share_network_subnet_id': id} for id in subnets
        ],
    }


def _services(number: int) -> dict[str, list[dict[str, Any]]]:
    service = {
        'host': f'node@{number}',
        'binary': 'manila-share',
        'topic': 'ssm-share',
        'availability_zone_id': f'zone-{number}',
    }
    return _zone(number) | {'services': [service]}


def _replicas(number: int) -> dict[str, list[dict[str, Any]]]:
    instance = {
        'id': f'replica-{number}',
        'share_id': f'share-{number}',
        'status': 'available',
        'replica_state': 'active',
        'availability_zone_id': f'zone-{number}',
    }
    return _zone(number) | {
        'shares': [{'id': f'share-{number}', 'size': 1, 'share_proto': 'NFS', 'project_id': 'ab'}],
        'share_instances': [instance],
    }


def _migrations(number: int) -> dict[str, list[dict[str, Any]]]:
    migration = {
        'id': f'migration-{number}',
        'source_share_server_id': f'server-{number}',
        'source_host': 'node@alpha',
        'destination_host': 'node@beta',
        'share_network_id': 'net',
        'writable': True,
        'nondisruptive': False,
        'preserve_snapshots': True,
        'state': 'migration_success',
    }
    return {
        'share_servers': [{'id': f'server-{number}', 'host': 'node@alpha'}],
        'share_server_migrations': [migration],
    }


LISTS: dict[str, tuple[Rows, int]] = {
    '/v2/types': (_types, 2),
    '/v2/share-networks/detail': (_networks, 3),
    '/v2/services': (_services, 1),
    '/v2/availability-zones': (_services, 1),
    '/v2/share-replicas/detail': (_replicas, 1),
    '/v2/share-server-migrations': (_migrations, 1),
}
"""What to fill each with, and how many statements it may cost."""


class ListsTest(TestCase):
    def test_few_and_many_cost_the_same(self) -> None:
        for path, (rows, allowed) in LISTS.items():
            environment = fixtures.Environment()
            environment.setUp()
            try:
                self.insert(rows, range(2))
                self.assertEqual((2, allowed), self.ask(environment, path), path)
                self.insert(rows, range(2, 40))
                self.assertEqual((40, allowed), self.ask(environment, path), path)
            finally:
                environment.cleanUp()

    def insert(self, rows: Rows, numbers: Iterable[int]) -> None:
        tables: dict[str, list[dict[str, Any]]] = {}
        for number in numbers:
            for table, values in rows(number).items():
                tables.setdefault(table, []).extend(values)
        for table, values in tables.items():
            fixtures.insert(table, values)

    def ask(self, environment: fixtures.Environment, path: str) -> tuple[int, int]:
        """How many items came, and how many statements they took."""
        headers = {
            'X-Auth-Token': 'root:ab:admin',
            'X-OpenStack-Manila-API-Version': '2.70',
        }
        with counted() as sent:
            answer = webob.Request.blank(path, headers=headers).get_response(
                environment.application
            )
        self.assertEqual(200, answer.status_int, answer.text)
        items = next(iter(json.loads(answer.text).values()))
        # The beginning of a transaction is none of a list's own.
        return len(items), sum(not statement.startswith('BEGIN') for statement in sent)
