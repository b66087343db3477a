# SPDX-License-Identifier: Apache-2.0

"""Queries about snapshots and their instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models, rows

Criterion = sa.ColumnElement[bool]

_LOAD = orm.selectinload(models.Snapshot.instances).joinedload(
    models.SnapshotInstance.share_instance
)


def _of_instance(condition: Criterion) -> Criterion:
    return sa.exists().where(
        models.SnapshotInstance.snapshot_id == models.Snapshot.id,
        models.SnapshotInstance.deleted == models.NOT_DELETED,
        condition,
    )


def _is_used(value: str) -> Criterion:
    """``usage``: whether a living share was made of the snapshot; ``any`` says nothing."""
    used = sa.exists().where(
        models.Share.snapshot_id == models.Snapshot.id, models.Share.deleted == models.NOT_DELETED
    )
    return {'used': used, 'unused': ~used}.get(value, sa.true())


FILTERS: dict[str, Callable[[Any], Criterion]] = {
    'name': lambda value: models.Snapshot.display_name == value,
    'name~': lambda value: models.Snapshot.display_name.contains(value, autoescape=True),
    'description': lambda value: models.Snapshot.display_description == value,
    'description~': lambda value: models.Snapshot.display_description.contains(
        value, autoescape=True
    ),
    'project_id': lambda value: models.Snapshot.project_id == value,
    'share_id': lambda value: models.Snapshot.share_id == value,
    'size': lambda value: models.Snapshot.size == value,
    'status': lambda value: _of_instance(models.SnapshotInstance.status == value),
    'usage': _is_used,
}
"""Filters of the list by name (rest-api 4.10); each makes a criterion of its value."""


def sort_column(key: str) -> sa.ColumnElement[Any] | None:
    """What a list is sorted by: a column of the snapshot, None if there is none."""
    key = {'name': 'display_name', 'description': 'display_description'}.get(key, key)
    return models.Snapshot.__table__.c.get(key)


def find(
    session: orm.Session,
    criteria: Iterable[Criterion],
    *,
    order_by: sa.ColumnElement[Any],
    descending: bool = True,
    limit: int | None = None,
    offset: int | None = None,
    detail: bool = True,
) -> list[models.Snapshot]:
    """Living snapshots; two statements.

    :param detail: with instances and share instances; without them it is one statement
    """
    order = (order_by, models.Snapshot.id)
    query = (
        sa.select(models.Snapshot)
        .where(models.Snapshot.deleted == models.NOT_DELETED, *criteria)
        .options(*([_LOAD] if detail else []))
        .order_by(*(column.desc() if descending else column.asc() for column in order))
        .limit(limit)
        .offset(offset)
    )
    return list(session.scalars(query))


def get(session: orm.Session, snapshot_id: str) -> models.Snapshot | None:
    """A living snapshot as :func:`find` loads it; what changed in the transaction is seen."""
    query = (
        sa.select(models.Snapshot)
        .where(models.Snapshot.id == snapshot_id, models.Snapshot.deleted == models.NOT_DELETED)
        .options(_LOAD)
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).one_or_none()


def get_locked(session: orm.Session, snapshot_id: str) -> models.Snapshot | None:
    """As :func:`get`; nobody else changes its instances until the transaction ends."""
    session.execute(
        sa.select(models.SnapshotInstance.id)
        .where(
            models.SnapshotInstance.snapshot_id == snapshot_id,
            models.SnapshotInstance.deleted == models.NOT_DELETED,
        )
        .with_for_update()
    )
    return get(session, snapshot_id)


def exist_for(session: orm.Session, share_id: str) -> bool:
    """Whether a share has living snapshots."""
    query = sa.select(
        sa.exists().where(
            models.Snapshot.share_id == share_id, models.Snapshot.deleted == models.NOT_DELETED
        )
    )
    return session.execute(query).scalar_one()


def newest_of(session: orm.Session, share_id: str) -> str | None:
    """Id of the living snapshot of a share that was begun last."""
    snapshot = models.Snapshot
    query = (
        sa.select(snapshot.id)
        .where(snapshot.share_id == share_id, snapshot.deleted == models.NOT_DELETED)
        .order_by(snapshot.created_at.desc(), snapshot.id.desc())
        .limit(1)
    )
    return session.scalars(query).first()


def add(session: orm.Session, snapshot: models.Snapshot, instance: models.SnapshotInstance) -> None:
    """Insert a snapshot and its instance; the ids are set afterwards."""
    session.add(snapshot)
    session.flush()
    instance.snapshot_id = snapshot.id
    session.add(instance)
    session.flush()


def remove_instances(session: orm.Session, instance_ids: Sequence[str]) -> None:
    """Delete snapshot instances with their export locations, and snapshots left without any.

    Four statements and a query for up to 500 instances (rest-api 6.2, cascades).
    """
    for ids in rows.chunks(instance_ids):
        _remove_instances(session, ids)


def _remove_instances(session: orm.Session, ids: Sequence[str]) -> None:
    instance, location = models.SnapshotInstance, models.SnapshotExportLocation
    touched = sa.select(instance.snapshot_id).where(instance.id.in_(ids))
    rows.soft_delete(session, location, location.share_snapshot_instance_id.in_(ids))
    rows.soft_delete(session, instance, instance.id.in_(ids))
    living = sa.exists().where(
        instance.snapshot_id == models.Snapshot.id, instance.deleted == models.NOT_DELETED
    )
    orphans = list(
        session.scalars(
            sa.select(models.Snapshot.id).where(models.Snapshot.id.in_(touched), ~living)
        )
    )
    rows.soft_delete(session, models.Snapshot, models.Snapshot.id.in_(orphans))
