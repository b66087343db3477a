# SPDX-License-Identifier: Apache-2.0

"""Share servers of a back end: found or made for new shares, removed when nobody needs them.

Making and removing servers on a subnet exclude each other by a lock; that a chosen server is
not taken away by a migration, which knows nothing of that lock, is seen to by row locks.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence

from oslo_config import cfg
from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import engine, models, rows, share_instances, share_servers, share_servers_store
from ssm.drivers import base
from ssm.migration import networks, objects, store, subnets, switch
from ssm.share import locks
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)

_REMOVABLE = ('active', 'inactive', 'error', 'creating', 'deleting')


class NoShareServer(exceptions.SsmError):
    """There is no share server for a share, and none can be made."""

    code = 'no_share_server'
    template = 'No share server for share instance {id}: {reason}.'


# Finding and making.


def place(context: RequestContext, backend: BackEnd, instance_id: str, zone_id: str) -> str:
    """Put a new instance on a server of this back end, making one if none has room.

    A share made from a snapshot goes to the server of the snapshot and nowhere else; one that got
    its server before a crash stays on it.

    :returns: the id of the server, which the instance now has
    :raises NoShareServer: the network has no subnet for the zone, or the snapshot's server
        takes no shares now
    """
    subnet_ids, snapshot_server = _wanted(instance_id, zone_id)
    purpose = f'placing share instance {instance_id}'
    with locks.held(_lock_name(subnet_ids[0]), purpose, backend.owner):
        server_id = _choose(backend, instance_id, subnet_ids, snapshot_server)
        if server_id:
            return server_id
        if snapshot_server:
            raise NoShareServer(id=instance_id, reason=f'{snapshot_server} is not active')
        return _make(context, backend, instance_id, subnet_ids)


@engine.reader
def _wanted(session: orm.Session, instance_id: str, zone_id: str) -> tuple[list[str], str | None]:
    """The subnets a server has to lie on, and the one server to use if there is one."""
    instance = share_instances.get(session, instance_id)
    if instance is None or not instance.share_network_id:
        raise NoShareServer(id=instance_id, reason='the back end needs a share network')
    network_id = instance.share_network_id
    chosen = subnets.for_zone(share_servers_store.subnets_of(session, network_id), zone_id)
    if not chosen:
        raise NoShareServer(id=instance_id, reason='the share network has no subnet for the zone')
    snapshot_id = instance.share.snapshot_id
    server = share_instances.snapshot_server(session, snapshot_id) if snapshot_id else None
    return [subnet.id for subnet in chosen], server


@engine.writer
def _choose(
    session: orm.Session,
    backend: BackEnd,
    instance_id: str,
    subnet_ids: Sequence[str],
    only: str | None,
) -> str | None:
    instance = share_instances.get(session, instance_id)
    if instance is None:
        raise NoShareServer(id=instance_id, reason='the share is gone')
    if instance.share_server_id:
        return instance.share_server_id
    server_id = share_servers_store.choose(
        session,
        backend.host,
        subnet_ids,
        instance.share.size,
        backend.config.max_shares_per_share_server,
        backend.config.max_share_server_size,
        only,
    )
    if server_id:
        instance.share_server_id = server_id
    return server_id


def _make(
    context: RequestContext, backend: BackEnd, instance_id: str, subnet_ids: Sequence[str]
) -> str:
    """Make a server with its addresses, set it up, and put the instance on it."""
    server_id = _insert(backend, subnet_ids)
    LOG.info('Share server %s is made for share instance %s', server_id, instance_id)
    with _or_error(server_id):
        driver = backend.driver
        _allocate(
            backend,
            server_id,
            driver.get_network_allocations_number(),
            driver.get_admin_network_allocations_number(),
        )
        details = driver.setup_server(
            context,
            networks.network_info(_load(server_id)),
            {'request_host': backend.host},
        )
        _activate(server_id, details, instance_id)
    return server_id


@engine.writer
def _insert(session: orm.Session, backend: BackEnd, subnet_ids: Sequence[str]) -> str:
    server = models.ShareServer(
        host=backend.host,
        status='creating',
        security_service_update_support=backend.driver.security_service_update_support,
        network_allocation_update_support=backend.driver.network_allocation_update_support,
        share_replicas_migration_support=backend.driver.share_replicas_migration_support,
    )
    share_servers_store.add(session, server, subnet_ids)
    return server.id


@engine.writer
def _allocate(
    session: orm.Session, backend: BackEnd, server_id: str, count: int, admin_count: int
) -> None:
    server = share_servers.get(session, server_id)
    if server is None or backend.plugin is None:
        raise NoShareServer(id=server_id, reason='the row is gone, or there is no network plug-in')
    networks.allocate(
        session,
        server_id,
        server.subnets,
        backend.plugin,
        count,
        backend.admin_plugin,
        admin_count,
    )


@engine.reader
def _load(session: orm.Session, server_id: str) -> base.ShareServer:
    return objects.share_servers(session, [server_id])[server_id]


@engine.writer
def _activate(
    session: orm.Session, server_id: str, details: Mapping[str, str], instance_id: str
) -> None:
    kept = dict(details)
    identifier = kept.pop('identifier', None) or server_id
    switch.replace_details(session, server_id, kept)
    rows.update(
        session,
        models.ShareServer,
        models.ShareServer.id == server_id,
        status='active',
        identifier=identifier,
    )
    rows.update(
        session,
        models.ShareInstance,
        models.ShareInstance.id == instance_id,
        share_server_id=server_id,
    )


# Removing.


def delete(context: RequestContext, backend: BackEnd, server_id: str, *, wait: bool = True) -> None:
    """Remove a server that has no shares; one that is gone already is no error.

    :param wait: False gives up when something is going on at its subnet
    :raises Conflict: it has shares, takes part in a migration, or is in a wrong status
    :raises locks.Held: only without ``wait``
    """
    subnet_id = _first_subnet(server_id)
    if subnet_id is None:
        _take_down(context, backend, server_id)
        return
    purpose = f'deleting share server {server_id}'
    with locks.held(_lock_name(subnet_id), purpose, backend.owner, wait=wait):
        _take_down(context, backend, server_id)


def _take_down(context: RequestContext, backend: BackEnd, server_id: str) -> None:
    if not _begin_deletion(server_id):
        LOG.info('Share server %s is gone already', server_id)
        return
    with _or_error(server_id):
        backend.driver.teardown_server(context, _load(server_id), [])
        _remove(server_id)
    LOG.info('Share server %s is deleted', server_id)


_first_subnet = engine.reader(share_servers_store.first_subnet_id)


@engine.writer
def _begin_deletion(session: orm.Session, server_id: str) -> bool:
    """Mark a server as being deleted if it may be; False if there is none."""
    server = share_servers_store.lock(session, server_id)
    if server is None:
        return False
    refusal = None
    if server.status not in _REMOVABLE:
        refusal = f'it is {server.status}'
    elif share_servers.has_instances(session, server_id):
        refusal = 'it has shares'
    elif store.unfinished_of(session, server_id):
        refusal = 'it takes part in a migration'
    if refusal:
        raise exceptions.Conflict(reason=f'Share server {server_id} is not deleted: {refusal}.')
    server.status = 'deleting'
    return True


@engine.writer
def _remove(session: orm.Session, server_id: str) -> None:
    networks.release(session, server_id)
    share_servers_store.remove(session, server_id)


# Failing.


@contextlib.contextmanager
def _or_error(server_id: str) -> Iterator[None]:
    """If the block fails, the server gets status ``error`` and the error goes on."""
    with contextlib.ExitStack() as undo:
        undo.callback(_fail, server_id)
        yield
        undo.pop_all()


@engine.writer
def _fail(session: orm.Session, server_id: str) -> None:
    """A server that was never set up gives its addresses back; one to be torn down keeps them."""
    server = share_servers_store.lock(session, server_id)
    if server is None:
        return
    if server.status == 'creating':
        networks.release(session, server_id)
    server.status = 'error'


def _lock_name(subnet_id: str) -> str:
    return f'share-servers-{subnet_id}'


# Periodic work.


def clean_up(context: RequestContext, backend: BackEnd) -> None:
    """Remove servers that are unused for long enough (contract 4.12)."""
    idle = datetime.timedelta(minutes=backend.config.unused_share_server_cleanup_interval)
    for server_id in _unused(backend.host, models.now() - idle):
        _delete_or_log(context, backend, server_id, 'unused')


def retire(context: RequestContext, backend: BackEnd) -> None:
    """Remove the sources of completed migrations after their retention (decision 2)."""
    kept = datetime.timedelta(seconds=backend.config.migrated_share_server_retention)
    for server_id in _retired(backend.host, models.now() - kept):
        _delete_or_log(context, backend, server_id, 'migrated')


_unused = engine.reader(share_servers_store.unused)
_retired = engine.reader(share_servers_store.retired)


def _delete_or_log(context: RequestContext, backend: BackEnd, server_id: str, why: str) -> None:
    LOG.info('Share server %s is %s and will be deleted', server_id, why)
    try:
        delete(context, backend, server_id, wait=False)
    except exceptions.Conflict as refused:
        LOG.info('%s', refused)
    except Exception:
        LOG.exception('Share server %s could not be deleted', server_id)


def delete_with_last_share(
    context: RequestContext, backend: BackEnd, server_id: str | None
) -> None:
    """Remove a server whose last share just went, if the operator wants that."""
    if server_id and cfg.CONF.delete_share_server_with_last_share and _is_left(server_id):
        _delete_or_log(context, backend, server_id, 'without shares')


@engine.reader
def _is_left(session: orm.Session, server_id: str) -> bool:
    server = share_servers.get(session, server_id)
    return (
        server is not None
        and server.is_auto_deletable
        and not share_servers.has_instances(session, server_id)
    )
