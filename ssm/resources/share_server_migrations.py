# SPDX-License-Identifier: Apache-2.0

"""Migrations of share servers to look at (decision 14); ``ssm.migration`` makes and moves them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import migrations as db
from ssm.db import models
from ssm.db.engine import reader


@reader
def find(
    session: orm.Session, filters: Mapping[str, str], *, limit: int, offset: int
) -> list[models.Migration]:
    """Migrations that match all filters, newest first.

    :raises Invalid: there is no such filter
    """
    unknown = filters.keys() - db.FILTERS
    if unknown:
        raise exceptions.Invalid(
            reason=f'Unknown filter {min(unknown)}; there are {", ".join(sorted(db.FILTERS))}.'
        )
    return db.find(session, filters, limit=limit, offset=offset)


@reader
def get(session: orm.Session, migration_id: str) -> models.Migration:
    """A migration.

    :raises NotFound: there is none
    """
    row = db.get(session, migration_id)
    if row is None:
        raise exceptions.NotFound(resource='share server migration', id=migration_id)
    return row
