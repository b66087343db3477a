# SPDX-License-Identifier: Apache-2.0

"""Share servers: list, show, delete (rest-api 4.1); migrations are ``ssm.migration``'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oslo_utils import strutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models
from ssm.db import share_servers as db
from ssm.db.engine import reader
from ssm.migration.states import ServerStatus
from ssm.rpc.share import ShareClient

_BOOLEANS = frozenset(
    {
        'is_auto_deletable',
        'security_service_update_support',
        'network_allocation_update_support',
    }
)
_DELETABLE = frozenset({ServerStatus.ACTIVE, ServerStatus.ERROR})


def network_of(server: models.ShareServer) -> models.ShareNetwork | None:
    """The living share network its subnets belong to, None when it is gone."""
    networks = (subnet.share_network for subnet in server.subnets)
    return next((n for n in networks if n and n.deleted == models.NOT_DELETED), None)


@reader
def find(session: orm.Session, filters: Mapping[str, str]) -> list[models.ShareServer]:
    """Servers that match all filters, oldest first; none if a filter is unknown or nonsense."""
    criteria = []
    for name, value in filters.items():
        if name not in db.FILTERS:
            return []
        meant: Any = value
        if name in _BOOLEANS:
            meant = strutils.bool_from_string(value, default=None)
            if meant is None:
                return []
        criteria.append(db.FILTERS[name](meant))
    return db.find(session, criteria)


@reader
def get(session: orm.Session, server_id: str) -> models.ShareServer:
    """A server with subnets, their networks, and back end details.

    :raises NotFound: there is none
    """
    return _found(session, server_id)


def _found(session: orm.Session, server_id: str) -> models.ShareServer:
    server = db.get(session, server_id)
    if server is None:
        raise exceptions.NotFound(resource='share server', id=server_id)
    return server


def delete(context: RequestContext, server_id: str) -> None:
    """Have a server's host remove it; the host looks again and sets the status.

    :raises NotFound: there is none
    :raises Forbidden: its status is in the way
    :raises Conflict: shares are on it
    """
    host = _check_deletable(server_id)
    ShareClient().delete_share_server(context, host, server_id)


@reader
def _check_deletable(session: orm.Session, server_id: str) -> str:
    """Returns the server's host."""
    server = _found(session, server_id)
    if server.status not in _DELETABLE:
        raise exceptions.Forbidden(reason=f'Share server {server_id} is {server.status}.')
    if db.has_instances(session, server_id):
        raise exceptions.Conflict(reason=f'Share server {server_id} has shares.')
    return server.host
