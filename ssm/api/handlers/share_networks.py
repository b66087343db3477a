# SPDX-License-Identifier: Apache-2.0

"""Requests about share networks (rest-api 4.2)."""

from __future__ import annotations

from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.schemas import share_networks as schemas
from ssm.api.views import share_networks as views
from ssm.common import exceptions
from ssm.policies.enforcer import allows, authorize, owned
from ssm.resources import share_network_subnets, share_networks

_KEY = 'share_network'
_SENSITIVE = ('network_type', 'segmentation_id')


def index(req: Request) -> dict[str, Any]:
    """GET /share-networks"""
    authorize(req.context, 'share_network:index')
    return views.several(req, _find(req), detail=False)


def detail(req: Request) -> dict[str, Any]:
    """GET /share-networks/detail"""
    authorize(req.context, 'share_network:detail')
    return views.several(req, _find(req), detail=True)


def _find(req: Request) -> list[share_networks.Described]:
    filters = req.filters
    limit, offset = params.page(filters)
    sees_all = allows(req.context, 'share_network:get_all_share_networks')
    every = params.all_tenants(filters, allowed=sees_all)
    project = filters.pop('project_id', None)
    if not allows(req.context, 'share_network:show_network_details'):
        filters = {name: value for name, value in filters.items() if name not in _SENSITIVE}
    if req.version < (2, 36):
        filters = {name: value for name, value in filters.items() if not name.endswith('~')}
    if not sees_all:
        filters = {name: value for name, value in filters.items() if name in share_networks.FILTERS}
    if sees_all and project is not None:
        filters['project_id'] = project
    elif not every:
        filters['project_id'] = req.context.project_id or ''
    return share_networks.find(filters, limit=limit, offset=offset)


def show(req: Request, network_id: str) -> dict[str, Any]:
    """GET /share-networks/{network_id}"""
    network = share_networks.get(req.context, network_id)
    authorize(req.context, 'share_network:show', owned(network.row))
    return views.single(req, network)


def create(req: Request) -> dict[str, Any]:
    """POST /share-networks"""
    authorize(req.context, 'share_network:create')
    body = _checked(req.object_in_body(_KEY))
    values = {'name': body.get('name'), 'description': body.get('description')}
    zone = body.get('availability_zone') if req.version >= (2, 51) else None
    subnet = schemas.neutron_ids(body)
    return views.single(req, share_networks.create(req.context, values, subnet, zone))


def update(req: Request, network_id: str) -> dict[str, Any]:
    """PUT /share-networks/{network_id}"""
    body = req.object_in_body(_KEY)
    network = share_networks.get(req.context, network_id)
    authorize(req.context, 'share_network:update', owned(network.row))
    return views.single(req, share_networks.update(req.context, network_id, _checked(body)))


def delete(req: Request, network_id: str) -> None:
    """DELETE /share-networks/{network_id}"""
    network = share_networks.get(req.context, network_id)
    authorize(req.context, 'share_network:delete', owned(network.row))
    share_networks.delete(req.context, network_id)


def reset_status(req: Request, network_id: str) -> None:
    """POST /share-networks/{network_id}/action reset_status"""
    authorize(req.context, 'share_network:reset_status')
    schemas.check_reset_status(req.action_object)
    share_networks.reset_status(req.context, network_id, req.action_body['status'])


def check_subnet_create(req: Request, network_id: str) -> dict[str, Any]:
    """POST /share-networks/{network_id}/action share_network_subnet_create_check"""
    authorize(req.context, 'share_network:subnet_create_check')
    body = req.action_object
    schemas.check_subnet(body)
    schemas.neutron_ids(body)
    # There is no earlier check whose result could be reset.
    params.boolean(body.get('reset_operation', False), 'reset_operation')
    zone = body.get('availability_zone')
    compatible = share_network_subnets.check_create(req.context, network_id, zone)
    return {'compatible': compatible}


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    if 'nova_net_id' in body:
        raise exceptions.Invalid(reason='nova_net_id is gone; use Neutron.')
    schemas.check_network(body)
    return body
