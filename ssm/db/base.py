# SPDX-License-Identifier: Apache-2.0

"""What queries of all resources share."""

from __future__ import annotations

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

M = TypeVar('M', bound=models.Base)


def living(model: type[M]) -> sa.Select[M]:
    """A query of the rows that are not deleted."""
    return sa.select(model).where(model.deleted == models.NOT_DELETED)


def soft_delete(session: orm.Session, model: type[Any], condition: sa.ColumnElement[bool]) -> int:
    """Delete the living rows of a table that fulfil a condition; one statement.

    ``deleted`` becomes the row's id, and ``status`` becomes ``deleted`` where there is one.

    :returns: how many
    """
    values = {'deleted': sa.cast(model.id, sa.String(36)), 'deleted_at': models.now()}
    if 'status' in model.__table__.columns:
        values['status'] = 'deleted'
    result: Any = session.execute(
        sa.update(model)
        .where(model.deleted == models.NOT_DELETED, condition)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    return result.rowcount
