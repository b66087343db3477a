# SPDX-License-Identifier: Apache-2.0

"""Requests about access rules of shares (rest-api 4.7)."""

from __future__ import annotations

from typing import Any

from ssm.api.handlers.shares import authorize_on
from ssm.api.request import Request
from ssm.api.schemas import access_rules as schemas
from ssm.api.views import access_rules as views
from ssm.common import exceptions
from ssm.policies.enforcer import authorize
from ssm.resources import access_rules, derived, shares


def allow(req: Request, share_id: str) -> dict[str, Any]:
    """POST /shares/{share_id}/action allow_access"""
    authorize_on(req.context, 'share:allow_access', share_id)
    body = req.action_body if isinstance(req.action_body, dict) else {}
    wish = access_rules.Wish(
        access_type=body.get('access_type'),
        access_to=body.get('access_to'),
        access_level=body.get('access_level'),
        metadata=body.get('metadata') if req.version >= (2, 45) else None,
        cephx=req.version >= (2, 13),
        past_errors=req.version >= (2, 28),
        ipv6=req.version >= (2, 38),
    )
    rule = access_rules.allow(req.context, share_id, wish)
    return views.single(req, rule, rules_status='syncing')


def deny(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action deny_access"""
    authorize_on(req.context, 'share:deny_access', share_id)
    schemas.check_deny(req.action_object)
    access_rules.deny(req.context, share_id, req.action_body['access_id'])


def list_of_share(req: Request, share_id: str) -> dict[str, Any]:
    """POST /shares/{share_id}/action access_list, up to 2.44"""
    authorize_on(req.context, 'share:access_get_all', share_id)
    share = shares.get(req.context, share_id)
    status = derived.access_rules_status(share.instances)
    return views.several(req, access_rules.find(share_id, {}), status)


def index(req: Request) -> dict[str, Any]:
    """GET /share-access-rules"""
    query = req.filters
    authorize(req.context, 'share_access_rule:index')
    if 'share_id' not in query:
        raise exceptions.Invalid(reason='share_id has to be given.')
    try:
        authorize_on(req.context, 'share_access_rule:index', query['share_id'])
    except exceptions.NotFound as error:
        # 400, not 404 (rest-api 11, pitfall 13).
        raise exceptions.Invalid(f'share_id: {error.message}') from error
    filters = {
        name: parse(query[name], name) for name, parse in schemas.FILTERS.items() if name in query
    }
    return views.several(req, access_rules.find(query['share_id'], filters))


def show(req: Request, access_id: str) -> dict[str, Any]:
    """GET /share-access-rules/{access_id}"""
    authorize(req.context, 'share_access_rule:get')
    rule = access_rules.get(access_id)
    authorize_on(req.context, 'share_access_rule:get', rule.share_id)
    return views.single(req, rule)
