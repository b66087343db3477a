# SPDX-License-Identifier: Apache-2.0

"""Shares: who sees them, what may be done with them in which state (rest-api 4.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models, rows, share_servers
from ssm.db import shares as db
from ssm.db import snapshots as snapshots_db
from ssm.db.engine import reader, writer
from ssm.resources import derived, listing
from ssm.rpc.share import ShareClient

LOG = logging.getLogger(__name__)

RESETTABLE = frozenset(
    {
        'available',
        'creating',
        'deleting',
        'error',
        'error_deleting',
        'migrating',
        'migrating_to',
        'server_migrating',
    }
)
"""Statuses that reset_status sets."""

TASK_STATES = derived.BUSY_TASK_STATES | {
    None,
    'data_copying_cancelled',
    'data_copying_error',
    'migration_cancelled',
    'migration_error',
    'migration_success',
}
"""What reset_task_state sets."""

_DELETABLE = frozenset({'available', 'error', 'inactive'})


def found(context: RequestContext, share: models.Share | None, share_id: str) -> models.Share:
    """The share, if it is there and the caller sees it.

    :raises NotFound: it is not, or of another project and not public
    """
    if share is None or not (
        context.is_admin or share.is_public or share.project_id == context.project_id
    ):
        raise exceptions.NotFound(resource='share', id=share_id)
    return share


@reader
def get(
    session: orm.Session,
    context: RequestContext,
    share_id: str,
    *,
    with_export_locations: bool = False,
) -> models.Share:
    """A share with instances, types, zones and metadata.

    :raises NotFound: there is none that the caller sees
    """
    share = db.get(session, share_id, with_export_locations=with_export_locations)
    return found(context, share, share_id)


@reader
def find(
    session: orm.Session, wanted: listing.Listing, *, with_export_locations: bool = False
) -> tuple[list[models.Share], int | None]:
    """A page of shares, and how many there are in all if that was asked.

    :raises Invalid: there is no such sort key
    """
    criteria = [db.FILTERS[name](value) for name, value in wanted.filters.items()]
    if wanted.project_id is not None:
        criteria.append(db.owned_by(wanted.project_id, or_public=wanted.or_public))
    shares = db.find(
        session,
        criteria,
        order_by=listing.sort_column(db.sort_column(wanted.sort_key), wanted.sort_key),
        descending=wanted.descending,
        limit=wanted.limit,
        offset=wanted.offset,
        detail=wanted.detail,
        with_export_locations=with_export_locations,
    )
    return shares, db.count(session, criteria) if wanted.with_count else None


def check_not_in_bin(share: models.Share) -> None:
    """Refuse what can't be done with a share in the recycle bin.

    :raises Forbidden: it is there
    """
    if share.is_soft_deleted:
        raise exceptions.Forbidden(reason=f'Share {share.id} is in the recycle bin.')


def check_not_busy(share: models.Share) -> None:
    """Refuse what can't be done while a share is being migrated by itself.

    :raises Invalid: it is
    """
    if derived.is_busy(share):
        raise exceptions.Invalid(reason=f'Share {share.id} is busy: {share.task_state}.')


def on_migrating_server(session: orm.Session, instances: Iterable[models.ShareInstance]) -> bool:
    """Whether one of the instances is, or is on a share server that is, being migrated."""
    rows_ = list(instances)
    return any(i.status == 'server_migrating' for i in rows_) or share_servers.any_migrating(
        session, (i.share_server_id for i in rows_)
    )


@writer
def update(
    session: orm.Session, context: RequestContext, share_id: str, values: Mapping[str, Any]
) -> models.Share:
    """Set name, description, or whether it is public; returns the share as it is now.

    :raises NotFound: there is none that the caller sees
    :raises Forbidden: it is in the recycle bin
    """
    check_not_in_bin(found(context, db.get(session, share_id), share_id))
    if values:
        rows.update(session, models.Share, models.Share.id == share_id, **values)
    return found(context, db.get(session, share_id, with_export_locations=True), share_id)


def delete(
    context: RequestContext,
    share_id: str,
    *,
    share_group_id: str | None = None,
    force: bool = False,
) -> None:
    """Delete a share: instances without host at once, others by their back ends.

    :param share_group_id: the group that the caller thinks it is in
    :param force: whatever its status is, unless its server is being migrated
    :raises NotFound: there is none that the caller sees
    :raises Invalid: it is in another group, or busy with its own migration
    :raises Forbidden: its status, a snapshot, or the migration of its server is in the way
    :raises Conflict: it has further replicas
    """
    instances = _begin_deletion(context, share_id, share_group_id, force)
    client = ShareClient()
    for instance in instances:
        client.delete_share_instance(context, derived.service_host(instance.host), instance.id)


@writer
def _begin_deletion(
    session: orm.Session,
    context: RequestContext,
    share_id: str,
    share_group_id: str | None,
    force: bool,
) -> Sequence[models.ShareInstance]:
    """Returns the instances that their back ends have to delete."""
    share = found(context, db.get_locked(session, share_id), share_id)
    _check_deletable(session, share, share_group_id, force)
    homeless = [i.id for i in share.instances if not i.host]
    placed = [i for i in share.instances if i.host]
    rows.update(
        session,
        models.ShareInstance,
        models.ShareInstance.id.in_([i.id for i in placed]),
        status='deleting',
        terminated_at=models.now(),
    )
    db.remove_instances(session, homeless)
    return placed


def _check_deletable(
    session: orm.Session, share: models.Share, share_group_id: str | None, force: bool
) -> None:
    """In the order of rest-api 4.6.3."""
    if share.share_group_id and share.share_group_id != share_group_id:
        raise exceptions.Invalid(reason=f'Share {share.id} is in group {share.share_group_id}.')
    status = derived.share_status(share)
    ready = force or status in _DELETABLE
    if not ready or on_migrating_server(session, share.instances):
        raise exceptions.Forbidden(reason=f'Share {share.id} has status {status}.')
    if derived.has_replicas(share.instances):
        raise exceptions.Conflict(reason=f'Share {share.id} has further replicas.')
    if snapshots_db.exist_for(session, share.id):
        raise exceptions.Forbidden(reason=f'Share {share.id} has snapshots.')
    check_not_busy(share)


@writer
def reset_status(session: orm.Session, context: RequestContext, share_id: str, status: str) -> None:
    """Set the status of the representative instance.

    :raises NotFound: there is no such share
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: the status is none that may be set
    """
    share = found(context, db.get_locked(session, share_id), share_id)
    check_not_in_bin(share)
    if status not in RESETTABLE:
        raise exceptions.Invalid(reason=f'{status!r} is no status to set.')
    instance = derived.representative(share.instances)
    if instance:
        LOG.info('Share %s: status %s set by %s', share_id, status, context.user_id)
        chosen = models.ShareInstance.id == instance.id
        rows.update(session, models.ShareInstance, chosen, status=status)


@writer
def reset_task_state(
    session: orm.Session, context: RequestContext, share_id: str, task_state: str | None
) -> None:
    """Set the share's own task state.

    :raises NotFound: there is no such share
    :raises Invalid: the task state is none that may be set
    """
    found(context, db.get(session, share_id), share_id)
    if task_state not in TASK_STATES:
        raise exceptions.Invalid(reason=f'{task_state!r} is no task state to set.')
    LOG.info('Share %s: task state %s set by %s', share_id, task_state, context.user_id)
    rows.update(session, models.Share, models.Share.id == share_id, task_state=task_state)
