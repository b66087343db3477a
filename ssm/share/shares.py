# SPDX-License-Identifier: Apache-2.0

"""Shares of a back end: made, removed, served again after a start (rest-api 4.6.3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa
from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import (
    engine,
    export_locations_store,
    models,
    share_instances,
    shares,
)
from ssm.drivers import base
from ssm.migration import objects
from ssm.share import access, servers
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)

SERVED = ('available', 'server_migrating')
"""Statuses of instances that clients use."""


@dataclasses.dataclass(frozen=True)
class Loaded:
    """An instance as drivers see it, with its server."""

    share: base.Share
    server: base.ShareServer | None


# Making and removing.


def create(context: RequestContext, backend: BackEnd, instance_id: str, zone_id: str) -> None:
    """Make the share of an instance in ``creating``; another status means that it is done.

    :param zone_id: the zone of the back end, which the instance gets
    :raises SsmError: as the driver, the network plug-in or the search for a server did
    """
    status, network_id = _state(instance_id)
    if status != 'creating':
        LOG.info('Share instance %s is %s, nothing to create', instance_id, status)
        return
    if backend.handles_servers:
        servers.place(context, backend, instance_id, zone_id)
    elif network_id:
        raise exceptions.SsmError(f'{backend.host} takes no shares with a share network.')
    loaded = load(instance_id)
    locations = _make(context, backend, loaded)
    _finish(instance_id, zone_id, locations)
    LOG.info('Share instance %s is available', instance_id)


def _make(context: RequestContext, backend: BackEnd, loaded: Loaded) -> list[base.ExportLocation]:
    snapshot_id = loaded.share['snapshot_id']
    if not snapshot_id:
        return backend.driver.create_share(context, loaded.share, loaded.server)
    snapshot = _snapshot(snapshot_id)
    return backend.driver.create_share_from_snapshot(context, loaded.share, snapshot, loaded.server)


def delete(context: RequestContext, backend: BackEnd, instance_id: str) -> None:
    """Remove the share of an instance in ``deleting``: rules first, then share, then rows."""
    status, _network_id = _state(instance_id)
    if status != 'deleting':
        LOG.info('Share instance %s is %s, it is not deleted', instance_id, status)
        return
    loaded = load(instance_id)
    server_id = loaded.share['share_server_id']
    # An instance that failed before it got a server has nothing on the storage.
    if loaded.server or not backend.handles_servers:
        with access.exclusive(backend, server_id or instance_id):
            backend.driver.update_access(context, loaded.share, [], loaded.server)
        backend.driver.delete_share(context, loaded.share, loaded.server)
    _remove(instance_id)
    LOG.info('Share instance %s is deleted', instance_id)
    servers.delete_with_last_share(context, backend, server_id)


@engine.reader
def _state(session: orm.Session, instance_id: str) -> tuple[str, str | None]:
    """Status and network of an instance; one that is gone is ``deleted``."""
    instance = share_instances.get(session, instance_id)
    return (instance.status, instance.share_network_id) if instance else ('deleted', None)


@engine.reader
def load(session: orm.Session, instance_id: str) -> Loaded:
    """An instance with its server.

    :raises NotFound: it is gone
    """
    found = objects.shares(session, models.ShareInstance.id == instance_id, export_locations=True)
    if not found:
        raise exceptions.NotFound(resource='share instance', id=instance_id)
    server_id = found[0]['share_server_id']
    server = objects.share_servers(session, [server_id]).get(server_id) if server_id else None
    return Loaded(found[0], server)


@engine.reader
def _snapshot(session: orm.Session, snapshot_id: str) -> base.Snapshot:
    found = objects.snapshots(session, models.SnapshotInstance.snapshot_id == snapshot_id)
    if not found:
        raise exceptions.NotFound(resource='snapshot', id=snapshot_id)
    return found[0]


@engine.writer
def _finish(
    session: orm.Session,
    instance_id: str,
    zone_id: str,
    locations: Sequence[base.ExportLocation],
) -> None:
    export_locations_store.replace_export_locations(session, {instance_id: locations})
    instance = share_instances.get(session, instance_id)
    if instance is None:
        raise exceptions.NotFound(resource='share instance', id=instance_id)
    instance.status = 'available'
    instance.progress = '100%'
    instance.launched_at = models.now()
    instance.availability_zone_id = zone_id
    if instance.share.replication_type:
        instance.replica_state = 'active'


@engine.writer
def _remove(session: orm.Session, instance_id: str) -> None:
    shares.remove_instances(session, [instance_id])


# After a start of the service.


def ensure(context: RequestContext, backend: BackEnd) -> None:
    """Have the driver serve what it served before, with the rules that are to hold.

    Shares that are being migrated still live here until the migration succeeds; what a
    migration has fenced, the driver keeps closed (decision 16).
    """
    served = _served(backend.host)
    if not served:
        return
    LOG.info('%s serves %s shares again', backend.host, len(served))
    changed = backend.driver.ensure_shares(
        context, [(loaded.share, loaded.server) for loaded in served]
    )
    if changed:
        _relocate(backend.host, changed)


@engine.reader
def _served(session: orm.Session, host: str) -> list[Loaded]:
    here = sa.and_(share_instances.on_host(host), models.ShareInstance.status.in_(SERVED))
    rules = objects.access_rules(session, here)
    found = objects.shares(session, here, export_locations=True, rules=rules)
    wanted = {share['share_server_id'] for share in found if share['share_server_id']}
    servers_by_id = objects.share_servers(session, wanted) if wanted else {}
    return [Loaded(share, servers_by_id.get(share['share_server_id'] or '')) for share in found]


@engine.writer
def _relocate(
    session: orm.Session, host: str, changed: dict[str, list[base.ExportLocation]]
) -> None:
    """Store new locations, except of shares that a migration took away meanwhile."""
    instance = models.ShareInstance
    here = session.scalars(
        sa.select(instance.id)
        .where(
            instance.id.in_(changed),
            instance.deleted == models.NOT_DELETED,
            share_instances.on_host(host),
        )
        .with_for_update()
    )
    export_locations_store.replace_export_locations(session, {id: changed[id] for id in here})
