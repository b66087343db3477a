# SPDX-License-Identifier: Apache-2.0

"""Queries about replicas: share instances that have a replica state."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

_INSTANCE = models.ShareInstance


def find(
    session: orm.Session,
    *criteria: sa.ColumnElement[bool],
    limit: int | None = None,
    offset: int | None = None,
) -> list[models.ShareInstance]:
    """Living replicas with zone and share, oldest first; one statement.

    :param criteria: over share instances and shares
    """
    query = (
        sa.select(_INSTANCE)
        .join(_INSTANCE.share)
        .where(
            _INSTANCE.deleted == models.NOT_DELETED, _INSTANCE.replica_state.is_not(None), *criteria
        )
        .options(orm.contains_eager(_INSTANCE.share), orm.joinedload(_INSTANCE.availability_zone))
        .order_by(_INSTANCE.created_at, _INSTANCE.id)
        .limit(limit)
        .offset(offset)
    )
    return list(session.scalars(query))
