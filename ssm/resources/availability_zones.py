# SPDX-License-Identifier: Apache-2.0

"""Availability zones (rest-api 4.16); services make them when they register."""

from __future__ import annotations

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import availability_zones as db
from ssm.db import models
from ssm.db.engine import reader


@reader
def find(session: orm.Session) -> list[models.AvailabilityZone]:
    """Zones with at least one enabled service, by name."""
    return db.find(session)


def named(session: orm.Session, text: str | None) -> models.AvailabilityZone | None:
    """The zone a request names by id or name; none is named, None.

    :raises Invalid: there is no such zone
    """
    if not text:
        return None
    zone = db.by_id_or_name(session, text)
    if zone is None:
        raise exceptions.Invalid(reason=f'There is no availability zone {text}.')
    return zone
