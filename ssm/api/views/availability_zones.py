# SPDX-License-Identifier: Apache-2.0

"""Availability zones as answers show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ssm.api import params
from ssm.db import models


def several(rows: Iterable[models.AvailabilityZone]) -> dict[str, Any]:
    """A list of zones."""
    return {
        'availability_zones': [
            {
                'id': row.id,
                'name': row.name,
                'created_at': params.timestamp(row.created_at),
                'updated_at': params.timestamp(row.updated_at),
            }
            for row in rows
        ]
    }
