# SPDX-License-Identifier: Apache-2.0

"""Shares that get back the content of their newest snapshot (rest-api 4.6.4)."""

from __future__ import annotations

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models, rows
from ssm.db import shares as db
from ssm.db import snapshots as snapshots_db
from ssm.db.engine import writer
from ssm.resources import derived, shares
from ssm.rpc.share import ShareClient


def revert(context: RequestContext, share_id: str, snapshot_id: str) -> None:
    """Begin to revert a share to its newest snapshot.

    :raises NotFound: there is no such share that the caller sees
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: there is no such snapshot of it, or its type can't be reverted
    :raises Conflict: a status, its server's migration, a newer snapshot, or its rules are in
        the way
    """
    host, snapshot_instance_id = _begin(context, share_id, snapshot_id)
    ShareClient().revert_to_snapshot(context, host, snapshot_instance_id)


@writer
def _begin(
    session: orm.Session, context: RequestContext, share_id: str, snapshot_id: str
) -> tuple[str, str]:
    """Returns the service host, and the snapshot instance to revert to."""
    share = shares.found(context, db.get_locked(session, share_id), share_id)
    snapshot = snapshots_db.get_locked(session, snapshot_id)
    shares.check_not_in_bin(share)
    if snapshot is None or not (context.is_admin or snapshot.project_id == context.project_id):
        raise exceptions.Invalid(reason=f'snapshot_id: there is no snapshot {snapshot_id}.')
    if not share.revert_to_snapshot_support:
        raise exceptions.Invalid(reason=f'Share {share_id} can not be reverted to snapshots.')
    if snapshot.share_id != share_id:
        raise exceptions.Invalid(reason=f'Snapshot {snapshot_id} is not of share {share_id}.')
    instance = _ready(session, share)
    source = _restorable(session, snapshot)
    share_row, snapshot_row = models.ShareInstance, models.SnapshotInstance
    moved = rows.update(
        session,
        share_row,
        share_row.id == instance.id,
        share_row.status == 'available',
        status='reverting',
    ) and rows.update(
        session,
        snapshot_row,
        snapshot_row.id == source.id,
        snapshot_row.status == 'available',
        status='restoring',
    )
    if not moved:
        raise exceptions.ConcurrentChange(resource='share', id=share_id)
    return derived.service_host(instance.host), source.id


def _ready(session: orm.Session, share: models.Share) -> models.ShareInstance:
    instance = derived.representative(share.instances)
    if instance is None or instance.status != 'available':
        status = instance and instance.status
        raise exceptions.Conflict(reason=f'Share {share.id} is {status}, not available.')
    if shares.on_migrating_server(session, share.instances):
        raise exceptions.Conflict(reason=f'The share server of share {share.id} is migrating.')
    if derived.is_busy(share):
        raise exceptions.Conflict(reason=f'Share {share.id} is busy: {share.task_state}.')
    rules = derived.access_rules_status(share.instances)
    if rules != 'active':
        raise exceptions.Conflict(reason=f'The access rules of share {share.id} are {rules}.')
    return instance


def _restorable(session: orm.Session, snapshot: models.Snapshot) -> models.SnapshotInstance:
    source = derived.representative_snapshot(snapshot.instances)
    if source is None or source.status != 'available':
        status = source and source.status
        raise exceptions.Conflict(reason=f'Snapshot {snapshot.id} is {status}, not available.')
    newest = snapshots_db.newest_of(session, snapshot.share_id)
    if newest != snapshot.id:
        raise exceptions.Conflict(
            reason=f'Snapshot {snapshot.id} is not the newest of share {snapshot.share_id}, that '
            f'is {newest}; delete newer ones first.'
        )
    return source
