# SPDX-License-Identifier: Apache-2.0

"""Queries about services for the API; how they register and beat is in ``heartbeats``."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models, rows

_ZONE = models.AvailabilityZone

FILTERS: dict[str, Callable[[str], sa.ColumnElement[bool]]] = {
    'host': lambda value: models.Service.host == value,
    'binary': lambda value: models.Service.binary == value,
    'topic': lambda value: models.Service.topic == value,
    'zone': lambda value: models.Service.availability_zone.has(
        sa.or_(_ZONE.id == value, _ZONE.name == value)
    ),
}
"""Filters of the list by name; each makes a criterion of its value."""


def find(session: orm.Session, *criteria: sa.ColumnElement[bool]) -> list[models.Service]:
    """Living services with their zones; one statement."""
    query = (
        sa.select(models.Service)
        .where(models.Service.deleted == models.NOT_DELETED, *criteria)
        .options(orm.joinedload(models.Service.availability_zone))
        .order_by(models.Service.id)
    )
    return list(session.scalars(query))


def set_disabled(session: orm.Session, host: str, binary: str, disabled: bool) -> bool:
    """Disable or enable a service; False if there is none. No sign of life: its time stays."""
    service = models.Service
    return bool(
        rows.update(
            session,
            service,
            service.host == host,
            service.binary == binary,
            disabled=disabled,
            updated_at=service.updated_at,
        )
    )
