# SPDX-License-Identifier: Apache-2.0

"""Share servers that exist on the storage: taken over, and let go (contract 2.10)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from oslo_log import log as logging
from oslo_utils import uuidutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import engine, locks, models, rows, share_servers, share_servers_store
from ssm.drivers import base
from ssm.migration import networks, objects, switch
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_Allocation = models.NetworkAllocation


def manage(
    context: RequestContext,
    backend: BackEnd,
    server_id: str,
    driver_options: Mapping[str, Any],
) -> None:
    """Have the driver take over a server in ``manage_starting``, which then is active.

    :raises Conflict: it is in another status
    :raises SsmError: the driver refuses, or an address is another server's
    """
    server = _load(server_id, 'manage_starting')
    if not backend.handles_servers:
        raise exceptions.DriverRefused(f'{backend.host} does not handle share servers.')
    identifier, details = backend.driver.manage_server(
        context, server, server['identifier'] or server_id, driver_options
    )
    _activate(backend, server_id, identifier or server_id, details)
    LOG.info('Share server %s, %s on the storage, is managed', server_id, identifier)


def unmanage(context: RequestContext, backend: BackEnd, server_id: str, *, force: bool) -> None:
    """Have the driver let a server in ``unmanage_starting`` go, and forget it.

    :param force: forget it also when the driver fails
    :raises Conflict: it is in another status
    """
    server = _load(server_id, 'unmanage_starting')
    try:
        backend.driver.unmanage_server(context, server, [])
    except Exception:
        if not force:
            raise
        LOG.exception('The driver failed; share server %s is unmanaged by force', server_id)
    _remove(server_id)
    LOG.info('Share server %s is not managed any more', server_id)


@engine.writer
def fail(session: orm.Session, server_id: str, action: str) -> None:
    """Note that ``manage`` or ``unmanage`` of a server failed."""
    rows.update(
        session,
        models.ShareServer,
        models.ShareServer.id == server_id,
        models.ShareServer.status == f'{action}_starting',
        status=f'{action}_error',
    )


@engine.reader
def _load(session: orm.Session, server_id: str, status: str) -> base.ShareServer:
    _check(share_servers.get(session, server_id), server_id, status)
    return objects.share_servers(session, [server_id])[server_id]


def _check(server: models.ShareServer | None, server_id: str, status: str) -> models.ShareServer:
    if server is None or server.status != status:
        found = server.status if server else 'gone'
        raise exceptions.Conflict(reason=f'Share server {server_id} is {found}, not {status}.')
    return server


@engine.writer
def _activate(
    session: orm.Session,
    backend: BackEnd,
    server_id: str,
    identifier: str,
    details: Mapping[str, str],
) -> None:
    server = _check(share_servers_store.lock(session, server_id), server_id, 'manage_starting')
    kept = dict(details)
    kept.pop('identifier', None)
    _take(session, backend, server_id, _addresses(kept.pop('addresses', '')))
    switch.replace_details(session, server_id, kept)
    server.identifier = identifier
    server.security_service_update_support = backend.driver.security_service_update_support
    server.network_allocation_update_support = backend.driver.network_allocation_update_support
    server.share_replicas_migration_support = backend.driver.share_replicas_migration_support
    server.status = 'active'


def _addresses(text: str) -> set[Address]:
    parts = (part.strip() for part in text.split(','))
    return {ipaddress.ip_address(part) for part in parts if part}


def _take(
    session: orm.Session, backend: BackEnd, server_id: str, addresses: Collection[Address]
) -> None:
    """Give a server the addresses it has, so that no other one gets them."""
    if not addresses:
        return
    locks.exclusive(session, networks.LOCK)
    subnet_id = share_servers_store.first_subnet_id(session, server_id)
    values = [_allocation(backend, subnet_id, address) for address in addresses]
    used = session.scalars(
        sa.select(_Allocation.ip_address).where(
            _Allocation.ip_address.in_([str(address) for address in addresses]),
            _Allocation.deleted == models.NOT_DELETED,
        )
    ).all()
    if used:
        raise exceptions.DriverRefused(
            f'Another share server has addresses of server {server_id}: {", ".join(used)}.'
        )
    for row in values:
        row |= {'id': uuidutils.generate_uuid(), 'share_server_id': server_id}
    rows.insert(session, _Allocation, values)


def _allocation(backend: BackEnd, subnet_id: str | None, address: Address) -> dict[str, Any]:
    """The row of an address; what the plug-in of its network knows of that goes in."""
    row = {'ip_address': str(address), 'ip_version': address.version}
    of_users = {'label': networks.USER, 'share_network_subnet_id': subnet_id}
    of_admins = {'label': networks.ADMIN, 'share_network_subnet_id': None}
    for place, plugin in ((of_users, backend.plugin), (of_admins, backend.admin_plugin)):
        values = plugin.subnet_values() if plugin else None
        if values and address in ipaddress.ip_network(values['cidr']):
            return {**values, **place, **row}
    return {**of_users, **row}


@engine.writer
def _remove(session: orm.Session, server_id: str) -> None:
    _check(share_servers_store.lock(session, server_id), server_id, 'unmanage_starting')
    networks.release(session, server_id)
    share_servers_store.remove(session, server_id)
