# SPDX-License-Identifier: Apache-2.0

"""Addresses of share servers, and what a driver is told of a server's network (contract 5.6).

Used by whoever makes or removes a share server: the share manager and the migration engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_utils import uuidutils
from sqlalchemy import orm

from ssm.db import locks, models, rows
from ssm.drivers import base
from ssm.migration import objects
from ssm.network.base import NetworkPlugin

LOCK = 'network_allocations'
"""Row of ``locks`` that makes allocations of all back ends exclusive (rest-api 10.4)."""

USER = 'user'
ADMIN = 'admin'


def allocate(
    session: orm.Session,
    server_id: str,
    subnets: Sequence[models.ShareNetworkSubnet],
    plugin: NetworkPlugin,
    count: int,
    admin_plugin: NetworkPlugin | None = None,
    admin_count: int = 0,
) -> list[models.NetworkAllocation]:
    """Give a share server its addresses; three statements, a fourth if the subnets' values change.

    :param subnets: where the server lies, each gets ``count`` addresses
    :param admin_plugin: gives ``admin_count`` addresses of the administrative network
    :returns: the new rows, detached from the session
    :raises NoFreeAddress: there are not so many; nothing is written
    """
    locks.exclusive(session, LOCK)
    used = _addresses_in_use(session)
    values: list[dict[str, Any]] = []
    for subnet in subnets:
        chosen = plugin.allocate(objects.subnet(subnet), used, count)
        used.update(allocation['ip_address'] for allocation in chosen)
        values += [
            {'label': USER, 'share_network_subnet_id': subnet.id, **allocation}
            for allocation in chosen
        ]
    if admin_plugin and admin_count:
        values += [
            {'label': ADMIN, 'share_network_subnet_id': None, **allocation}
            for allocation in admin_plugin.allocate(None, used, admin_count)
        ]
    for row in values:
        row |= {'id': uuidutils.generate_uuid(), 'share_server_id': server_id}
    rows.insert(session, models.NetworkAllocation, values)
    _describe(session, subnets, plugin)
    return [models.NetworkAllocation(**row) for row in values]


def release(session: orm.Session, server_id: str) -> None:
    """Give all addresses of a share server back; one statement."""
    rows.soft_delete(
        session,
        models.NetworkAllocation,
        models.NetworkAllocation.share_server_id == server_id,
    )


def network_info(server: base.ShareServer) -> list[base.NetworkInfo]:
    """What the driver is told of each subnet of a server."""
    allocations = server['network_allocations']
    admin = [item for item in allocations if item['label'] == ADMIN]
    return [
        {
            'server_id': server['id'],
            'share_network_subnet_id': subnet['id'],
            'segmentation_id': subnet['segmentation_id'],
            'cidr': subnet['cidr'],
            'gateway': subnet['gateway'],
            'mtu': subnet['mtu'],
            'neutron_net_id': subnet['neutron_net_id'],
            'neutron_subnet_id': subnet['neutron_subnet_id'],
            'network_type': subnet['network_type'],
            'security_services': [],
            'network_allocations': [
                item
                for item in allocations
                if item['label'] == USER and item['share_network_subnet_id'] == subnet['id']
            ],
            'admin_network_allocations': admin,
            'backend_details': server['backend_details'],
            'subnet_metadata': {},
        }
        for subnet in server['share_network_subnets']
    ]


def _addresses_in_use(session: orm.Session) -> set[str]:
    allocation = models.NetworkAllocation
    return set(
        session.scalars(
            sa.select(allocation.ip_address).where(allocation.deleted == models.NOT_DELETED)
        )
    )


def _describe(
    session: orm.Session, subnets: Sequence[models.ShareNetworkSubnet], plugin: NetworkPlugin
) -> None:
    """Write what the plug-in knows of the network to the subnets that say otherwise."""
    values = plugin.subnet_values()
    stale = [
        subnet
        for subnet in subnets
        if any(getattr(subnet, name) != value for name, value in values.items())
    ]
    if stale:
        session.execute(
            sa.update(models.ShareNetworkSubnet)
            .where(models.ShareNetworkSubnet.id.in_([subnet.id for subnet in stale]))
            .values(**values)
        )
