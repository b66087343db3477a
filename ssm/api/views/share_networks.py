# SPDX-License-Identifier: Apache-2.0

"""Share networks and subnets as answers show them (rest-api 4.2.2, 4.3.1)."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views.fields import Field, render
from ssm.db import models
from ssm.policies import enforcer
from ssm.resources.share_networks import Described

_SENSITIVE = ('network_type', 'segmentation_id')
_FLAT = (
    ('neutron_net_id', (2, 0)),
    ('neutron_subnet_id', (2, 0)),
    ('network_type', (2, 0)),
    ('segmentation_id', (2, 0)),
    ('cidr', (2, 0)),
    ('ip_version', (2, 0)),
    ('gateway', (2, 18)),
    ('mtu', (2, 20)),
)
"""Columns of the default subnet that stood in the network until 2.50, and since when."""


@dataclasses.dataclass(frozen=True)
class _Seen:
    network: Described
    with_details: bool

    @property
    def row(self) -> models.ShareNetwork:
        """The network's own row."""
        return self.network.row

    def of_default_subnet(self, name: str) -> Any:
        """A column of the default subnet, null without one."""
        subnets = (subnet for subnet in self.row.subnets if subnet.availability_zone_id is None)
        subnet = next(subnets, None)
        return _column(subnet, name, self.with_details) if subnet else None


def _column(subnet: models.ShareNetworkSubnet, name: str, with_details: bool) -> Any:
    return None if name in _SENSITIVE and not with_details else getattr(subnet, name)


def _flat(name: str, since: tuple[int, int]) -> Field:
    return Field(name, lambda seen: seen.of_default_subnet(name), since, (2, 50))


_FIELDS: Sequence[Field] = (
    *(Field(n, operator.attrgetter(f'row.{n}')) for n in ('id', 'name', 'project_id')),
    Field('description', operator.attrgetter('row.description')),
    Field('created_at', lambda seen: params.timestamp(seen.row.created_at)),
    Field('updated_at', lambda seen: params.timestamp(seen.row.updated_at)),
    *(_flat(name, since) for name, since in _FLAT),
    Field('nova_net_id', lambda _seen: None, until=(2, 25)),
    Field('share_network_subnets', lambda seen: _subnets(seen), since=(2, 51)),
    Field('status', operator.attrgetter('row.status'), since=(2, 63)),
    Field(
        'security_service_update_support',
        operator.attrgetter('network.security_service_update_support'),
        since=(2, 63),
    ),
    Field(
        'network_allocation_update_support',
        operator.attrgetter('network.network_allocation_update_support'),
        since=(2, 70),
    ),
)


def _oldest_first(network: models.ShareNetwork) -> list[models.ShareNetworkSubnet]:
    return sorted(network.subnets, key=operator.attrgetter('created_at', 'id'))


def _subnets(seen: _Seen) -> list[dict[str, Any]]:
    return [_subnet(row, seen.with_details) for row in _oldest_first(seen.row)]


def _subnet(row: models.ShareNetworkSubnet, with_details: bool) -> dict[str, Any]:
    return {
        'id': row.id,
        'availability_zone': row.availability_zone.name if row.availability_zone else None,
        'created_at': params.timestamp(row.created_at),
        'updated_at': params.timestamp(row.updated_at),
        **{name: _column(row, name, with_details) for name, _since in _FLAT},
    }


def _sees_details(req: Request) -> bool:
    return enforcer.allows(req.context, 'share_network:show_network_details')


def single(req: Request, network: Described) -> dict[str, Any]:
    """One network."""
    seen = _Seen(network, _sees_details(req))
    return {'share_network': render(_FIELDS, req.version, seen)}


def several(req: Request, networks: Iterable[Described], *, detail: bool) -> dict[str, Any]:
    """A list of networks; without detail ids and names."""
    details = _sees_details(req)
    fields = _FIELDS if detail else _FIELDS[:2]
    return {
        'share_networks': [
            render(fields, req.version, _Seen(network, details)) for network in networks
        ]
    }


def subnet(req: Request, row: models.ShareNetworkSubnet) -> dict[str, Any]:
    """One subnet that was loaded with its network."""
    shown = _of_network(row, row.share_network, _sees_details(req))
    return {'share_network_subnet': shown}


def subnets(req: Request, network: models.ShareNetwork) -> dict[str, Any]:
    """All subnets of a network."""
    details = _sees_details(req)
    return {
        'share_network_subnets': [
            _of_network(row, network, details) for row in _oldest_first(network)
        ]
    }


def _of_network(
    row: models.ShareNetworkSubnet, network: models.ShareNetwork, with_details: bool
) -> dict[str, Any]:
    return _subnet(row, with_details) | {
        'share_network_id': network.id,
        'share_network_name': network.name,
    }
