# SPDX-License-Identifier: Apache-2.0

"""Subnets of share networks (rest-api 4.3).

A further subnet for a zone whose subnets have share servers would have to be attached to these
by their hosts. The protocol for that is not built: such a subnet is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.common.findings import Finding
from ssm.db import models, rows
from ssm.db import share_networks as db
from ssm.db.engine import reader, writer
from ssm.resources import availability_zones, share_networks


def _found(
    session: orm.Session, context: RequestContext, network_id: str, subnet_id: str
) -> models.ShareNetworkSubnet:
    share_networks.found(session, context, network_id)
    row = db.get_subnet(session, subnet_id)
    if row is None or row.share_network_id != network_id:
        raise exceptions.NotFound(resource='share network subnet', id=subnet_id)
    return row


@reader
def find(session: orm.Session, context: RequestContext, network_id: str) -> models.ShareNetwork:
    """A network with its subnets.

    :raises NotFound: there is no network that the caller sees
    """
    return share_networks.found(session, context, network_id)


@reader
def get(
    session: orm.Session, context: RequestContext, network_id: str, subnet_id: str
) -> models.ShareNetworkSubnet:
    """A subnet with its zone and network.

    :raises NotFound: there is no network that the caller sees, or no such subnet on it
    """
    return _found(session, context, network_id, subnet_id)


def _zone_for(
    session: orm.Session,
    network: models.ShareNetwork,
    availability_zone: str | None,
    several: bool,
) -> tuple[str | None, bool]:
    """Id of the zone for a new subnet, and whether servers lie on the zone's subnets.

    :raises Invalid: there is no such zone
    :raises Conflict: it has a subnet and may not have several
    """
    zone = availability_zones.named(session, availability_zone)
    zone_id = zone.id if zone else None
    ids = {subnet.id for subnet in network.subnets if subnet.availability_zone_id == zone_id}
    if ids and not several:
        raise exceptions.Conflict(
            reason=f'Share network {network.id} has a subnet in '
            + (f'availability zone {zone.name}.' if zone else 'no availability zone.')
        )
    in_use = any(server.subnet_id in ids for server in db.servers(session, [network.id]))
    return zone_id, in_use


def _in_use(network_id: str) -> Finding:
    return Finding(
        'subnet_in_use',
        'The subnets of this zone have share servers, and subnets can not be added to servers.',
        'Make another share network.',
        object_type='share_network',
        object_id=network_id,
    )


@writer
def create(
    session: orm.Session,
    context: RequestContext,
    network_id: str,
    values: Mapping[str, Any],
    availability_zone: str | None,
    *,
    several: bool,
) -> models.ShareNetworkSubnet:
    """A further subnet of a network, without a zone a default one.

    :param values: neutron_net_id and neutron_subnet_id
    :param availability_zone: id or name
    :param several: whether a zone may have more than one
    :raises NotFound: there is no network that the caller sees
    :raises Invalid: there is no such zone, or its subnets have servers
    :raises Conflict: the zone has a subnet and may not have several
    """
    network = share_networks.found(session, context, network_id, for_update=True)
    zone_id, in_use = _zone_for(session, network, availability_zone, several)
    if in_use:
        reason = _in_use(network_id)
        raise exceptions.Invalid(reason.message, findings=[reason])
    row = models.ShareNetworkSubnet(
        share_network_id=network.id, availability_zone_id=zone_id, **values
    )
    session.add(row)
    session.flush()
    return _found(session, context, network_id, row.id)


@reader
def check_create(
    session: orm.Session,
    context: RequestContext,
    network_id: str,
    availability_zone: str | None,
) -> bool:
    """Whether :func:`create` would add a subnet to this zone.

    :raises NotFound: there is no network that the caller sees
    :raises Invalid: there is no such zone
    """
    network = share_networks.found(session, context, network_id)
    return not _zone_for(session, network, availability_zone, True)[1]


@writer
def _delete(
    session: orm.Session, context: RequestContext, network_id: str, subnet_id: str
) -> dict[str, str]:
    share_networks.found(session, context, network_id, for_update=True)
    row = _found(session, context, network_id, subnet_id)
    servers = [server for server in db.servers(session, [network_id]) if server.subnet_id == row.id]
    ids = [server.id for server in servers]
    condition: sa.ColumnElement[bool] = models.ShareInstance.share_server_id.in_(ids)
    share_networks.refuse_in_use(session, network_id, servers, condition)
    subnet = models.ShareNetworkSubnet
    rows.soft_delete(session, subnet, subnet.id == row.id)
    return {server.id: server.host for server in servers}


def delete(context: RequestContext, network_id: str, subnet_id: str) -> None:
    """Remove a subnet; the hosts of its servers are told to remove them.

    :raises NotFound: there is no network that the caller sees, or no such subnet on it
    :raises Conflict: a server on it has shares, stays, or comes by a migration
    """
    share_networks.delete_servers(context, _delete(context, network_id, subnet_id).items())
