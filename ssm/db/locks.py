# SPDX-License-Identifier: Apache-2.0

"""Locks that hold across processes: rows with purpose, owner and expiry (decision 20)."""

from __future__ import annotations

import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import orm

from ssm.db import engine, models, rows


@engine.writer
def acquire(session: orm.Session, name: str, purpose: str, owner: str, seconds: int) -> bool:
    """Take a lock that is free, expired, or the owner's own; False if another one holds it.

    :param owner: names one holder, not a whole process: whoever comes with it is let in
    :param seconds: how long it is held, by the database's clock, unless taken again
    """
    free = sa.or_(
        models.Lock.owner.is_(None),
        models.Lock.owner == owner,
        models.Lock.expires_at <= engine.db_time(),
    )
    values = {'purpose': purpose, 'owner': owner, 'expires_at': engine.db_time() + seconds}
    if rows.update(session, models.Lock, models.Lock.name == name, free, **values):
        return True
    if session.get(models.Lock, name):
        return False
    _insert(session, name)
    return bool(rows.update(session, models.Lock, models.Lock.name == name, free, **values))


@engine.writer
def release(session: orm.Session, name: str, owner: str) -> None:
    """Give a lock back; one that was lost meanwhile stays with its new owner."""
    rows.update(
        session,
        models.Lock,
        models.Lock.name == name,
        models.Lock.owner == owner,
        purpose=None,
        owner=None,
        expires_at=None,
    )


@engine.reader
def holder(session: orm.Session, name: str) -> tuple[str, str] | None:
    """Owner and purpose of a lock that is held now, None if it is free."""
    query = sa.select(models.Lock.owner, models.Lock.purpose).where(
        models.Lock.name == name,
        models.Lock.owner.is_not(None),
        models.Lock.expires_at > engine.db_time(),
    )
    found = session.execute(query).one_or_none()
    return (found.owner or '', found.purpose or '') if found else None


def exclusive(session: orm.Session, name: str) -> None:
    """Keep out every other transaction that calls this for the name, until this one ends.

    One statement, the first time ever two more.
    """
    if not rows.update(session, models.Lock, models.Lock.name == name, updated_at=models.now()):
        _insert(session, name)


def _insert(session: orm.Session, name: str) -> None:
    try:
        session.execute(sa.insert(models.Lock).values(name=name))
    except db_exc.DBDuplicateEntry as error:
        # Somebody else made the row just now: the whole transaction is run again and finds it.
        raise db_exc.RetryRequest(error) from error
