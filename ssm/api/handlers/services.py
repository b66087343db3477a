# SPDX-License-Identifier: Apache-2.0

"""Requests about services (rest-api 4.14)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request
from ssm.api.schemas import services as schemas
from ssm.api.views import services as views
from ssm.common import exceptions
from ssm.policies.enforcer import authorize
from ssm.resources import services


def index(req: Request) -> dict[str, Any]:
    """GET /services"""
    authorize(req.context, 'service:index')
    return views.several(services.find(req.filters))


def enable(req: Request) -> dict[str, Any]:
    """PUT /services/enable"""
    return _set(req, disabled=False)


def disable(req: Request) -> dict[str, Any]:
    """PUT /services/disable"""
    return _set(req, disabled=True)


def _set(req: Request, *, disabled: bool) -> dict[str, Any]:
    authorize(req.context, 'service:update')
    body = req.body_json
    schemas.check_service(body)
    if 'disabled_reason' in body:
        raise exceptions.Invalid(reason='disabled_reason needs version 2.83.')
    services.set_disabled(body['host'], body['binary'], disabled=disabled)
    status = 'disabled' if disabled else 'enabled'
    return {'host': body['host'], 'binary': body['binary'], 'status': status}
