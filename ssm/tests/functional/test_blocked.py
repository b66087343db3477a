# SPDX-License-Identifier: Apache-2.0

"""What is refused while a share server is being migrated, and what is not (contract 3.6).

Each row of the route table is asked about the server ``srv-m``, which lies on ``net-m`` and
moves to ``net-new``, or about what is on it. The answer has to be what the row's
``while_migrating`` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ssm.api import routes
from ssm.db import models
from ssm.migration.states import State
from ssm.tests.base import TestCase
from ssm.tests.functional import calls, fixtures, world

PROJECT = 'ab' * 16
START = {
    'host': 'node1@beta',
    'writable': True,
    'nondisruptive': False,
    'preserve_snapshots': True,
    'new_share_network_id': None,
}

VARIABLES = {
    'share_server_id': 'srv-m',
    'network_id': 'net-m',
    'subnet_id': 'sub-m',
    'share_id': 'share-m',
    'snapshot_id': 'snap-m',
    'access_id': 'rule-m',
    'export_location_id': 'loc-m',
    'replica_id': 'inst-r',
    'type_id': 'type-dhss',
    'key': 'snapshot_support',
    'migration_id': 'migration',
}
PRIVATE = {'type_id': 'type-secret'}
# share-m has a snapshot, which is in the way of its deletion anyway.
PLAIN = {'share_id': 'share-n'}
# share-v can be made smaller and reverted.
LARGE = {'share_id': 'share-v'}

_TYPE = '/types/{type_id}'
_NETWORK = '/share-networks/{network_id}'
_SUBNET = f'{_NETWORK}/subnets/{{subnet_id}}'
_SHARE = '/shares/{share_id}'
_SNAPSHOT = '/snapshots/{snapshot_id}'
_SERVER = '/share-servers/{share_server_id}'
_MIGRATION = '/share-server-migrations/{migration_id}'

Key = tuple[str, str, str | None]
_RULE = {'access_type': 'ip', 'access_to': '10.1.1.1'}
_SHARE_BODY = {'size': 1, 'share_proto': 'NFS', 'share_type': 'dhss', 'share_network_id': 'net-m'}
_SERVICE = {'host': 'node1@beta', 'binary': 'manila-share'}

REQUESTS: dict[Key, Any] = {
    ('POST', '/types', None): {
        'share_type': {'name': 'new', 'extra_specs': {'driver_handles_share_servers': True}}
    },
    ('PUT', _TYPE, None): {'share_type': {'name': 'new'}},
    ('DELETE', _TYPE, None): calls.NO_BODY,
    ('POST', f'{_TYPE}/action', 'addProjectAccess'): {'project': 'cd' * 16},
    ('POST', f'{_TYPE}/action', 'removeProjectAccess'): {'project': PROJECT},
    ('POST', f'{_TYPE}/extra_specs', None): {'extra_specs': {'k': 'v'}},
    ('PUT', f'{_TYPE}/extra_specs/{{key}}', None): {'snapshot_support': 'True'},
    ('DELETE', f'{_TYPE}/extra_specs/{{key}}', None): calls.NO_BODY,
    ('POST', '/share-networks', None): {'share_network': {}},
    ('PUT', _NETWORK, None): {'share_network': {'name': 'renamed', 'description': 'x'}},
    ('DELETE', _NETWORK, None): calls.NO_BODY,
    ('POST', f'{_NETWORK}/action', 'reset_status'): {'status': 'active'},
    ('POST', f'{_NETWORK}/action', 'share_network_subnet_create_check'): {},
    ('POST', f'{_NETWORK}/subnets', None): {'share-network-subnet': {}},
    ('DELETE', _SUBNET, None): calls.NO_BODY,
    ('PUT', '/os-services/enable', None): _SERVICE,
    ('PUT', '/os-services/disable', None): _SERVICE,
    ('PUT', '/services/enable', None): _SERVICE,
    ('PUT', '/services/disable', None): _SERVICE,
    ('POST', '/share-replicas', None): {'share_replica': {'share_id': 'share-r'}},
    ('DELETE', '/share-replicas/{replica_id}', None): calls.NO_BODY,
    ('POST', '/shares', None): {'share': _SHARE_BODY},
    ('PUT', _SHARE, None): {'share': {'display_name': 'renamed'}},
    ('DELETE', _SHARE, None): calls.NO_BODY,
    ('POST', f'{_SHARE}/action', 'reset_status'): {'status': 'available'},
    ('POST', f'{_SHARE}/action', 'force_delete'): None,
    ('POST', f'{_SHARE}/action', 'reset_task_state'): {'task_state': None},
    ('POST', f'{_SHARE}/action', 'extend'): {'new_size': 2},
    ('POST', f'{_SHARE}/action', 'shrink'): {'new_size': 1},
    ('POST', f'{_SHARE}/action', 'revert'): {'snapshot_id': 'snap-v'},
    ('POST', f'{_SHARE}/action', 'allow_access'): _RULE,
    ('POST', f'{_SHARE}/action', 'deny_access'): {'access_id': 'rule-m'},
    ('POST', f'{_SHARE}/action', 'access_list'): None,
    ('POST', '/snapshots', None): {'snapshot': {'share_id': 'share-m'}},
    ('PUT', _SNAPSHOT, None): {'snapshot': {'display_name': 'renamed'}},
    ('DELETE', _SNAPSHOT, None): calls.NO_BODY,
    ('POST', f'{_SNAPSHOT}/action', 'reset_status'): {'status': 'available'},
    ('POST', f'{_SNAPSHOT}/action', 'force_delete'): None,
    ('DELETE', _SERVER, None): calls.NO_BODY,
    ('POST', '/share-servers/manage', None): {
        'share_server': {
            'host': 'node1@beta',
            'share_network_id': 'net-m',
            'identifier': 'on-storage',
        }
    },
    ('POST', f'{_SERVER}/action', 'unmanage'): {'force': True},
    ('POST', f'{_SERVER}/action', 'reset_status'): {'status': 'active'},
    ('POST', f'{_SERVER}/action', 'reset_task_state'): {'task_state': None},
    ('POST', f'{_SERVER}/action', 'migration_check'): START,
    ('POST', f'{_SERVER}/action', 'migration_start'): START,
    ('POST', f'{_SERVER}/action', 'migration_complete'): None,
    ('POST', f'{_SERVER}/action', 'migration_cancel'): None,
    ('POST', f'{_SERVER}/action', 'migration_get_progress'): None,
    ('POST', f'{_MIGRATION}/action', 'recover'): None,
}
"""The body of a request for each row that changes something."""

REFUSED_ANYWAY: frozenset[Key] = frozenset(
    {
        ('DELETE', _TYPE, None),
        ('DELETE', _NETWORK, None),
        ('POST', f'{_NETWORK}/subnets', None),
        ('DELETE', _SUBNET, None),
        ('POST', '/share-replicas', None),
        ('DELETE', '/share-replicas/{replica_id}', None),
        ('DELETE', _SERVER, None),
        ('POST', f'{_SERVER}/action', 'unmanage'),
        ('POST', f'{_MIGRATION}/action', 'recover'),
    }
)
"""Rows whose request is refused of an idle server too: shares are on it, no migration failed."""

OTHER_VARIABLES: dict[Key, dict[str, str]] = {
    ('POST', f'{_TYPE}/action', 'addProjectAccess'): PRIVATE,
    ('POST', f'{_TYPE}/action', 'removeProjectAccess'): PRIVATE,
    ('DELETE', _SHARE, None): PLAIN,
    ('POST', f'{_SHARE}/action', 'force_delete'): PLAIN,
    ('POST', f'{_SHARE}/action', 'shrink'): LARGE,
    ('POST', f'{_SHARE}/action', 'revert'): LARGE,
    ('GET', f'{_TYPE}/share_type_access', None): PRIVATE,
    ('GET', f'{_TYPE}/os-share-type-access', None): PRIVATE,
}
QUERIES = {'/share-access-rules': '?share_id=share-m'}

_NEUTRON = {'neutron_net_id': 'n', 'neutron_subnet_id': 's'}
_TARGET = {'share_server_id': 'srv-to', 'network_id': 'net-new', 'subnet_id': 'sub-new'}
_AWAITED = {'network_id': 'net-late', 'subnet_id': 'sub-late'}
_CLONE = {'size': 1, 'share_proto': 'NFS', 'snapshot_id': 'snap-m'}

FURTHER: tuple[tuple[Key, dict[str, str], Any, int], ...] = (
    # Of the share with the snapshot.
    (('DELETE', _SHARE, None), {}, calls.NO_BODY, 403),
    (('POST', f'{_SHARE}/action', 'force_delete'), {}, None, 403),
    (('POST', '/snapshots', None), {}, {'snapshot': {'share_id': 'share-m', 'force': True}}, 400),
    (('POST', '/shares', None), {}, {'share': _CLONE}, 400),
    (('PUT', _NETWORK, None), {}, {'share_network': _NEUTRON}, 403),
    (('POST', f'{_SERVER}/action', 'unmanage'), {}, None, 400),
    # Of the destination, and of the network it is on.
    (('DELETE', _SERVER, None), _TARGET, calls.NO_BODY, 403),
    (('POST', f'{_SERVER}/action', 'unmanage'), _TARGET, None, 400),
    (('POST', f'{_SERVER}/action', 'unmanage'), _TARGET, {'force': True}, 400),
    (('POST', f'{_SERVER}/action', 'migration_check'), _TARGET, START, 409),
    (('POST', f'{_SERVER}/action', 'migration_start'), _TARGET, START, 409),
    (('POST', f'{_SERVER}/action', 'migration_complete'), _TARGET, None, 400),
    (('POST', f'{_SERVER}/action', 'migration_cancel'), _TARGET, None, 400),
    (('POST', f'{_SERVER}/action', 'migration_get_progress'), _TARGET, None, 400),
    (('DELETE', _NETWORK, None), _TARGET, calls.NO_BODY, 409),
    (('DELETE', _SUBNET, None), _TARGET, calls.NO_BODY, 409),
    (('PUT', _NETWORK, None), _TARGET, {'share_network': _NEUTRON}, 403),
    (('POST', f'{_NETWORK}/subnets', None), _TARGET, {'share-network-subnet': {}}, 400),
    # Of a network that a migration leads to whose destination is not made yet.
    (('DELETE', _NETWORK, None), _AWAITED, calls.NO_BODY, 409),
    (('DELETE', _SUBNET, None), _AWAITED, calls.NO_BODY, 409),
)
"""Further requests of contract 3.6, the holes that are to be closed among them."""


def _networks() -> Iterator[models.Base]:
    for name in ('m', 'new', 'late'):
        yield models.ShareNetwork(id=f'net-{name}', project_id='aa')
        yield models.ShareNetworkSubnet(id=f'sub-{name}', share_network_id=f'net-{name}')


def _moved(row: models.Base) -> models.Base:
    """A row of the world: source and destination lie on networks where nothing else is."""
    lies_on = {'srv-m': 'sub-m', 'srv-to': 'sub-new'}
    if isinstance(row, models.SubnetMapping) and row.share_server_id in lies_on:
        row.share_network_subnet_id = lies_on[row.share_server_id]
    elif isinstance(row, models.ShareServer) and row.id in lies_on:
        row.task_state = State.PHASE1_DONE
        row.is_auto_deletable = True
    elif isinstance(row, models.ShareInstance) and row.id == 'inst-m':
        row.share_network_id = 'net-m'
    return row


def _migration(key: str, source: str, network_id: str, **values: Any) -> models.Migration:
    return models.Migration(
        id=key,
        source_share_server_id=source,
        source_host='node1@alpha',
        destination_host='node1@beta',
        share_network_id=network_id,
        writable=True,
        nondisruptive=False,
        preserve_snapshots=True,
        capabilities={'migration_cancel': True},
        **values,
    )


def _rows() -> Iterator[models.Base]:
    yield from _networks()
    yield from map(_moved, world.everything())
    yield models.Service(
        host='node1@beta', binary='manila-share', topic='t', availability_zone_id='zone-nova'
    )
    yield models.ShareTypeProject(share_type_id='type-secret', project_id=PROJECT)
    on_server = {
        'share_server_id': 'srv-m',
        'share_network_id': 'net-m',
        'status': 'server_migrating',
    }
    yield from world.share('n', 'aa', **on_server)
    yield from world.share('v', 'aa', size=3, revert_to_snapshot_support=True, **on_server)
    yield from world.snapshot('v', 'aa', 'server_migrating')
    share, instance = world.share('r', 'aa', replica_state='active', **on_server)
    share.replication_type = 'readable'
    yield from (share, instance)
    yield from world.location('m', 'm')
    yield _migration(
        'migration',
        'srv-m',
        'net-new',
        new_share_network_id='net-new',
        destination_share_server_id='srv-to',
        state=State.PHASE1_DONE,
    )
    yield _migration('late', 'srv-b', 'net-late', state=State.STARTING)


def _idle_rows() -> Iterator[models.Base]:
    """The same without migrations: all is active or available."""
    for row in _rows():
        if isinstance(row, models.Migration) or getattr(row, 'id', None) == 'srv-to':
            continue
        if isinstance(row, models.SubnetMapping) and row.share_server_id == 'srv-to':
            continue
        status = getattr(row, 'status', None)
        if status == 'server_migrating':
            row.status = 'active' if isinstance(row, models.ShareServer) else 'available'
        yield row


def _key(route: routes.Route) -> Key:
    action = route.action
    return route.method, route.path, action and action.removeprefix('os-')


class BlockedTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        environment = fixtures.Environment(default_share_type='dhss', service_down_time=3600)
        self.caller = calls.Caller(self.useFixture(environment))
        self.caller.environment.rpc.answers |= {'get_pools': []}

    def send(self, route: routes.Route, body: Any, variables: dict[str, str], code: int) -> None:
        calls.fill(_rows())
        before = calls.dump()
        answer = self.caller.send_to(
            route, body, variables=VARIABLES | variables, query=QUERIES.get(route.path, '')
        )
        self.assertEqual(code, answer.status_int, f'{route}: {answer.text}')
        sent = self.caller.environment.rpc.take()
        if code >= 400:
            self.assertEqual(before, calls.dump(), route)
            self.assertEqual([], sent, route)

    def test_all_routes(self) -> None:
        for route in routes.ROUTES:
            key = _key(route)
            refusal = route.while_migrating
            code = refusal if isinstance(refusal, int) else route.success
            body = calls.NO_BODY if route.method == 'GET' else REQUESTS[key]
            if route.path != '/':
                self.send(route, body, OTHER_VARIABLES.get(key, {}), code)

    def test_it_is_the_migration_that_blocks(self) -> None:
        self.caller.environment.rpc.answers['check_migration'] = {
            'compatible': True,
            'findings': [],
            'capabilities': {'compatible': True, 'writable': True, 'preserve_snapshots': True},
        }
        for route in routes.ROUTES:
            key = _key(route)
            if isinstance(route.while_migrating, int) and key not in REFUSED_ANYWAY:
                calls.fill(_idle_rows())
                variables = VARIABLES | OTHER_VARIABLES.get(key, {})
                answer = self.caller.send_to(route, REQUESTS[key], variables=variables)
                self.assertEqual(route.success, answer.status_int, f'{route}: {answer.text}')

    def test_further_requests(self) -> None:
        newest = {_key(route): route for route in routes.ROUTES if route.until is None}
        for key, variables, body, code in FURTHER:
            self.send(newest[key], body, variables, code)

    def test_each_entry_has_a_route(self) -> None:
        keys = {_key(route) for route in routes.ROUTES}
        self.assertEqual(set(), (REQUESTS.keys() | OTHER_VARIABLES.keys() | REFUSED_ANYWAY) - keys)
