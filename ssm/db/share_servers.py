# SPDX-License-Identifier: Apache-2.0

"""Queries about share servers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

Criterion = sa.ColumnElement[bool]

_SUBNETS = orm.selectinload(models.ShareServer.subnets).joinedload(
    models.ShareNetworkSubnet.share_network
)


def _on_network(condition: Criterion) -> Criterion:
    """That a server lies on a living subnet of a living network which fulfils the condition."""
    mapping, subnet, network = (
        models.SubnetMapping,
        models.ShareNetworkSubnet,
        models.ShareNetwork,
    )
    return sa.exists().where(
        mapping.share_server_id == models.ShareServer.id,
        mapping.deleted == models.NOT_DELETED,
        subnet.id == mapping.share_network_subnet_id,
        subnet.deleted == models.NOT_DELETED,
        network.id == subnet.share_network_id,
        network.deleted == models.NOT_DELETED,
        condition,
    )


FILTERS: dict[str, Callable[[Any], Criterion]] = {
    'id': lambda value: models.ShareServer.id == value,
    'host': lambda value: models.ShareServer.host == value,
    'status': lambda value: models.ShareServer.status == value,
    'task_state': lambda value: models.ShareServer.task_state == value,
    'identifier': lambda value: models.ShareServer.identifier == value,
    'source_share_server_id': lambda value: models.ShareServer.source_share_server_id == value,
    'encryption_key_ref': lambda value: models.ShareServer.encryption_key_ref == value,
    'deleted': lambda value: models.ShareServer.deleted == value,
    'is_auto_deletable': lambda value: models.ShareServer.is_auto_deletable.is_(value),
    'security_service_update_support': lambda value: (
        models.ShareServer.security_service_update_support.is_(value)
    ),
    'network_allocation_update_support': lambda value: (
        models.ShareServer.network_allocation_update_support.is_(value)
    ),
    'project_id': lambda value: _on_network(models.ShareNetwork.project_id == value),
    'share_network_id': lambda value: _on_network(models.ShareNetwork.id == value),
    'share_network': lambda value: _on_network(
        sa.or_(models.ShareNetwork.id == value, models.ShareNetwork.name == value)
    ),
    'share_network_subnet_id': lambda value: _on_network(models.ShareNetworkSubnet.id == value),
}
"""Filters of the list by name (rest-api 4.1.3); each makes a criterion of its value."""


def find(session: orm.Session, criteria: Iterable[Criterion]) -> list[models.ShareServer]:
    """Living servers with subnets and their networks, oldest first; two statements."""
    query = (
        sa.select(models.ShareServer)
        .where(models.ShareServer.deleted == models.NOT_DELETED, *criteria)
        .options(_SUBNETS)
        .order_by(models.ShareServer.created_at, models.ShareServer.id)
    )
    return list(session.scalars(query))


def get(session: orm.Session, server_id: str) -> models.ShareServer | None:
    """A living server as :func:`find` loads it, with its back end details; three statements."""
    query = (
        sa.select(models.ShareServer)
        .where(models.ShareServer.id == server_id, models.ShareServer.deleted == models.NOT_DELETED)
        .options(_SUBNETS, orm.selectinload(models.ShareServer.backend_details))
    )
    return session.scalars(query).one_or_none()


def has_instances(session: orm.Session, server_id: str) -> bool:
    """Whether living share instances are on a server."""
    query = sa.select(
        sa.exists().where(
            models.ShareInstance.share_server_id == server_id,
            models.ShareInstance.deleted == models.NOT_DELETED,
        )
    )
    return session.execute(query).scalar_one()


def any_migrating(session: orm.Session, server_ids: Iterable[str | None]) -> bool:
    """Whether one of the servers takes part in an unfinished migration."""
    ids = {id for id in server_ids if id}
    if not ids:
        return False
    query = sa.select(
        sa.exists().where(
            models.ShareServer.id.in_(ids),
            models.ShareServer.deleted == models.NOT_DELETED,
            models.ShareServer.status.in_(('server_migrating', 'server_migrating_to')),
        )
    )
    return session.execute(query).scalar_one()
