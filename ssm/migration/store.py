# SPDX-License-Identifier: Apache-2.0

"""Statements on the rows of share server migrations, made from the transition table.

The number of statements of each function does not depend on the number of shares.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import models, rows
from ssm.db.engine import db_time, reader, writer
from ssm.migration.states import TRANSITIONS, UNFINISHED, Event, State

Row = models.Migration


def unfinished_of(session: orm.Session, server_id: str) -> Row | None:
    """The unfinished migration a server takes part in, as source or destination."""
    return session.scalars(
        sa.select(Row).where(
            sa.or_(
                Row.source_share_server_id == server_id,
                Row.destination_share_server_id == server_id,
            ),
            Row.state.in_(UNFINISHED),
            Row.deleted == models.NOT_DELETED,
        )
    ).first()


def move(
    session: orm.Session,
    row: Row,
    event: Event,
    *conditions: sa.ColumnElement[bool],
    **values: Any,
) -> bool:
    """Move a migration by an event: its row, both servers, shares and snapshots together.

    At most four statements. Where the row is not in a state the event leads away from, or a
    condition does not hold, nothing is changed.

    :param conditions: further ones on the row, e.g. the epoch
    :param values: further columns of the row
    :returns: whether it moved
    """
    transition = TRANSITIONS[event]
    moved = rows.update(
        session,
        Row,
        Row.id == row.id,
        Row.state.in_(transition.before),
        *conditions,
        state=transition.after,
        **values,
    )
    if not moved:
        return False
    if event is not Event.OVERRIDE:
        set_statuses(session, row, event)
    return True


def set_statuses(session: orm.Session, row: Row, event: Event) -> None:
    """What clients see of an event: task_state and status of servers, shares and snapshots."""
    transition = TRANSITIONS[event]
    source, destination = row.source_share_server_id, row.destination_share_server_id
    values: dict[str, Any] = {'task_state': transition.after}
    statuses = {
        server: status
        for server, status in ((source, transition.source), (destination, transition.destination))
        if server and status
    }
    if statuses:
        values['status'] = sa.case(
            *((models.ShareServer.id == server, status) for server, status in statuses.items()),
            else_=models.ShareServer.status,
        )
    rows.update(
        session,
        models.ShareServer,
        models.ShareServer.id.in_([server for server in (source, destination) if server]),
        **values,
    )
    if transition.resources:
        set_resources(
            session, destination if event is Event.SUCCEED else source, transition.resources
        )


def set_resources(session: orm.Session, server_id: str | None, status: str) -> None:
    """Give all shares and snapshots of a server a status; two statements."""
    on_server = models.ShareInstance.share_server_id == server_id
    rows.update(session, models.ShareInstance, on_server, status=status)
    rows.update(
        session,
        models.SnapshotInstance,
        models.SnapshotInstance.share_instance_id.in_(
            sa.select(models.ShareInstance.id).where(
                on_server, models.ShareInstance.deleted == models.NOT_DELETED
            )
        ),
        status=status,
    )


def _settled(server_id: str) -> sa.ColumnElement[bool]:
    """That every share and snapshot of a server is available."""
    instance, snapshot = models.ShareInstance, models.SnapshotInstance
    on_server = sa.and_(
        instance.share_server_id == server_id, instance.deleted == models.NOT_DELETED
    )
    return sa.and_(
        ~sa.exists().where(on_server, instance.status != 'available'),
        ~sa.exists().where(
            on_server,
            snapshot.share_instance_id == instance.id,
            snapshot.deleted == models.NOT_DELETED,
            snapshot.status != 'available',
        ),
    )


@writer
def start(session: orm.Session, row: Row) -> None:
    """Insert an accepted migration and lock the server with all it holds; four statements.

    :raises ConcurrentChange: the server, a share or a snapshot is no longer as it was when it
        was checked (contract 2.3, row 26); nothing is changed
    """
    transition = TRANSITIONS[Event.START]
    source = row.source_share_server_id
    locked = rows.update(
        session,
        models.ShareServer,
        models.ShareServer.id == source,
        models.ShareServer.status == 'active',
        _settled(source),
        status=transition.source,
        task_state=transition.after,
    )
    if not locked:
        raise exceptions.ConcurrentChange(resource='share server', id=source)
    set_resources(session, source, str(transition.resources))
    session.add(row)


@writer
def request(session: orm.Session, row: Row, event: Event) -> bool:
    """Complete or cancel as the API asks for it; two statements.

    A migration that is rolling back after a failure is past both.

    :returns: False if the race was lost
    """
    return move(session, row, event, Row.rolling_back.is_(False), waiting=None, wake_at=None)


@writer
def override(session: orm.Session, server_id: str, user: str | None, **values: str | None) -> bool:
    """Set columns of a server by hand; an unfinished migration of it ends as overridden.

    :param values: ``status`` or ``task_state``
    :returns: False if there is no such server
    """
    if not rows.update(session, models.ShareServer, models.ShareServer.id == server_id, **values):
        return False
    row = unfinished_of(session, server_id)
    if row is not None:
        move(
            session,
            row,
            Event.OVERRIDE,
            epoch=Row.epoch + 1,
            owner=None,
            lease_expires_at=None,
            overridden_by=user,
            finished_at=models.now(),
        )
    return True


# What the engine does. Each write holds only under the writer's own epoch (decision 15).


def _free(dead_owners: Collection[str]) -> sa.ColumnElement[bool]:
    """That nobody alive owns a row, by the database's clock (decision 19)."""
    return sa.or_(Row.owner.is_(None), Row.lease_expires_at < db_time(), Row.owner.in_(dead_owners))


@reader
def get(session: orm.Session, migration_id: str) -> Row | None:
    """One migration, detached."""
    return session.get(Row, migration_id)


@reader
def due(
    session: orm.Session, host: str, dead_owners: Collection[str]
) -> list[tuple[str, State, str | None]]:
    """Unfinished migrations to a host that are due and that nobody carries, oldest first.

    :returns: id, state and what it waits for
    """
    query = (
        sa.select(Row.id, Row.state, Row.waiting)
        .where(
            Row.destination_host == host,
            Row.state.in_(UNFINISHED),
            Row.deleted == models.NOT_DELETED,
            _free(dead_owners),
            sa.or_(Row.wake_at.is_(None), Row.wake_at <= db_time()),
        )
        .order_by(Row.created_at, Row.id)
    )
    return [(found.id, State(found.state), found.waiting) for found in session.execute(query)]


@writer
def let_wait(session: orm.Session, migration_id: str, sentence: str) -> None:
    """Write down what a migration that was not taken up yet waits for."""
    rows.update(
        session,
        Row,
        Row.id == migration_id,
        Row.state == State.STARTING,
        Row.owner.is_(None),
        waiting=sentence,
    )


@reader
def owners(session: orm.Session, host: str) -> set[str]:
    """Who owns unfinished migrations to a host."""
    query = sa.select(Row.owner).where(
        Row.destination_host == host, Row.state.in_(UNFINISHED), Row.owner.is_not(None)
    )
    return {owner for owner in session.scalars(query) if owner}


@writer
def claim(
    session: orm.Session,
    row: Row,
    known: dict[str, Any],
    seconds: int,
    dead_owners: Collection[str],
    event: Event | None,
    values: dict[str, Any],
) -> bool:
    """Become the owner of a migration, and move it by the same statement if it is still new.

    :param known: columns as they were read; if the row moved on since, it is not claimed
    :param seconds: length of the lease
    :param values: columns to write, among them owner and epoch
    :returns: whether it is owned now
    """
    conditions = [getattr(Row, name) == value for name, value in known.items()]
    conditions.append(_free(dead_owners))
    values = values | {'lease_expires_at': db_time() + seconds, 'wake_at': None}
    if event:
        return move(session, row, event, *conditions, **values)
    return bool(rows.update(session, Row, Row.id == row.id, *conditions, **values))


def guarded(session: orm.Session, row: Row, event: Event | None = None, **values: Any) -> None:
    """Write to a migration's row under the epoch in hand, and move it by an event if one is given.

    :raises ConcurrentChange: the row is in another state than expected, or owned by another
    """
    mine = Row.epoch == row.epoch
    if event:
        written = move(session, row, event, mine, **values)
    else:
        written = bool(rows.update(session, Row, Row.id == row.id, mine, **values))
    if not written:
        raise exceptions.ConcurrentChange(resource='migration', id=row.id)


def renewal(migration_id: str, epoch: int, seconds: int) -> sa.Update:
    """The statement that lengthens a lease; it matches no row once the lease is another's."""
    return (
        sa.update(Row)
        .where(Row.id == migration_id, Row.epoch == epoch, Row.owner.is_not(None))
        .values(lease_expires_at=db_time() + seconds)
    )
