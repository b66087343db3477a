# SPDX-License-Identifier: Apache-2.0

"""Share networks (rest-api 4.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models, rows
from ssm.db import share_networks as db
from ssm.db.engine import reader, writer
from ssm.migration.states import UNFINISHED, ServerStatus
from ssm.resources import availability_zones
from ssm.rpc.share import ShareClient

STATUSES = frozenset({'active', 'error', 'network_change'})
"""What reset_status sets."""

FILTERS = frozenset(db.FILTERS)
"""Names of the list's filters."""

_NAMING = frozenset({'name', 'description'})
_NEUTRON = ('neutron_net_id', 'neutron_subnet_id')


class Described(NamedTuple):
    """A network with what its servers support: true where each one does."""

    row: models.ShareNetwork
    security_service_update_support: bool
    network_allocation_update_support: bool


def found(
    session: orm.Session, context: RequestContext, network_id: str, *, for_update: bool = False
) -> models.ShareNetwork:
    """A network with its subnets.

    :raises NotFound: there is none that the caller sees
    """
    row = db.get(session, network_id, for_update=for_update)
    if row is None or not (context.is_admin or row.project_id == context.project_id):
        raise exceptions.NotFound(resource='share network', id=network_id)
    return row


def _describe(session: orm.Session, networks: Sequence[models.ShareNetwork]) -> list[Described]:
    servers: dict[str, list[db.OnNetwork]] = {row.id: [] for row in networks}
    for server in db.servers(session, servers.keys()) if networks else ():
        servers[server.share_network_id].append(server)
    return [
        Described(
            row,
            all(server.security_service_update_support for server in servers[row.id]),
            all(server.network_allocation_update_support for server in servers[row.id]),
        )
        for row in networks
    ]


@reader
def find(
    session: orm.Session, filters: Mapping[str, str], *, limit: int, offset: int
) -> list[Described]:
    """Networks that match all filters, oldest first; none if a filter is unknown or nonsense.

    :param filters: by the names of ``db.share_networks.FILTERS``
    :raises Invalid: ``created_since`` or ``created_before`` is no day
    """
    criteria = []
    for name, text in filters.items():
        value: Any = text
        if name in ('created_since', 'created_before'):
            value = _day(name, text)
        elif name in db.INTEGERS:
            # More digits fit no column.
            value = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
        if name not in db.FILTERS or value is None:
            return []
        criteria.append(db.FILTERS[name](value))
    return _describe(session, db.find(session, criteria, limit=limit, offset=offset))


def _day(name: str, text: str) -> Any:
    try:
        return db.day(text)
    except ValueError as error:
        raise exceptions.Invalid(reason=f'{name} is not of the form yyyy-mm-dd.') from error


@reader
def get(session: orm.Session, context: RequestContext, network_id: str) -> Described:
    """A network.

    :raises NotFound: there is none that the caller sees
    """
    return _describe(session, [found(session, context, network_id)])[0]


@writer
def create(
    session: orm.Session,
    context: RequestContext,
    values: Mapping[str, Any],
    subnet: Mapping[str, Any],
    availability_zone: str | None,
) -> Described:
    """A new network with one subnet, the default one unless a zone is named.

    :param values: name and description
    :param subnet: neutron_net_id and neutron_subnet_id
    :param availability_zone: id or name
    :raises Invalid: there is no such zone
    """
    zone = availability_zones.named(session, availability_zone)
    row = models.ShareNetwork(project_id=context.project_id, user_id=context.user_id, **values)
    session.add(row)
    session.flush()
    session.add(
        models.ShareNetworkSubnet(
            share_network_id=row.id, availability_zone_id=zone.id if zone else None, **subnet
        )
    )
    session.flush()
    return _describe(session, [found(session, context, row.id)])[0]


@writer
def update(
    session: orm.Session, context: RequestContext, network_id: str, values: Mapping[str, Any]
) -> Described:
    """Change name and description, and the Neutron ids of the only default subnet.

    :raises NotFound: there is none that the caller sees
    :raises Forbidden: servers are on it, and more than name and description is to change
    :raises Invalid: there is not exactly one default subnet, or it would have one id only
    """
    row = found(session, context, network_id, for_update=True)
    if not values.keys() <= _NAMING and db.servers(session, [row.id]):
        raise exceptions.Forbidden(
            reason=f'Share network {row.id} has share servers: only its name and description '
            'can be changed.'
        )
    own = {name: values[name] for name in _NAMING & values.keys()}
    if own:
        rows.update(session, models.ShareNetwork, models.ShareNetwork.id == row.id, **own)
    ids = {name: values[name] for name in _NEUTRON if name in values}
    if ids:
        _set_neutron_ids(session, row, ids)
    return _describe(session, [found(session, context, network_id)])[0]


def _set_neutron_ids(
    session: orm.Session, network: models.ShareNetwork, ids: Mapping[str, Any]
) -> None:
    defaults = [subnet for subnet in network.subnets if subnet.availability_zone_id is None]
    if len(defaults) != 1:
        raise exceptions.Invalid(
            reason=f'Share network {network.id} has {len(defaults)} default subnets, not one.'
        )
    after = {name: ids.get(name, getattr(defaults[0], name)) for name in _NEUTRON}
    if (after['neutron_net_id'] is None) != (after['neutron_subnet_id'] is None):
        raise exceptions.Invalid(
            reason='neutron_net_id and neutron_subnet_id have to be given together.'
        )
    subnet = models.ShareNetworkSubnet
    rows.update(session, subnet, subnet.id == defaults[0].id, **ids)


def refuse_in_use(
    session: orm.Session,
    network_id: str,
    servers: Collection[db.OnNetwork],
    condition: db.Criterion,
) -> None:
    """What stands against the deletion of a network or a subnet of it.

    A destination of a migration has no share until the end, and counts like one that has; so
    does a network that a migration leads to (contract 3.6).

    :param condition: which share instances count
    :raises Conflict: something does
    """
    reason = None
    if db.has_instances(session, condition):
        reason = 'shares are on it'
    elif any(server.status == ServerStatus.SERVER_MIGRATING_TO for server in servers) or (
        db.is_awaited(session, network_id, UNFINISHED)
    ):
        reason = 'a share server is being migrated to it'
    elif not all(server.is_auto_deletable for server in servers):
        reason = 'it has a share server that is not deleted automatically'
    if reason:
        raise exceptions.Conflict(reason=f'Share network {network_id} is in use: {reason}.')


@writer
def _delete(session: orm.Session, context: RequestContext, network_id: str) -> dict[str, str]:
    row = found(session, context, network_id, for_update=True)
    servers = db.servers(session, [row.id])
    refuse_in_use(session, row.id, servers, models.ShareInstance.share_network_id == row.id)
    if len(row.subnets) > 1:
        raise exceptions.Conflict(reason=f'Share network {row.id} has more than one subnet.')
    subnet = models.ShareNetworkSubnet
    rows.soft_delete(session, subnet, subnet.share_network_id == row.id)
    rows.soft_delete(session, models.ShareNetwork, models.ShareNetwork.id == row.id)
    return {server.id: server.host for server in servers}


def delete(context: RequestContext, network_id: str) -> None:
    """Remove a network with its subnet; the hosts of its servers are told to remove them.

    :raises NotFound: there is none that the caller sees
    :raises Conflict: it has shares, several subnets, a server that stays or one that comes
    """
    delete_servers(context, _delete(context, network_id).items())


def delete_servers(context: RequestContext, servers: Iterable[tuple[str, str]]) -> None:
    """Tell the hosts of servers, given by id and host, to remove them."""
    for server_id, host in servers:
        ShareClient().delete_share_server(context, host, server_id)


@writer
def reset_status(
    session: orm.Session, context: RequestContext, network_id: str, status: str
) -> None:
    """Set the status, whatever it was.

    :raises NotFound: there is none that the caller sees
    """
    row = found(session, context, network_id)
    rows.update(session, models.ShareNetwork, models.ShareNetwork.id == row.id, status=status)
