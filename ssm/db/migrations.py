# SPDX-License-Identifier: Apache-2.0

"""Queries about share server migrations."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

FILTERS = frozenset(
    {
        'source_share_server_id',
        'destination_share_server_id',
        'source_host',
        'destination_host',
        'state',
    }
)
"""Columns that lists are filtered by, equal."""


def find(
    session: orm.Session,
    filters: Mapping[str, str],
    *,
    limit: int | None = None,
    offset: int | None = None,
) -> list[models.Migration]:
    """Living migrations that match all filters, newest first; one statement."""
    migration = models.Migration
    query = (
        sa.select(migration)
        .where(
            migration.deleted == models.NOT_DELETED,
            *(getattr(migration, name) == value for name, value in filters.items()),
        )
        .order_by(migration.created_at.desc(), migration.id)
        .limit(limit)
        .offset(offset)
    )
    return list(session.scalars(query))


def get(session: orm.Session, migration_id: str) -> models.Migration | None:
    """A living migration."""
    migration = models.Migration
    query = sa.select(migration).where(
        migration.id == migration_id, migration.deleted == models.NOT_DELETED
    )
    return session.scalar(query)
