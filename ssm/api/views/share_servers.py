# SPDX-License-Identifier: Apache-2.0

"""How share servers look in answers (rest-api 4.1.2)."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views.fields import Field, render
from ssm.db import models
from ssm.resources import share_servers


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A server and the network it is on."""

    server: models.ShareServer
    network: models.ShareNetwork | None

    @property
    def subnet_ids(self) -> list[str]:
        """Ids of the subnets, sorted."""
        return sorted(subnet.id for subnet in self.server.subnets)

    @property
    def network_name(self) -> str:
        """Name of the network, its id if it has none, empty if it is gone."""
        return (self.network.name or self.network.id) if self.network else ''


def _server(name: str) -> Callable[[_Seen], Any]:
    return operator.attrgetter(f'server.{name}')


_FIELDS: Sequence[Field] = (
    Field('id', _server('id')),
    Field('status', _server('status')),
    Field('host', _server('host')),
    Field('updated_at', lambda seen: params.timestamp(seen.server.updated_at)),
    Field('project_id', lambda seen: seen.network.project_id if seen.network else ''),
    Field('share_network_id', lambda seen: seen.network.id if seen.network else None),
    Field('share_network_name', lambda seen: seen.network_name),
    Field('is_auto_deletable', _server('is_auto_deletable'), since=(2, 49)),
    Field('identifier', _server('identifier'), since=(2, 49)),
    Field(
        'share_network_subnet_id',
        lambda seen: next(iter(seen.subnet_ids), None),
        since=(2, 51),
        until=(2, 69),
    ),
    Field('task_state', _server('task_state'), since=(2, 57)),
    Field('source_share_server_id', _server('source_share_server_id'), since=(2, 57)),
    Field(
        'security_service_update_support',
        _server('security_service_update_support'),
        since=(2, 63),
    ),
    Field('share_network_subnet_ids', lambda seen: seen.subnet_ids, since=(2, 70)),
    Field(
        'network_allocation_update_support',
        _server('network_allocation_update_support'),
        since=(2, 70),
    ),
)
_SINGLE_FIELDS: Sequence[Field] = (
    Field('created_at', lambda seen: params.timestamp(seen.server.created_at)),
    Field('backend_details', lambda seen: _details(seen.server)),
)


def _details(server: models.ShareServer) -> dict[str, str]:
    return {detail.key: detail.value for detail in server.backend_details}


def _seen(server: models.ShareServer) -> _Seen:
    return _Seen(server, share_servers.network_of(server))


def several(req: Request, servers: Iterable[models.ShareServer]) -> dict[str, Any]:
    """A list of servers."""
    return {'share_servers': [render(_FIELDS, req.version, _seen(server)) for server in servers]}


def single(req: Request, server: models.ShareServer) -> dict[str, Any]:
    """One server, loaded with its back end details."""
    return {'share_server': render((*_FIELDS, *_SINGLE_FIELDS), req.version, _seen(server))}


def details(server: models.ShareServer) -> dict[str, Any]:
    """The back end details alone."""
    return {'details': _details(server)}
