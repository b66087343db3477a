# SPDX-License-Identifier: Apache-2.0

"""Services as the administrator sees them (rest-api 4.14)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import heartbeats, models
from ssm.db import services as db
from ssm.db.engine import reader, writer
from ssm.migration.subject import is_up


def state(row: models.Service, now: datetime.datetime) -> str:
    """``up``, ``down`` or ``stopped``; who says up has to have said so lately."""
    said = row.state or heartbeats.DOWN
    return heartbeats.DOWN if said == heartbeats.UP and not is_up(row, now) else said


def status(row: models.Service) -> str:
    """``enabled`` or ``disabled``."""
    return 'disabled' if row.disabled else 'enabled'


@reader
def find(session: orm.Session, filters: Mapping[str, Any]) -> list[models.Service]:
    """Services with their zones.

    :param filters: ``status`` and ``state`` as shown, and those of ``db.services.FILTERS``;
        others are ignored
    """
    now = models.now()
    criteria = [make(filters[name]) for name, make in db.FILTERS.items() if name in filters]
    return [
        row
        for row in db.find(session, *criteria)
        if filters.get('status', status(row)) == status(row)
        and filters.get('state', state(row, now)) == state(row, now)
    ]


@writer
def set_disabled(session: orm.Session, host: str, binary: str, *, disabled: bool) -> None:
    """Take a service out of use for new work, or back in.

    :raises NotFound: there is no such service
    """
    if not db.set_disabled(session, host, binary, disabled):
        raise exceptions.NotFound(resource=f'service {binary}', id=host)
