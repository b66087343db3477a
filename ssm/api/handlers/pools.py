# SPDX-License-Identifier: Apache-2.0

"""Requests about the schedulers' pools (rest-api 4.15)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request
from ssm.api.views import pools as views
from ssm.policies.enforcer import authorize
from ssm.resources import pools


def index(req: Request) -> dict[str, Any]:
    """GET /scheduler-stats/pools"""
    authorize(req.context, 'scheduler_stats:pools:index')
    return views.several(_find(req), detail=False)


def detail(req: Request) -> dict[str, Any]:
    """GET /scheduler-stats/pools/detail"""
    authorize(req.context, 'scheduler_stats:pools:detail')
    return views.several(_find(req), detail=True)


def _find(req: Request) -> list[dict[str, Any]]:
    filters = req.filters
    share_type = filters.pop('share_type', None)
    if req.version < (2, 23):
        share_type = None
    return pools.find(req.context, filters, share_type)
