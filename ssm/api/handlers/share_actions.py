# SPDX-License-Identifier: Apache-2.0

"""Actions that change the size or the content of shares (rest-api 4.6.4)."""

from __future__ import annotations

from ssm.api import params
from ssm.api.handlers.shares import authorize_on
from ssm.api.request import Request
from ssm.api.schemas import share_actions as schemas
from ssm.policies import enforcer
from ssm.policies.enforcer import authorize
from ssm.resources import share_revert, share_sizes, shares


def extend(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action extend"""
    authorize_on(req.context, 'share:extend', share_id)
    body = req.action_object
    new_size = schemas.size(body)
    force = False
    if req.version >= (2, 64):
        force = params.boolean(body.get('force', False), 'force')
    if force:
        shares.check_not_in_bin(shares.get(req.context, share_id))
        authorize(req.context, 'share:force_extend')
    beyond = enforcer.allows(req.context, 'share:extend_beyond_max_share_size_spec')
    share_sizes.extend(req.context, share_id, new_size, force=force, beyond_type=beyond)


def shrink(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action shrink"""
    authorize_on(req.context, 'share:shrink', share_id)
    share_sizes.shrink(req.context, share_id, schemas.size(req.action_object))


def revert(req: Request, share_id: str) -> None:
    """POST /shares/{share_id}/action revert"""
    authorize_on(req.context, 'share:revert_to_snapshot', share_id)
    schemas.check_revert(req.action_object)
    share_revert.revert(req.context, share_id, req.action_body['snapshot_id'])
