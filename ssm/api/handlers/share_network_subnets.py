# SPDX-License-Identifier: Apache-2.0

"""Requests about subnets of share networks (rest-api 4.3)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request
from ssm.api.schemas import share_networks as schemas
from ssm.api.views import share_networks as views
from ssm.common import exceptions
from ssm.policies.enforcer import authorize, owned
from ssm.resources import share_network_subnets as subnets


def index(req: Request, network_id: str) -> dict[str, Any]:
    """GET /share-networks/{network_id}/subnets"""
    network = subnets.find(req.context, network_id)
    authorize(req.context, 'share_network_subnet:index', owned(network))
    return views.subnets(req, network)


def show(req: Request, network_id: str, subnet_id: str) -> dict[str, Any]:
    """GET /share-networks/{network_id}/subnets/{subnet_id}"""
    subnet = subnets.get(req.context, network_id, subnet_id)
    authorize(req.context, 'share_network_subnet:show', owned(subnet.share_network))
    return views.subnet(req, subnet)


def create(req: Request, network_id: str) -> dict[str, Any]:
    """POST /share-networks/{network_id}/subnets"""
    # The key has hyphens in requests, underscores in answers.
    body = req.object_in_body('share-network-subnet', missing=exceptions.Invalid)
    schemas.check_subnet(body)
    values = schemas.neutron_ids(body)
    network = subnets.find(req.context, network_id)
    authorize(req.context, 'share_network_subnet:create', owned(network))
    subnet = subnets.create(
        req.context,
        network_id,
        values,
        body.get('availability_zone'),
        several=req.version >= (2, 70),
    )
    return views.subnet(req, subnet)


def delete(req: Request, network_id: str, subnet_id: str) -> None:
    """DELETE /share-networks/{network_id}/subnets/{subnet_id}"""
    subnet = subnets.get(req.context, network_id, subnet_id)
    authorize(req.context, 'share_network_subnet:delete', owned(subnet.share_network))
    subnets.delete(req.context, network_id, subnet_id)
