# SPDX-License-Identifier: Apache-2.0

"""Requests about migrations of share servers as such (decision 14)."""

from __future__ import annotations

from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views import share_server_migrations as views
from ssm.migration import requests
from ssm.policies.enforcer import authorize
from ssm.resources import share_server_migrations as migrations


def index(req: Request) -> dict[str, Any]:
    """GET /share-server-migrations"""
    authorize(req.context, 'share_server:index')
    filters = req.filters
    limit, offset = params.page(filters)
    return views.several(migrations.find(filters, limit=limit, offset=offset))


def show(req: Request, migration_id: str) -> dict[str, Any]:
    """GET /share-server-migrations/{migration_id}"""
    authorize(req.context, 'share_server:show')
    return views.single(migrations.get(migration_id))


def recover(req: Request, migration_id: str) -> None:
    """POST /share-server-migrations/{migration_id}/action recover"""
    authorize(req.context, 'share_server:share_server_migration_recover')
    requests.recover(req.context, migration_id)
