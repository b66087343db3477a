# SPDX-License-Identifier: Apache-2.0

"""Snapshots of a back end: taken and removed (rest-api 4.10)."""

from __future__ import annotations

from typing import Any

from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import engine, models, rows, snapshots
from ssm.drivers import base
from ssm.migration import objects
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)

_COLUMNS = ('provider_location',)
"""What a driver may say of a snapshot it took."""


def create(context: RequestContext, backend: BackEnd, instance_id: str) -> None:
    """Take the snapshot of a snapshot instance in ``creating``."""
    snapshot, server = load(instance_id)
    if snapshot['status'] != 'creating':
        LOG.info('Snapshot instance %s is %s, nothing to create', instance_id, snapshot['status'])
        return
    answer = backend.driver.create_snapshot(context, snapshot, server) or {}
    columns = {name: answer[name] for name in _COLUMNS if name in answer}
    change(instance_id, status='available', progress='100%', **columns)
    LOG.info('Snapshot instance %s is available', instance_id)


def delete(context: RequestContext, backend: BackEnd, instance_id: str) -> None:
    """Remove the snapshot of a snapshot instance in ``deleting``."""
    snapshot, server = load(instance_id)
    if snapshot['status'] != 'deleting':
        LOG.info('Snapshot instance %s is %s, it is not deleted', instance_id, snapshot['status'])
        return
    backend.driver.delete_snapshot(context, snapshot, server)
    _remove(instance_id)
    LOG.info('Snapshot instance %s is deleted', instance_id)


@engine.writer
def change(session: orm.Session, instance_id: str, **values: Any) -> None:
    """Set columns of a snapshot instance."""
    instance = models.SnapshotInstance
    rows.update(session, instance, instance.id == instance_id, **values)


@engine.reader
def load(session: orm.Session, instance_id: str) -> tuple[base.Snapshot, base.ShareServer | None]:
    """A snapshot as drivers see it, and the server it lies on.

    :raises NotFound: it is gone
    """
    found = objects.snapshots(session, models.SnapshotInstance.id == instance_id)
    if not found:
        raise exceptions.NotFound(resource='snapshot instance', id=instance_id)
    share_instance = session.get_one(models.ShareInstance, found[0]['share_instance_id'])
    server_id = share_instance.share_server_id
    server = objects.share_servers(session, [server_id]).get(server_id) if server_id else None
    return found[0], server


@engine.writer
def _remove(session: orm.Session, instance_id: str) -> None:
    snapshots.remove_instances(session, [instance_id])
