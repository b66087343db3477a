# SPDX-License-Identifier: Apache-2.0

"""Migrations of share servers as answers show them (decision 14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ssm.api import params
from ssm.db import models

_PLAIN = (
    'id',
    'state',
    'source_share_server_id',
    'destination_share_server_id',
    'source_host',
    'destination_host',
    'share_network_id',
    'mode',
    'writable',
    'nondisruptive',
    'preserve_snapshots',
    'capabilities',
    'total_progress',
    'progress',
    'waiting',
    'reasons',
    'owner',
    'epoch',
    'attempt',
    'project_id',
    'user_id',
    'request_id',
)
_TIMES = ('created_at', 'updated_at', 'phase1_done_at', 'finished_at')
_STEP = ('name', 'attempts', 'begun_at', 'done_at', 'reason')


def single(row: models.Migration) -> dict[str, Any]:
    """One migration."""
    return {'share_server_migration': _fields(row)}


def several(rows: Iterable[models.Migration]) -> dict[str, Any]:
    """A list of migrations."""
    return {'share_server_migrations': [_fields(row) for row in rows]}


def _fields(row: models.Migration) -> dict[str, Any]:
    return {
        **{name: getattr(row, name) for name in _PLAIN},
        'steps': [{name: entry.get(name) for name in _STEP} for entry in row.journal],
        **{name: params.timestamp(getattr(row, name)) for name in _TIMES},
    }
