# SPDX-License-Identifier: Apache-2.0

"""Requests about shares (rest-api 4.6)."""

from __future__ import annotations

import dataclasses
from typing import Any

from ssm.api import listings, params
from ssm.api.request import Request
from ssm.api.schemas import shares as schemas
from ssm.api.views import shares as views
from ssm.common.context import RequestContext
from ssm.policies import enforcer
from ssm.policies.enforcer import authorize
from ssm.resources import share_creation, shares
from ssm.resources.listing import Listing
from ssm.resources.share_plan import Wish

_POLICY_OF_FILTER = {
    'host': 'share:list_by_host',
    'share_server_id': 'share:list_by_share_server_id',
    'extra_specs': 'share_types_extra_spec:index',
}

_RENAMABLE: tuple[str, ...] = ('display_name', 'display_description')


def authorize_on(context: RequestContext, rule: str, share_id: str) -> None:
    """Let pass who may do this with the share.

    :raises Forbidden: the caller may not, with his own shares or with this one
    :raises NotFound: there is no share that he sees
    """
    authorize(context, rule)
    share = shares.get(context, share_id)
    authorize(context, rule, {'project_id': share.project_id, 'user_id': share.user_id})


def index(req: Request) -> dict[str, Any]:
    """GET /shares"""
    return _list(req, detail=False)


def detail(req: Request) -> dict[str, Any]:
    """GET /shares/detail"""
    return _list(req, detail=True)


def _list(req: Request, *, detail: bool) -> dict[str, Any]:
    authorize(req.context, 'share:get_all')
    wanted = _wanted(req, detail)
    found, count = shares.find(wanted, with_export_locations=detail and req.version < (2, 9))
    body: dict[str, Any] = {
        'shares': views.details(req, found) if detail else views.summary(req, found)
    }
    if count is not None:
        body['count'] = count
    if listings.is_full(req, wanted, len(found)):
        path = 'shares/detail' if detail else 'shares'
        body['shares_links'] = req.next_page(path, found[-1].id)
    return body


def _wanted(req: Request, detail: bool) -> Listing:
    allowed = enforcer.allows(req.context, 'share:list_all_projects')
    wanted = listings.read(
        req, schemas.FILTERS, all_projects=allowed, detail=detail, always_cut=False
    )
    for name, rule in _POLICY_OF_FILTER.items():
        if name in wanted.filters:
            authorize(req.context, rule)
    if 'deferred' in wanted.filters.get('status', ''):
        authorize(req.context, 'share:list_shares_in_deferred_deletion_states')
    return dataclasses.replace(
        wanted,
        filters={'is_soft_deleted': False, **wanted.filters},
        project_id=None if 'share_server_id' in wanted.filters else wanted.project_id,
        or_public=params.boolean(req.filters.get('is_public', 'false'), 'is_public'),
    )


def show(req: Request, share_id: str) -> dict[str, Any]:
    """GET /shares/{share_id}"""
    authorize(req.context, 'share:get')
    share = shares.get(req.context, share_id, with_export_locations=req.version < (2, 9))
    return views.single(req, share)


def create(req: Request) -> dict[str, Any]:
    """POST /shares"""
    authorize(req.context, 'share:create')
    body = req.object_in_body('share')
    is_public = params.boolean(body.get('is_public', False), 'is_public')
    if is_public:
        authorize(req.context, 'share:create_public_share')
    schemas.check_create(body)
    share = share_creation.create(req.context, _wish(req, body, is_public))
    return views.single(req, share)


def _wish(req: Request, body: dict[str, Any], is_public: bool) -> Wish:
    """What the body asks for, without what the microversion does not know."""
    hints = (body.get('scheduler_hints') or {}) if req.version >= (2, 65) else {}
    if req.version < (2, 67):
        hints.pop('only_host', None)
    return Wish(
        size=body['size'],
        share_proto=body['share_proto'],
        name=body.get('name', body.get('display_name')),
        description=body.get('description', body.get('display_description')),
        types=[body[key] for key in ('share_type', 'volume_type') if body.get(key)],
        share_network_id=body.get('share_network_id') or None,
        snapshot_id=body.get('snapshot_id') or None,
        share_group_id=(body.get('share_group_id') if req.version >= (2, 31) else None) or None,
        availability_zone=(body.get('availability_zone') if req.version >= (2, 1) else None)
        or None,
        metadata=body.get('metadata'),
        is_public=is_public,
        hints=hints,
        is_host_admin=enforcer.is_host_admin(req.context),
        heeds_clone_support=req.version >= (2, 24),
        heeds_zones=req.version >= (2, 48),
    )


def update(req: Request, share_id: str) -> dict[str, Any]:
    """PUT /shares/{share_id}"""
    authorize(req.context, 'share:update')
    body = req.object_in_body('share')
    schemas.check_names(body)
    share = shares.get(req.context, share_id)
    shares.check_not_in_bin(share)
    values = {key: body[key] for key in _RENAMABLE if key in body}
    if 'is_public' in body:
        values['is_public'] = params.boolean(body['is_public'], 'is_public')
        if values['is_public']:
            authorize(req.context, 'share:set_public_share')
    target = {'project_id': share.project_id, 'user_id': share.user_id}
    authorize(req.context, 'share:update', target)
    return views.single(req, shares.update(req.context, share_id, values))


def delete(req: Request, share_id: str) -> None:
    """DELETE /shares/{share_id}"""
    authorize_on(req.context, 'share:delete', share_id)
    group_id = req.filters.get('share_group_id')
    shares.delete(req.context, share_id, share_group_id=group_id)


def force_delete(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action force_delete"""
    authorize(req.context, 'share:force_delete')
    shares.delete(req.context, share_id, force=True)


def reset_status(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action reset_status"""
    authorize(req.context, 'share:reset_status')
    schemas.check_status(req.action_object)
    shares.reset_status(req.context, share_id, req.action_body['status'])


def reset_task_state(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action reset_task_state"""
    authorize(req.context, 'share:reset_task_state')
    shares.get(req.context, share_id)
    schemas.check_task_state(req.action_object)
    shares.reset_task_state(req.context, share_id, req.action_body['task_state'])
