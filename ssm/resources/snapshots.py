# SPDX-License-Identifier: Apache-2.0

"""Snapshots of shares (rest-api 4.10)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models, rows
from ssm.db import shares as shares_db
from ssm.db import snapshots as db
from ssm.db.engine import reader, writer
from ssm.resources import derived, listing, shares
from ssm.rpc.share import ShareClient

LOG = logging.getLogger(__name__)

RESETTABLE = frozenset(
    {
        'available',
        'creating',
        'deleting',
        'error',
        'error_deleting',
        'manage_error',
        'manage_starting',
        'migrating',
        'migrating_to',
        'restoring',
        'unmanage_error',
        'unmanage_starting',
    }
)
"""Statuses that reset_status sets."""

_DELETABLE = frozenset({'available', 'error'})
_LONGEST = 255


@dataclasses.dataclass(frozen=True)
class _Placed:
    """A snapshot instance and the service host that has to do something with it."""

    instance_id: str
    host: str


def _found(
    context: RequestContext, snapshot: models.Snapshot | None, snapshot_id: str
) -> models.Snapshot:
    if snapshot is None or not (context.is_admin or snapshot.project_id == context.project_id):
        raise exceptions.NotFound(resource='snapshot', id=snapshot_id)
    return snapshot


@reader
def get(session: orm.Session, context: RequestContext, snapshot_id: str) -> models.Snapshot:
    """A snapshot with its instances.

    :raises NotFound: there is none that the caller sees
    """
    return _found(context, db.get(session, snapshot_id), snapshot_id)


@reader
def find(session: orm.Session, wanted: listing.Listing) -> list[models.Snapshot]:
    """A page of snapshots.

    :raises Invalid: there is no such sort key
    """
    criteria = [db.FILTERS[name](value) for name, value in wanted.filters.items()]
    if wanted.project_id is not None:
        criteria.append(db.FILTERS['project_id'](wanted.project_id))
    return db.find(
        session,
        criteria,
        order_by=listing.sort_column(db.sort_column(wanted.sort_key), wanted.sort_key),
        descending=wanted.descending,
        limit=wanted.limit,
        offset=wanted.offset,
        detail=wanted.detail,
    )


def create(
    context: RequestContext, share_id: str, *, name: Any = None, description: Any = None
) -> models.Snapshot:
    """Begin a snapshot of a share and tell the back end.

    :raises NotFound: there is no such share that the caller sees
    :raises Unprocessable: its type has no snapshots
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: a text is too long; the share is not available, or busy
    """
    snapshot, placed = _create(context, share_id, name, description)
    ShareClient().create_snapshot_instance(context, placed.host, placed.instance_id)
    return snapshot


@writer
def _create(
    session: orm.Session,
    context: RequestContext,
    share_id: str,
    name: Any,
    description: Any,
) -> tuple[models.Snapshot, _Placed]:
    share = shares.found(context, shares_db.get_locked(session, share_id), share_id)
    texts = {'display_name': name, 'display_description': description}
    source = _check_source(share, texts)
    snapshot = models.Snapshot(
        user_id=context.user_id,
        project_id=context.project_id,
        share_id=share_id,
        size=share.size,
        share_size=share.size,
        share_proto=share.share_proto,
        **texts,
    )
    instance = models.SnapshotInstance(
        share_instance_id=source.id, status='creating', progress='0%'
    )
    db.add(session, snapshot, instance)
    loaded = _found(context, db.get(session, snapshot.id), snapshot.id)
    return loaded, _Placed(instance.id, derived.service_host(source.host))


def _check_source(share: models.Share, texts: Mapping[str, Any]) -> models.ShareInstance:
    """The instance to take a snapshot of, in the order of rest-api 4.10."""
    if not share.snapshot_support:
        raise exceptions.Unprocessable(reason=f'Share {share.id} does not support snapshots.')
    shares.check_not_in_bin(share)
    for key, text in texts.items():
        if text is not None and not (isinstance(text, str) and len(text) <= _LONGEST):
            raise exceptions.Invalid(reason=f'{key} is no text of at most {_LONGEST} characters.')
    source = derived.representative(share.instances)
    if source is None or source.status != 'available':
        status = source and source.status
        raise exceptions.Invalid(reason=f'Share {share.id} is {status}, not available.')
    shares.check_not_busy(share)
    return source


@writer
def update(
    session: orm.Session, context: RequestContext, snapshot_id: str, values: Mapping[str, Any]
) -> models.Snapshot:
    """Set name or description; returns the snapshot as it is now.

    :raises NotFound: there is none that the caller sees
    """
    _found(context, db.get(session, snapshot_id), snapshot_id)
    if values:
        rows.update(session, models.Snapshot, models.Snapshot.id == snapshot_id, **values)
    return _found(context, db.get(session, snapshot_id), snapshot_id)


def delete(context: RequestContext, snapshot_id: str, *, force: bool = False) -> None:
    """Delete a snapshot; its back ends remove it.

    :param force: whatever its status is, unless its share's server is being migrated
    :raises NotFound: there is none that the caller sees
    :raises Invalid: its status, or the migration of its share's server, is in the way
    """
    for placed in _begin_deletion(context, snapshot_id, force):
        ShareClient().delete_snapshot_instance(context, placed.host, placed.instance_id)


@writer
def _begin_deletion(
    session: orm.Session, context: RequestContext, snapshot_id: str, force: bool
) -> Sequence[_Placed]:
    snapshot = _found(context, db.get_locked(session, snapshot_id), snapshot_id)
    status = derived.snapshot_status(snapshot.instances)
    ready = status in _DELETABLE or (force and status != 'server_migrating')
    sources = [i.share_instance for i in snapshot.instances]
    if not ready or shares.on_migrating_server(session, sources):
        raise exceptions.Invalid(reason=f'Snapshot {snapshot_id} has status {status}.')
    homeless = [i.id for i in snapshot.instances if not i.share_instance.host]
    placed = [
        _Placed(i.id, derived.service_host(i.share_instance.host))
        for i in snapshot.instances
        if i.share_instance.host
    ]
    rows.update(
        session,
        models.SnapshotInstance,
        models.SnapshotInstance.id.in_([item.instance_id for item in placed]),
        status='deleting',
    )
    db.remove_instances(session, homeless)
    return placed


@writer
def reset_status(
    session: orm.Session, context: RequestContext, snapshot_id: str, status: str
) -> None:
    """Set the status of the representative instance.

    :raises NotFound: there is no such snapshot
    """
    snapshot = _found(context, db.get_locked(session, snapshot_id), snapshot_id)
    instance = derived.representative_snapshot(snapshot.instances)
    if instance:
        LOG.info('Snapshot %s: status %s set by %s', snapshot_id, status, context.user_id)
        chosen = models.SnapshotInstance.id == instance.id
        rows.update(session, models.SnapshotInstance, chosen, status=status)
