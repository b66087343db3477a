# SPDX-License-Identifier: Apache-2.0

"""Requests about share types (rest-api 4.5)."""

from __future__ import annotations

from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.schemas import share_types as schemas
from ssm.api.views import share_types as views
from ssm.common import exceptions
from ssm.policies.enforcer import authorize
from ssm.resources import extra_specs, share_types

_KEYS = ('share_type', 'volume_type')
_ACCESS_KEYS = ('share_type_access:is_public', 'os-share-type-access:is_public')


def index(req: Request) -> dict[str, Any]:
    """GET /types"""
    authorize(req.context, 'share_type:index')
    filters = req.filters
    specs = {}
    if 'extra_specs' in filters:
        if req.version < (2, 43):
            raise exceptions.Invalid(reason='The filter extra_specs needs version 2.43.')
        specs = params.dictionary(filters['extra_specs'], 'extra_specs')
    chosen = filters.get('is_public', 'true')
    # Others than administrators always get what they may use; the filter is none of theirs.
    whole = not req.context.is_admin or chosen.lower() in ('all', 'none')
    is_public = None if whole else params.boolean(chosen, 'is_public')
    return views.several(req, share_types.find(req.context, is_public=is_public, specs=specs))


def show(req: Request, type_id: str) -> dict[str, Any]:
    """GET /types/{type_id}"""
    authorize(req.context, 'share_type:show')
    return views.single(req, share_types.get(req.context, type_id))


def default(req: Request) -> dict[str, Any]:
    """GET /types/default"""
    authorize(req.context, 'share_type:default')
    return views.single(req, share_types.default(req.context))


def create(req: Request) -> dict[str, Any]:
    """POST /types"""
    authorize(req.context, 'share_type:create')
    body = req.object_in_body(*_KEYS, missing=exceptions.Invalid)
    if 'description' in body and req.version < (2, 41):
        raise exceptions.Invalid(reason='A description needs version 2.41.')
    schemas.check_values(body)
    values = {
        'name': _name(body.get('name')),
        'description': body.get('description'),
        'is_public': next((_public(body, key) for key in _ACCESS_KEYS if key in body), True),
    }
    specs = extra_specs.valid(body.get('extra_specs', {}))
    if extra_specs.REQUIRED not in specs:
        raise exceptions.Invalid(reason=f'Extra spec {extra_specs.REQUIRED} is required.')
    if req.version < (2, 24):
        specs.setdefault(extra_specs.SNAPSHOT_SUPPORT, 'True')
    return views.single(req, share_types.create(values, specs))


def update(req: Request, type_id: str) -> dict[str, Any]:
    """PUT /types/{type_id}; a field that is null stays as it is."""
    authorize(req.context, 'share_type:update')
    body = req.object_in_body(*_KEYS, missing=exceptions.Invalid)
    values: dict[str, Any] = {}
    if body.get(_ACCESS_KEYS[0]) is not None:
        values['is_public'] = _public(body, _ACCESS_KEYS[0])
    schemas.check_values(body)
    if body.get('name') is not None:
        values['name'] = _name(body['name'])
    if body.get('description') is not None:
        values['description'] = body['description'] or None
    if not values:
        raise exceptions.Invalid(reason='Name, description or is_public has to be given.')
    return views.single(req, share_types.update(type_id, values))


def delete(req: Request, type_id: str) -> None:
    """DELETE /types/{type_id}"""
    authorize(req.context, 'share_type:delete')
    share_types.delete(type_id)


def list_access(req: Request, type_id: str) -> dict[str, Any]:
    """GET /types/{type_id}/share_type_access"""
    authorize(req.context, 'share_type:list_project_access')
    return {
        'share_type_access': [
            {'share_type_id': type_id, 'project_id': project}
            for project in share_types.projects(type_id)
        ]
    }


def add_access(req: Request, type_id: str) -> None:
    """POST /types/{type_id}/action addProjectAccess"""
    authorize(req.context, 'share_type:add_project_access')
    schemas.check_access(req.action_object)
    share_types.add_project(type_id, req.action_body['project'])


def remove_access(req: Request, type_id: str) -> None:
    """POST /types/{type_id}/action removeProjectAccess"""
    authorize(req.context, 'share_type:remove_project_access')
    schemas.check_access(req.action_object)
    share_types.remove_project(type_id, req.action_body['project'])


def _name(given: str | None) -> str:
    name = (given or '').strip()
    if not name:
        raise exceptions.Invalid(reason='A share type needs a name.')
    return name


def _public(body: dict[str, Any], key: str) -> bool:
    return params.boolean(body[key], key)
