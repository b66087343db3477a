# SPDX-License-Identifier: Apache-2.0

"""Sets of rows, changed by one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

T = TypeVar('T')

CHUNK = 500
"""Rows, or ids, that one statement names at most (decision 22)."""


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most ``size``."""
    whole = list(items)
    for begin in range(0, len(whole), size):
        yield whole[begin : begin + size]


def insert(
    session: orm.Session, model: type[models.Base], values: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows by one statement with many VALUES; nothing to insert is none."""
    if values:
        session.execute(sa.insert(model).values([dict(row) for row in values]))


def update(
    session: orm.Session,
    model: type[models.Base],
    *conditions: sa.ColumnElement[bool],
    **values: Any,
) -> int:
    """Change all living rows that fulfil the conditions; returns how many there were."""
    statement = (
        sa.update(model)
        .where(model.deleted == models.NOT_DELETED, *conditions)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return cast('sa.CursorResult[Any]', session.execute(statement)).rowcount


def soft_delete(
    session: orm.Session,
    model: type[models.Base],
    *conditions: sa.ColumnElement[bool],
    **values: Any,
) -> int:
    """Mark living rows as deleted (rest-api 6.1); returns how many there were.

    :param values: further columns to set
    """
    if 'status' in model.__table__.c:
        values.setdefault('status', 'deleted')
    own_id = sa.cast(model.__table__.c.id, sa.String(36))
    return update(session, model, *conditions, deleted=own_id, deleted_at=models.now(), **values)
