# SPDX-License-Identifier: Apache-2.0

"""Shares of a back end that grow, shrink, and go back to a snapshot (rest-api 4.6.4)."""

from __future__ import annotations

from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import engine, models, rows
from ssm.drivers import base
from ssm.share import shares, snapshots
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)


def extend(context: RequestContext, backend: BackEnd, instance_id: str, new_size: int) -> None:
    """Make the share of an instance in ``extending`` larger; ``new_size`` is GiB."""
    loaded = shares.load(instance_id)
    if _is(loaded.share, 'extending'):
        backend.driver.extend_share(context, loaded.share, new_size, loaded.server)
        _finish(instance_id, 'extending', new_size)
        LOG.info('Share instance %s has %s GiB now', instance_id, new_size)


def shrink(context: RequestContext, backend: BackEnd, instance_id: str, new_size: int) -> None:
    """Make the share of an instance in ``shrinking`` smaller; ``new_size`` is GiB.

    If the data does not fit, it is available again with its old size.
    """
    loaded = shares.load(instance_id)
    if not _is(loaded.share, 'shrinking'):
        return
    try:
        backend.driver.shrink_share(context, loaded.share, new_size, loaded.server)
    except exceptions.DataLoss as refusal:
        LOG.warning('Share instance %s keeps its size: %s', instance_id, refusal)
        _finish(instance_id, 'shrinking', loaded.share['size'])
    else:
        _finish(instance_id, 'shrinking', new_size)
        LOG.info('Share instance %s has %s GiB now', instance_id, new_size)


def revert(context: RequestContext, backend: BackEnd, snapshot_instance_id: str) -> None:
    """Give the share of a snapshot instance in ``restoring`` the content and size of then."""
    snapshot, server = snapshots.load(snapshot_instance_id)
    share = shares.load(snapshot['share_instance_id']).share
    if snapshot['status'] == 'restoring' and _is(share, 'reverting'):
        backend.driver.revert_to_snapshot(context, share, snapshot, server)
        _finish_revert(snapshot, 'available')
        LOG.info('Share instance %s is reverted', share['id'])


def fail_revert(snapshot_instance_id: str) -> None:
    """What a failed revert leaves: a share for a human, and its snapshot as it was."""
    snapshot, _ = snapshots.load(snapshot_instance_id)
    _finish_revert(snapshot, 'reverting_error')


def _is(share: base.Share, status: str) -> bool:
    if share['status'] != status:
        LOG.info('Share instance %s is %s, not %s', share['id'], share['status'], status)
    return share['status'] == status


@engine.writer
def _finish(session: orm.Session, instance_id: str, status: str, size: int) -> None:
    """The size is what the storage has, also if somebody reset the status meanwhile."""
    instance = models.ShareInstance
    rows.update(
        session,
        instance,
        instance.id == instance_id,
        instance.status == status,
        status='available',
        wanted_size=None,
    )
    _set_size(session, instance_id, size)


def _set_size(session: orm.Session, instance_id: str, size: int) -> None:
    share_id = session.get_one(models.ShareInstance, instance_id).share_id
    rows.update(session, models.Share, models.Share.id == share_id, size=size)


@engine.writer
def _finish_revert(session: orm.Session, snapshot: base.Snapshot, status: str) -> None:
    share, taken = models.ShareInstance, models.SnapshotInstance
    share_id = snapshot['share_instance_id']
    rows.update(session, share, share.id == share_id, share.status == 'reverting', status=status)
    rows.update(
        session,
        taken,
        taken.id == snapshot['id'],
        taken.status == 'restoring',
        status='available',
    )
    if status == 'available':
        _set_size(session, share_id, snapshot['size'])
