# SPDX-License-Identifier: Apache-2.0

"""Share servers: list, show, delete, manage, unmanage (rest-api 4.1, contract 2.10).

Migrations are ``ssm.migration``'s.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_utils import strutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import locks, models, share_networks, share_servers_store
from ssm.db import share_servers as db
from ssm.db.engine import reader, writer
from ssm.migration.states import ServerStatus
from ssm.migration.subject import find_service, is_up
from ssm.rpc.share import ShareClient

_BOOLEANS = frozenset(
    {
        'is_auto_deletable',
        'security_service_update_support',
        'network_allocation_update_support',
    }
)
_DELETABLE = frozenset({ServerStatus.ACTIVE, ServerStatus.ERROR})
_UNMANAGEABLE = _DELETABLE | {ServerStatus.MANAGE_ERROR, ServerStatus.UNMANAGE_ERROR}

_IDENTIFIERS = 'share_server_identifiers'
"""Row of ``locks`` that keeps two servers of one identifier from being managed at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Existing:
    """A server that exists on the storage of a back end, as a request describes it."""

    host: str
    identifier: str
    share_network_id: str
    share_network_subnet_id: str | None
    driver_options: Any


def network_of(server: models.ShareServer) -> models.ShareNetwork | None:
    """The living share network its subnets belong to, None when it is gone."""
    networks = (subnet.share_network for subnet in server.subnets)
    return next((n for n in networks if n and n.deleted == models.NOT_DELETED), None)


@reader
def find(session: orm.Session, filters: Mapping[str, str]) -> list[models.ShareServer]:
    """Servers that match all filters, oldest first; none if a filter is unknown or nonsense."""
    criteria = []
    for name, value in filters.items():
        if name not in db.FILTERS:
            return []
        meant: Any = value
        if name in _BOOLEANS:
            meant = strutils.bool_from_string(value, default=None)
            if meant is None:
                return []
        criteria.append(db.FILTERS[name](meant))
    return db.find(session, criteria)


@reader
def get(session: orm.Session, server_id: str) -> models.ShareServer:
    """A server with subnets, their networks, and back end details.

    :raises NotFound: there is none
    """
    return _found(session, server_id)


def _found(session: orm.Session, server_id: str) -> models.ShareServer:
    server = db.get(session, server_id)
    if server is None:
        raise exceptions.NotFound(resource='share server', id=server_id)
    return server


def delete(context: RequestContext, server_id: str) -> None:
    """Have a server's host remove it; the host looks again and sets the status.

    :raises NotFound: there is none
    :raises Forbidden: its status is in the way
    :raises Conflict: shares are on it
    """
    host = _check_deletable(server_id)
    ShareClient().delete_share_server(context, host, server_id)


@reader
def _check_deletable(session: orm.Session, server_id: str) -> str:
    """Returns the server's host."""
    server = _found(session, server_id)
    if server.status not in _DELETABLE:
        raise exceptions.Forbidden(reason=f'Share server {server_id} is {server.status}.')
    if db.has_instances(session, server_id):
        raise exceptions.Conflict(reason=f'Share server {server_id} has shares.')
    return server.host


def manage(context: RequestContext, existing: Existing) -> models.ShareServer:
    """Have a back end take over a server; returns its new row, in ``manage_starting``.

    :raises Invalid: network, subnet, host, options or identifier will not do
    :raises Forbidden: the caller may not look up services
    """
    server_id = _insert(context, existing)
    options = existing.driver_options or {}
    ShareClient().manage_share_server(context, existing.host, server_id, options)
    return get(server_id)


@writer
def _insert(session: orm.Session, context: RequestContext, existing: Existing) -> str:
    """In the order of contract 2.10."""
    network, subnet = _place(session, existing)
    if network.status != 'active':
        raise exceptions.Invalid(
            reason=f'share_network_id: share network {network.id} is {network.status}, not active.'
        )
    _check_host(session, context, existing.host)
    if network.id != existing.share_network_id:
        raise exceptions.Invalid(
            reason=f'share_network_id: {existing.share_network_id} is not the share network of '
            f'subnet {subnet.id}.'
        )
    if not isinstance(existing.driver_options, dict | None):
        raise exceptions.Invalid(reason='driver_options is not an object.')
    locks.exclusive(session, _IDENTIFIERS)
    if clashes(existing.identifier, share_servers_store.identifiers(session)):
        raise exceptions.Invalid(
            reason=f'identifier {existing.identifier} is too similar to that of a share server '
            'that is managed already.'
        )
    server = models.ShareServer(
        host=existing.host,
        identifier=existing.identifier,
        status=ServerStatus.MANAGE_STARTING,
        is_auto_deletable=False,
    )
    share_servers_store.add(session, server, [subnet.id])
    return server.id


def _place(
    session: orm.Session, existing: Existing
) -> tuple[models.ShareNetwork, models.ShareNetworkSubnet]:
    """The subnet that is named, else the default one, if it is the only one of its zone."""
    network_id, zone_id = existing.share_network_id, None
    if existing.share_network_subnet_id:
        named = share_networks.get_subnet(session, existing.share_network_subnet_id)
        if named is None:
            raise exceptions.Invalid(
                reason='share_network_subnet_id: there is no subnet '
                f'{existing.share_network_subnet_id}.'
            )
        network_id, zone_id = named.share_network_id, named.availability_zone_id
    network = share_networks.get(session, network_id, for_update=True)
    subnets = network.subnets if network else []
    found = [subnet for subnet in subnets if subnet.availability_zone_id == zone_id]
    if network is None or not found:
        raise exceptions.Invalid(
            reason=f'share_network_id: share network {network_id} has no default subnet.'
        )
    if len(found) > 1:
        raise exceptions.Invalid(
            reason=f'share_network_id: share network {network_id} has {len(found)} subnets in '
            'that availability zone.'
        )
    return network, found[0]


def _check_host(session: orm.Session, context: RequestContext, host: str) -> None:
    if '#' in host:
        raise exceptions.Invalid(reason=f'host {host} names a pool; give host@backend.')
    if not context.is_admin:
        raise exceptions.Forbidden(reason='Only administrators may look up services.')
    service = find_service(session, host)
    if service is None:
        raise exceptions.Invalid(reason=f'host: there is no enabled share service {host}.')
    if not is_up(service, models.now()):
        raise exceptions.Invalid(reason=f'host: share service {host} is down.')


def clashes(identifier: str, existing: Iterable[str]) -> bool:
    """Whether an identifier may mean the same server as one of those that exist.

    So it is if one of these ends with it, or is a part of it; ``-`` and ``_`` are the same.
    """
    wanted = identifier.replace('_', '-')
    return any(
        other.endswith(wanted) or other in wanted
        for other in (item.replace('_', '-') for item in existing)
    )


def unmanage(context: RequestContext, server_id: str, *, force: bool) -> None:
    """Have a server's host let it go; it stays on the storage.

    :param force: whatever the driver says to it
    :raises NotFound: there is none, or its network is gone
    :raises Invalid: it lies on several subnets, is encrypted, has shares; its status or that of
        its network is in the way
    """
    host = _begin_unmanage(server_id)
    ShareClient().unmanage_share_server(context, host, server_id, force=force)


@writer
def _begin_unmanage(session: orm.Session, server_id: str) -> str:
    """In the order of contract 2.10; returns the server's host."""
    share_servers_store.lock(session, server_id)
    server = _found(session, server_id)
    network = network_of(server)
    if len(server.subnets) > 1:
        raise exceptions.Invalid(reason=f'Share server {server_id} lies on several subnets.')
    if server.encryption_key_ref:
        raise exceptions.Invalid(reason=f'Share server {server_id} is encrypted.')
    if network is None:
        raise exceptions.NotFound(f'The share network of server {server_id} is gone.')
    if network.status != 'active':
        raise exceptions.Invalid(reason=f'Share network {network.id} is {network.status}.')
    if server.status not in _UNMANAGEABLE:
        raise exceptions.Invalid(reason=f'Share server {server_id} is {server.status}.')
    if db.has_instances(session, server_id):
        raise exceptions.Invalid(reason=f'Share server {server_id} has shares.')
    server.status = ServerStatus.UNMANAGE_STARTING
    return server.host
