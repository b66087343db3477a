# SPDX-License-Identifier: Apache-2.0

"""Requests about share servers and their migration (rest-api 4.1, contract 2)."""

from __future__ import annotations

from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.schemas import share_servers as schemas
from ssm.api.views import share_servers as views
from ssm.common import exceptions
from ssm.migration import requests
from ssm.policies.enforcer import authorize
from ssm.resources import share_servers


def index(req: Request) -> dict[str, Any]:
    """GET /share-servers"""
    authorize(req.context, 'share_server:index')
    return views.several(req, share_servers.find(req.filters))


def show(req: Request, share_server_id: str) -> dict[str, Any]:
    """GET /share-servers/{share_server_id}"""
    authorize(req.context, 'share_server:show')
    server = share_servers.get(share_server_id)
    if share_servers.network_of(server) is None:
        raise exceptions.NotFound(f'The share network of server {share_server_id} is gone.')
    return views.single(req, server)


def details(req: Request, share_server_id: str) -> dict[str, Any]:
    """GET /share-servers/{share_server_id}/details"""
    authorize(req.context, 'share_server:details')
    return views.details(share_servers.get(share_server_id))


def delete(req: Request, share_server_id: str) -> None:
    """DELETE /share-servers/{share_server_id}"""
    authorize(req.context, 'share_server:delete')
    share_servers.delete(req.context, share_server_id)


def manage(req: Request) -> dict[str, Any]:
    """POST /share-servers/manage"""
    authorize(req.context, 'share_server:manage_share_server')
    body = req.object_in_body('share_server')
    if req.version < (2, 51):
        body.pop('share_network_subnet_id', None)
    schemas.check_manage(body)
    server = share_servers.manage(
        req.context,
        share_servers.Existing(
            host=body['host'],
            identifier=body['identifier'],
            share_network_id=body['share_network_id'],
            share_network_subnet_id=body.get('share_network_subnet_id') or None,
            driver_options=body.get('driver_options'),
        ),
    )
    return views.single(req, server)


def unmanage(req: Request, share_server_id: str) -> None:
    """POST /share-servers/{share_server_id}/action unmanage"""
    authorize(req.context, 'share_server:unmanage_share_server')
    body = {} if req.action_body is None else req.action_object
    force = params.boolean(body.get('force', False), 'force')
    share_servers.unmanage(req.context, share_server_id, force=force)


def reset_status(req: Request, share_server_id: str) -> None:
    """POST /share-servers/{share_server_id}/action reset_status"""
    authorize(req.context, 'share_server:reset_status')
    schemas.check_status(req.action_object)
    requests.override_status(req.context, share_server_id, req.action_body['status'])


def reset_task_state(req: Request, share_server_id: str) -> None:
    """POST /share-servers/{share_server_id}/action reset_task_state"""
    authorize(req.context, 'share_server:share_server_reset_task_state')
    authorize(req.context, 'share_server:reset_status')
    schemas.check_task_state(req.action_object)
    requests.override_task_state(req.context, share_server_id, req.action_body['task_state'])


def migration_check(req: Request, share_server_id: str) -> dict[str, Any]:
    """POST /share-servers/{share_server_id}/action migration_check"""
    authorize(req.context, 'share_server:share_server_migration_check')
    return requests.check(req.context, share_server_id, req.action_body)


def migration_start(req: Request, share_server_id: str) -> None:
    """POST /share-servers/{share_server_id}/action migration_start"""
    authorize(req.context, 'share_server:share_server_migration_start')
    requests.start(req.context, share_server_id, req.action_body)


def migration_complete(req: Request, share_server_id: str) -> dict[str, Any]:
    """POST /share-servers/{share_server_id}/action migration_complete"""
    authorize(req.context, 'share_server:share_server_migration_complete')
    return requests.complete(req.context, share_server_id)


def migration_cancel(req: Request, share_server_id: str) -> None:
    """POST /share-servers/{share_server_id}/action migration_cancel"""
    authorize(req.context, 'share_server:share_server_migration_cancel')
    requests.cancel(req.context, share_server_id)


def migration_get_progress(req: Request, share_server_id: str) -> dict[str, Any]:
    """POST /share-servers/{share_server_id}/action migration_get_progress"""
    authorize(req.context, 'share_server:share_server_migration_get_progress')
    return requests.get_progress(req.context, share_server_id)
