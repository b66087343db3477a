# SPDX-License-Identifier: Apache-2.0

"""Queries about the instances a back end serves, for its share manager and the scheduler."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import engine, models, rows

_Instance = models.ShareInstance

_TO_DO = ('creating', 'deleting')
_TO_SIZE = ('extending', 'shrinking')
_TO_DO_WITH_SNAPSHOTS = (*_TO_DO, 'restoring')


def on_host(host: str) -> sa.ColumnElement[bool]:
    """That an instance lies on a service host, in whichever pool of it."""
    return sa.or_(_Instance.host == host, _Instance.host.startswith(f'{host}#', autoescape=True))


def get(session: orm.Session, instance_id: str) -> models.ShareInstance | None:
    """A living instance with its share."""
    query = (
        sa.select(_Instance)
        .where(_Instance.id == instance_id, _Instance.deleted == models.NOT_DELETED)
        .options(orm.joinedload(_Instance.share))
    )
    return session.scalars(query).one_or_none()


@engine.writer
def change(
    session: orm.Session, instance_id: str, expected: Collection[str], **values: Any
) -> bool:
    """Set columns of an instance in one of the expected statuses; False if it is in another."""
    return bool(
        rows.update(
            session,
            _Instance,
            _Instance.id == instance_id,
            _Instance.status.in_(expected),
            **values,
        )
    )


@engine.writer
def schedule(session: orm.Session, instance_id: str, host: str) -> bool:
    """Give an instance that waits for a pool its host; False if it waits no longer."""
    return bool(
        rows.update(
            session,
            _Instance,
            _Instance.id == instance_id,
            _Instance.status == 'creating',
            _Instance.host.is_(None),
            host=host,
            scheduled_at=models.now(),
        )
    )


@engine.reader
def provisioned(session: orm.Session) -> dict[str, int]:
    """GiB promised to instances, by host with pool."""
    query = (
        sa.select(_Instance.host, sa.func.sum(models.Share.size))
        .join(models.Share, models.Share.id == _Instance.share_id)
        .where(_Instance.deleted == models.NOT_DELETED, _Instance.host.is_not(None))
        .group_by(_Instance.host)
    )
    return {host: int(size) for host, size in session.execute(query) if host}


@engine.reader
def unfinished(session: orm.Session, host: str) -> list[tuple[str, str]]:
    """Instances of a service host that are to be made or removed: status and id, oldest first."""
    query = (
        sa.select(_Instance.status, _Instance.id)
        .where(
            on_host(host),
            _Instance.deleted == models.NOT_DELETED,
            _Instance.status.in_(_TO_DO),
        )
        .order_by(_Instance.created_at, _Instance.id)
    )
    return [(status, instance_id) for status, instance_id in session.execute(query)]


@engine.reader
def unfinished_sizes(session: orm.Session, host: str) -> list[tuple[str, str, int]]:
    """Instances of a service host that grow or shrink: status, id, and to how many GiB."""
    query = sa.select(_Instance.status, _Instance.id, _Instance.wanted_size).where(
        on_host(host),
        _Instance.deleted == models.NOT_DELETED,
        _Instance.status.in_(_TO_SIZE),
        _Instance.wanted_size.is_not(None),
    )
    return [
        (status, instance_id, size or 0) for status, instance_id, size in session.execute(query)
    ]


@engine.reader
def unfinished_snapshots(session: orm.Session, host: str) -> list[tuple[str, str]]:
    """The same of snapshot instances."""
    snapshot = models.SnapshotInstance
    query = (
        sa.select(snapshot.status, snapshot.id)
        .join(_Instance, _Instance.id == snapshot.share_instance_id)
        .where(
            on_host(host),
            snapshot.deleted == models.NOT_DELETED,
            snapshot.status.in_(_TO_DO_WITH_SNAPSHOTS),
        )
        .order_by(snapshot.created_at, snapshot.id)
    )
    return [(status, instance_id) for status, instance_id in session.execute(query)]


def snapshot_server(session: orm.Session, snapshot_id: str) -> str | None:
    """The share server a snapshot lies on."""
    query = (
        sa.select(_Instance.share_server_id)
        .join(models.SnapshotInstance, models.SnapshotInstance.share_instance_id == _Instance.id)
        .where(
            models.SnapshotInstance.snapshot_id == snapshot_id,
            models.SnapshotInstance.deleted == models.NOT_DELETED,
        )
    )
    return session.scalars(query).first()
