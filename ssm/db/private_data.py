# SPDX-License-Identifier: Apache-2.0

"""What drivers keep about entities of their own accord."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import engine, models

_Row = models.DriverPrivateData


class PrivateData:
    """Key-value pairs per entity, in the database; what a driver's ``private_data`` is."""

    def get(self, entity_id: str, key: str, default: str | None = None) -> str | None:
        """The value of a key, or the default."""
        return _get(entity_id).get(key, default)

    def update(self, entity_id: str, values: Mapping[str, str]) -> None:
        """Set these keys, leave others as they are."""
        _update(entity_id, values)

    def delete(self, entity_id: str, key: str | None = None) -> None:
        """Remove one key, or all of the entity; what is gone already is no error."""
        _delete(entity_id, key)


@engine.reader
def _get(session: orm.Session, entity_id: str) -> dict[str, str]:
    query = sa.select(_Row.key, _Row.value).where(_Row.entity_uuid == entity_id)
    return {found.key: found.value for found in session.execute(query)}


@engine.writer
def _update(session: orm.Session, entity_id: str, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        session.merge(_Row(entity_uuid=entity_id, key=key, value=value))


@engine.writer
def _delete(session: orm.Session, entity_id: str, key: str | None) -> None:
    statement = sa.delete(_Row).where(_Row.entity_uuid == entity_id)
    session.execute(statement if key is None else statement.where(_Row.key == key))
