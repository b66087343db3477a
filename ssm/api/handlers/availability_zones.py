# SPDX-License-Identifier: Apache-2.0

"""Requests about availability zones (rest-api 4.16)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request
from ssm.api.views import availability_zones as views
from ssm.policies.enforcer import authorize
from ssm.resources import availability_zones


def index(req: Request) -> dict[str, Any]:
    """GET /availability-zones"""
    authorize(req.context, 'availability_zone:index')
    return views.several(availability_zones.find())
