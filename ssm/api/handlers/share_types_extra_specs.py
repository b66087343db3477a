# SPDX-License-Identifier: Apache-2.0

"""Requests about extra specs of share types (rest-api 4.5)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request
from ssm.common import exceptions
from ssm.policies.enforcer import authorize
from ssm.resources import extra_specs, share_types


def index(req: Request, type_id: str) -> dict[str, Any]:
    """GET /types/{type_id}/extra_specs"""
    authorize(req.context, 'share_types_extra_spec:index')
    return {'extra_specs': share_types.specs_of(share_types.get(req.context, type_id))}


def create(req: Request, type_id: str) -> dict[str, Any]:
    """POST /types/{type_id}/extra_specs; adds to those that are there."""
    authorize(req.context, 'share_types_extra_spec:create')
    given = req.object_in_body('extra_specs', missing=exceptions.Invalid)
    if not given:
        raise exceptions.Invalid(reason='There are no extra specs in the body.')
    share_types.get(req.context, type_id)
    share_types.set_specs(type_id, extra_specs.valid(given))
    return req.body_json


def show(req: Request, type_id: str, key: str) -> dict[str, Any]:
    """GET /types/{type_id}/extra_specs/{key}"""
    authorize(req.context, 'share_types_extra_spec:show')
    specs = share_types.specs_of(share_types.get(req.context, type_id))
    if key not in specs:
        raise exceptions.NotFound(resource='extra spec', id=key)
    return {key: specs[key]}


def update(req: Request, type_id: str, key: str) -> dict[str, Any]:
    """PUT /types/{type_id}/extra_specs/{key}"""
    authorize(req.context, 'share_types_extra_spec:update')
    if not req.body_json:
        raise exceptions.Invalid(reason=f'The body does not hold {key}.')
    share_types.get(req.context, type_id)
    if list(req.body_json) != [key]:
        raise exceptions.Invalid(reason=f'The body has to hold {key} and nothing else.')
    specs = extra_specs.valid(req.body_json)
    share_types.set_specs(type_id, specs)
    return {key: specs[key]}


def delete(req: Request, type_id: str, key: str) -> None:
    """DELETE /types/{type_id}/extra_specs/{key}"""
    authorize(req.context, 'share_types_extra_spec:delete')
    required = {extra_specs.REQUIRED}
    if req.version < (2, 24):
        required.add(extra_specs.SNAPSHOT_SUPPORT)
    share_types.remove_spec(type_id, key, required=required)
