# SPDX-License-Identifier: Apache-2.0

"""Services as answers show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ssm.api import params
from ssm.db import models
from ssm.resources import services


def several(rows: Iterable[models.Service]) -> dict[str, Any]:
    """A list of services."""
    now = models.now()
    return {
        'services': [
            {
                'id': row.id,
                'binary': row.binary,
                'host': row.host,
                'zone': row.availability_zone.name if row.availability_zone else None,
                'status': services.status(row),
                'state': services.state(row, now),
                'updated_at': params.timestamp(row.updated_at),
            }
            for row in rows
        ]
    }
