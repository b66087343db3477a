# SPDX-License-Identifier: Apache-2.0

"""Queries about availability zones."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

_ZONE = models.AvailabilityZone


def find(session: orm.Session) -> list[models.AvailabilityZone]:
    """Zones with at least one enabled service, by name; one statement."""
    service = models.Service
    query = (
        sa.select(_ZONE)
        .where(
            _ZONE.deleted == models.NOT_DELETED,
            sa.exists().where(
                service.availability_zone_id == _ZONE.id,
                service.deleted == models.NOT_DELETED,
                service.disabled.is_(False),
            ),
        )
        .order_by(_ZONE.name)
    )
    return list(session.scalars(query))


def by_id_or_name(session: orm.Session, text: str) -> models.AvailabilityZone | None:
    """A zone by what a user wrote; an id goes before a name."""
    query = sa.select(_ZONE).where(
        _ZONE.deleted == models.NOT_DELETED, sa.or_(_ZONE.id == text, _ZONE.name == text)
    )
    found = list(session.scalars(query))
    return next((row for row in found if row.id == text), found[0] if found else None)
