# SPDX-License-Identifier: Apache-2.0

"""Replicas as answers show them (rest-api 4.11)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.db import models


def single(req: Request, row: models.ShareInstance) -> dict[str, Any]:
    """One replica."""
    return {'share_replica': _detail(req, row)}


def several(req: Request, rows: Iterable[models.ShareInstance], *, detail: bool) -> dict[str, Any]:
    """A list of replicas; without detail their ids and states."""
    show = _detail if detail else _summary
    return {'share_replicas': [show(req, row) for row in rows]}


def _summary(_req: Request, row: models.ShareInstance) -> dict[str, Any]:
    return {
        'id': row.id,
        'share_id': row.share_id,
        'status': row.status,
        'replica_state': row.replica_state,
    }


def _detail(req: Request, row: models.ShareInstance) -> dict[str, Any]:
    fields = _summary(req, row) | {
        'availability_zone': row.availability_zone.name if row.availability_zone else None,
        'created_at': params.timestamp(row.created_at),
        'updated_at': params.timestamp(row.updated_at),
        'share_network_id': row.share_network_id,
    }
    if req.context.is_admin:
        fields |= {'share_server_id': row.share_server_id, 'host': row.host}
        if req.version >= (2, 30):
            fields['cast_rules_to_readonly'] = row.cast_rules_to_readonly
    return fields
