# SPDX-License-Identifier: Apache-2.0

"""Statements about who carries a migration: what is due, claims, renewals, the end of a lease.

All times are compared by the database's clock (decision 19).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models, rows
from ssm.db.engine import db_time, reader, writer
from ssm.migration.states import CARRIED, COPYING, TRANSITIONS, Event, State
from ssm.migration.store import LONGEST_WAITING, RELEASED, Row, move


def _free(dead_owners: Collection[str]) -> sa.ColumnElement[bool]:
    """That nobody alive owns a row."""
    return sa.or_(Row.owner.is_(None), Row.lease_expires_at < db_time(), Row.owner.in_(dead_owners))


def _to_do() -> sa.ColumnElement[bool]:
    """That something is left to do for a migration."""
    return sa.and_(
        Row.state.in_(CARRIED), Row.finished_at.is_(None), Row.deleted == models.NOT_DELETED
    )


@reader
def due(session: orm.Session, host: str, dead_owners: Collection[str]) -> list[str]:
    """Migrations to a host with something to do that nobody carries, oldest first."""
    query = (
        sa.select(Row.id)
        .where(
            Row.destination_host == host,
            _to_do(),
            _free(dead_owners),
            sa.or_(Row.wake_at.is_(None), Row.wake_at <= db_time()),
        )
        .order_by(Row.created_at, Row.id)
    )
    return list(session.scalars(query))


@reader
def owners(session: orm.Session, host: str) -> set[str]:
    """Who owns migrations to a host."""
    query = sa.select(Row.owner).where(
        Row.destination_host == host, _to_do(), Row.owner.is_not(None)
    )
    return {owner for owner in session.scalars(query) if owner}


@writer
def claim(
    session: orm.Session,
    migration_id: str,
    owner: str,
    seconds: int,
    dead_owners: Collection[str],
    limit: int,
    announce: Callable[[Row], dict[str, Any]],
) -> Row | None:
    """Become the owner of a migration that nobody alive owns; three statements at most.

    The row is locked before it is read, so that what is announced rests on what the last owner
    wrote last. A new migration is moved on by the same transaction, or told what it waits for.

    :param seconds: length of the lease
    :param limit: migrations to its host that may copy at the same time
    :param announce: columns that say what is done first, from the row; must have no effects
    :returns: the row as it is now, detached; None if it is another's, over, or has to wait
    """
    other = orm.aliased(Row)
    copying = (
        sa.select(sa.func.count())
        .where(
            other.destination_host == Row.destination_host,
            other.state.in_(COPYING),
            other.deleted == models.NOT_DELETED,
        )
        .scalar_subquery()
    )
    found = session.execute(
        sa.select(Row, copying)
        .where(Row.id == migration_id, _to_do(), _free(dead_owners))
        .with_for_update()
    ).one_or_none()
    if found is None:
        return None
    row, copied = found
    session.expunge(row)
    event = Event.TAKE if row.state == State.STARTING else None
    if event and copied >= limit:
        _queue(session, row, copied, limit)
        return None
    row.epoch, row.owner, row.waiting = row.epoch + 1, owner, None
    known = {'epoch': row.epoch, 'owner': owner, 'waiting': None, 'wake_at': None}
    known['lease_expires_at'] = db_time() + seconds
    if event is None:
        rows.update(session, Row, Row.id == row.id, **known, **_announced(row, announce))
        return row
    row.state = TRANSITIONS[event].after
    move(session, row, event, **known, **_announced(row, announce))
    return row


def _announced(row: Row, announce: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
    """What is announced, for the statement; it is set on the row, too."""
    values = announce(row)
    for name, value in values.items():
        setattr(row, name, value)
    return values


def _queue(session: orm.Session, row: Row, copied: int, limit: int) -> None:
    """Say in a migration's row that it waits, and for what; once."""
    waiting = (
        f'Waits for its turn: {row.destination_host} takes {limit} at a time '
        f'(max_concurrent_migrations) and copies {copied} now.'
    )
    if row.waiting != waiting:
        rows.update(session, Row, Row.id == row.id, waiting=waiting)


@writer
def release(session: orm.Session, row: Row, waiting: str | None, seconds: int) -> bool:
    """Give up a lease, whatever the API made of the row meanwhile; False if it is another's.

    :param waiting: why, None if there is nothing to say
    :param seconds: after which it is due again
    """
    return bool(
        rows.update(
            session,
            Row,
            Row.id == row.id,
            Row.epoch == row.epoch,
            Row.finished_at.is_(None),
            waiting=waiting and waiting[:LONGEST_WAITING],
            wake_at=db_time() + seconds if seconds else None,
            **RELEASED,
        )
    )


@writer
def tell(session: orm.Session, migration_id: str, epoch: int, waiting: str) -> None:
    """Say what the owner of an epoch waits for, in its place."""
    rows.update(
        session,
        Row,
        Row.id == migration_id,
        Row.epoch == epoch,
        waiting=waiting[:LONGEST_WAITING],
    )


def renewal(migration_id: str, epoch: int, seconds: int) -> sa.Update:
    """The statement that lengthens a lease; it matches no row once the lease is another's."""
    return (
        sa.update(Row)
        .where(Row.id == migration_id, Row.epoch == epoch, Row.owner.is_not(None))
        .values(lease_expires_at=db_time() + seconds)
    )
