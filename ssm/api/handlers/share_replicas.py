# SPDX-License-Identifier: Apache-2.0

"""Requests about replicas (rest-api 4.11)."""

from __future__ import annotations

from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views import share_replicas as views
from ssm.common import exceptions
from ssm.policies.enforcer import authorize, owned
from ssm.resources import share_replicas


def index(req: Request) -> dict[str, Any]:
    """GET /share-replicas"""
    return views.several(req, _find(req), detail=False)


def detail(req: Request) -> dict[str, Any]:
    """GET /share-replicas/detail"""
    return views.several(req, _find(req), detail=True)


def _find(req: Request) -> list[share_replicas.Replica]:
    authorize(req.context, 'share_replica:get_all')
    filters = req.filters
    limit, offset = params.page(filters)
    share_id = filters.get('share_id')
    return share_replicas.find(req.context, share_id, limit=limit, offset=offset)


def show(req: Request, replica_id: str) -> dict[str, Any]:
    """GET /share-replicas/{replica_id}"""
    replica = share_replicas.get(req.context, replica_id)
    authorize(req.context, 'share_replica:show', owned(replica.share))
    return views.single(req, replica)


def create(req: Request) -> None:
    """POST /share-replicas; always refused."""
    authorize(req.context, 'share_replica:create')
    share_id = req.object_in_body('share_replica').get('share_id')
    if not isinstance(share_id, str) or not share_id:
        raise exceptions.Invalid(reason='share_id is missing.')
    share_replicas.refuse_create(req.context, share_id)


def delete(req: Request, replica_id: str) -> None:
    """DELETE /share-replicas/{replica_id}; always refused."""
    replica = share_replicas.get(req.context, replica_id)
    authorize(req.context, 'share_replica:delete', owned(replica.share))
    share_replicas.refuse_delete(replica)
