# SPDX-License-Identifier: Apache-2.0

"""Statements on the rows of share server migrations, made from the transition table.

The number of statements of each function does not depend on the number of shares.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import models, rows
from ssm.db.engine import reader, writer
from ssm.migration import journal
from ssm.migration.states import TRANSITIONS, UNFINISHED, Event, Step, Transition

Row = models.Migration

RELEASED: dict[str, Any] = {'owner': None, 'lease_expires_at': None}
"""Columns of a migration that nobody owns."""

_GIB = 1024**3

LONGEST_WAITING = 1000
"""Characters of ``waiting`` that are kept."""


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


@dataclasses.dataclass(frozen=True)
class Claim:
    """What unfinished migrations take of a back end, in GiB (decision 12).

    :param promised: sizes of all shares that come
    :param missing: the part of it that has not been copied yet
    """

    promised: float = 0.0
    missing: float = 0.0


@reader
def claim_on(session: orm.Session, host: str) -> Claim:
    """What unfinished migrations to a host will take; one statement."""
    query = sa.select(Row.size, Row.progress).where(
        Row.destination_host == host, Row.state.in_(UNFINISHED), Row.deleted == models.NOT_DELETED
    )
    promised = missing = 0.0
    for size, progress in session.execute(query):
        promised += size
        missing += max(0.0, size - progress.get('bytes_done', 0) / _GIB)
    return Claim(promised, missing)


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
    if transition.shown:
        # The destination may be made by the same transaction.
        destination = values.get('destination_share_server_id', row.destination_share_server_id)
        set_statuses(session, event, row.source_share_server_id, destination)
    return True


def set_statuses(session: orm.Session, event: Event, source: str, destination: str | None) -> None:
    """What clients see of an event: task_state and status of servers, shares and snapshots."""
    transition = TRANSITIONS[event]
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
    set_resources(session, destination if event is Event.SUCCEED else source, transition)


def set_resources(session: orm.Session, server_id: str | None, transition: Transition) -> None:
    """Give all shares and snapshots of a server their status; at most two statements."""
    instance, snapshot = models.ShareInstance, models.SnapshotInstance
    if not transition.resources:
        return
    here = sa.select(instance.id).where(
        instance.share_server_id == server_id, instance.deleted == models.NOT_DELETED
    )
    for model, on_server in (
        (instance, instance.share_server_id == server_id),
        (snapshot, snapshot.share_instance_id.in_(here)),
    ):
        expected = [model.status == transition.expected] if transition.expected else []
        rows.update(session, model, on_server, *expected, status=transition.resources)


def _has_other_than(session: orm.Session, server_id: str, status: str | None) -> bool:
    """Whether a share or snapshot of a server is in another status."""
    instance, snapshot = models.ShareInstance, models.SnapshotInstance
    on_server = sa.and_(
        instance.share_server_id == server_id, instance.deleted == models.NOT_DELETED
    )
    query = sa.select(
        sa.or_(
            sa.exists().where(on_server, instance.status != status),
            sa.exists().where(
                on_server,
                snapshot.share_instance_id == instance.id,
                snapshot.deleted == models.NOT_DELETED,
                snapshot.status != status,
            ),
        )
    )
    return bool(session.scalar(query))


@writer
def start(session: orm.Session, row: Row) -> None:
    """Insert an accepted migration and lock the server with all it holds; five statements.

    What could not be locked is looked for afterwards, by a statement of its own: it sees what
    others wrote while this one waited for the server.

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
        status=transition.source,
        task_state=transition.after,
    )
    if locked:
        set_resources(session, source, transition)
    if not locked or _has_other_than(session, source, transition.resources):
        raise exceptions.ConcurrentChange(resource='share server', id=source)
    session.add(row)


@writer
def request(session: orm.Session, row: Row, event: Event) -> bool:
    """Complete or cancel as the API asks for it; two statements.

    A migration that is rolling back after a failure is past both.

    :returns: False if the race was lost
    """
    return move(session, row, event, Row.rolling_back.is_(False), waiting=None, wake_at=None)


@writer
def recover(
    session: orm.Session,
    migration_id: str,
    refuse: Callable[[Row, models.ShareServer | None, str | None], None],
) -> Row:
    """Give the source of a failed migration back its statuses; at most seven statements.

    :param refuse: raises if that must not be; is handed the migration and its source, both
        locked, and the id of a later migration of that source
    :returns: the migration
    :raises NotFound: there is no such migration
    """
    row = session.get(Row, migration_id, with_for_update=True)
    if row is None:
        raise exceptions.NotFound(resource='share server migration', id=migration_id)
    source = session.get(models.ShareServer, row.source_share_server_id, with_for_update=True)
    later = session.scalar(
        sa.select(Row.id)
        .where(
            Row.source_share_server_id == row.source_share_server_id,
            Row.created_at >= row.created_at,
            Row.id != row.id,
        )
        .limit(1)
    )
    refuse(row, source, later)
    written = journal.begin(row.journal, Step.RECOVER, models.now())
    written = journal.finish(written, Step.RECOVER, models.now())
    move(session, row, Event.RECOVER, journal=written)
    return row


@writer
def override(
    session: orm.Session, server_id: str, user: str | None, **values: str | None
) -> Row | None:
    """Set columns of a server by hand; an unfinished migration of it ends as overridden.

    :param values: ``status`` or ``task_state``
    :returns: the migration that ended by it, None if there was none
    :raises NotFound: there is no such server
    """
    if not rows.update(session, models.ShareServer, models.ShareServer.id == server_id, **values):
        raise exceptions.NotFound(resource='share server', id=server_id)
    row = unfinished_of(session, server_id)
    if row is None:
        return None
    # Whoever carries it is stopped by the epoch; what is left to do on the storage is due at once.
    ended = move(
        session,
        row,
        Event.OVERRIDE,
        epoch=Row.epoch + 1,
        overridden_by=user,
        waiting=None,
        wake_at=None,
        **RELEASED,
    )
    return row if ended else None


# What the engine does.


@reader
def get(session: orm.Session, migration_id: str) -> Row | None:
    """One migration, detached."""
    return session.get(Row, migration_id)


def guarded(session: orm.Session, row: Row, event: Event | None = None, **values: Any) -> None:
    """Write to a migration's row under epoch and state in hand; move it by an event if given one.

    :raises ConcurrentChange: the row is in another state than expected, or owned by another
    """
    mine = (Row.epoch == row.epoch, Row.state == row.state)
    if event:
        written = move(session, row, event, *mine, **values)
    else:
        written = bool(rows.update(session, Row, Row.id == row.id, *mine, **values))
    if not written:
        raise exceptions.ConcurrentChange(resource='migration', id=row.id)
