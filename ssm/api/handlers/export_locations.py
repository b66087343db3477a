# SPDX-License-Identifier: Apache-2.0

"""Requests about export locations of shares (rest-api 4.8)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request
from ssm.api.views import export_locations as views
from ssm.policies.enforcer import authorize
from ssm.resources import export_locations


def index(req: Request, share_id: str) -> dict[str, Any]:
    """GET /shares/{share_id}/export_locations"""
    _authorize(req, 'share_export_location:index', share_id)
    found = export_locations.find(req.context, share_id, with_secondary=req.version < (2, 47))
    return views.several(req, found)


def show(req: Request, share_id: str, export_location_id: str) -> dict[str, Any]:
    """GET /shares/{share_id}/export_locations/{export_location_id}"""
    _authorize(req, 'share_export_location:show', share_id)
    found = export_locations.get(
        req.context, share_id, export_location_id, with_secondary=req.version < (2, 47)
    )
    return views.single(req, found)


def _authorize(req: Request, rule: str, share_id: str) -> None:
    """A private share of another project is 403 here, though it is 404 itself [KEEP]."""
    authorize(req.context, rule)
    share = export_locations.share_of(share_id)
    if not share.is_public:
        authorize(req.context, rule, {'project_id': share.project_id, 'user_id': share.user_id})
