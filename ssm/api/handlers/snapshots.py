# SPDX-License-Identifier: Apache-2.0

"""Requests about snapshots (rest-api 4.10)."""

from __future__ import annotations

from typing import Any

from ssm.api import listings
from ssm.api.handlers.shares import authorize_on as authorize_on_share
from ssm.api.request import Request
from ssm.api.schemas import snapshots as schemas
from ssm.api.views import snapshots as views
from ssm.common.context import RequestContext
from ssm.policies import enforcer
from ssm.policies.enforcer import authorize
from ssm.resources import snapshots

_RENAMABLE: tuple[str, ...] = ('display_name', 'display_description')


def _authorize_on(context: RequestContext, rule: str, snapshot_id: str) -> None:
    authorize(context, rule)
    snapshot = snapshots.get(context, snapshot_id)
    authorize(context, rule, {'project_id': snapshot.project_id, 'user_id': snapshot.user_id})


def index(req: Request) -> dict[str, Any]:
    """GET /snapshots"""
    return _list(req, detail=False)


def detail(req: Request) -> dict[str, Any]:
    """GET /snapshots/detail"""
    return _list(req, detail=True)


def _list(req: Request, *, detail: bool) -> dict[str, Any]:
    authorize(req.context, 'share_snapshot:get_all_snapshots')
    allowed = enforcer.allows(req.context, 'share_snapshot:list_all_projects')
    known = {
        name: wanted
        for name, wanted in schemas.FILTERS.items()
        if req.context.is_admin or name not in schemas.FOR_ADMINISTRATORS
    }
    wanted = listings.read(req, known, all_projects=allowed, detail=detail)
    if 'deferred' in wanted.filters.get('status', ''):
        authorize(req.context, 'share_snapshot:list_snapshots_in_deferred_deletion_states')
    found = snapshots.find(wanted)
    body: dict[str, Any] = {
        'snapshots': views.details(req, found) if detail else views.summary(req, found)
    }
    if listings.is_full(req, wanted, len(found)):
        path = 'snapshots/detail' if detail else 'snapshots'
        # The key is the reference's own slip [KEEP].
        body['share_snapshots_links'] = req.next_page(path, found[-1].id)
    return body


def show(req: Request, snapshot_id: str) -> dict[str, Any]:
    """GET /snapshots/{snapshot_id}"""
    authorize(req.context, 'share_snapshot:get_snapshot')
    return views.single(req, snapshots.get(req.context, snapshot_id))


def create(req: Request) -> dict[str, Any]:
    """POST /snapshots"""
    authorize(req.context, 'share:create_snapshot')
    body = req.object_in_body('snapshot')
    schemas.check_share(body)
    authorize_on_share(req.context, 'share:create_snapshot', body['share_id'])
    snapshot = snapshots.create(
        req.context,
        body['share_id'],
        name=body.get('name', body.get('display_name')),
        description=body.get('description', body.get('display_description')),
    )
    return views.single(req, snapshot)


def update(req: Request, snapshot_id: str) -> dict[str, Any]:
    """PUT /snapshots/{snapshot_id}"""
    authorize(req.context, 'share:snapshot_update')
    body = req.object_in_body('snapshot')
    schemas.check_names(body)
    _authorize_on(req.context, 'share:snapshot_update', snapshot_id)
    values = {key: body[key] for key in _RENAMABLE if key in body}
    return views.single(req, snapshots.update(req.context, snapshot_id, values))


def delete(req: Request, snapshot_id: str) -> None:
    """DELETE /snapshots/{snapshot_id}"""
    _authorize_on(req.context, 'share:delete_snapshot', snapshot_id)
    snapshots.delete(req.context, snapshot_id)


def force_delete(req: Request, snapshot_id: str) -> None:
    """POST /snapshots/{snapshot_id}/action force_delete"""
    authorize(req.context, 'share_snapshot:force_delete')
    snapshots.delete(req.context, snapshot_id, force=True)


def reset_status(req: Request, snapshot_id: str) -> None:
    """POST /snapshots/{snapshot_id}/action reset_status"""
    authorize(req.context, 'share_snapshot:reset_status')
    schemas.check_status(req.action_object)
    snapshots.reset_status(req.context, snapshot_id, req.action_body['status'])
