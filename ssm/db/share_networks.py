# SPDX-License-Identifier: Apache-2.0

"""Queries about share networks and their subnets."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models

Criterion = sa.ColumnElement[bool]

_NETWORK = models.ShareNetwork
_SUBNET = models.ShareNetworkSubnet
_SERVER = models.ShareServer
_MAPPING = models.SubnetMapping

_SUBNETS = orm.selectinload(_NETWORK.subnets).joinedload(_SUBNET.availability_zone)


def _any_subnet(condition: Criterion) -> Criterion:
    return sa.exists().where(
        _SUBNET.share_network_id == _NETWORK.id,
        _SUBNET.deleted == models.NOT_DELETED,
        condition,
    )


def _of_network(name: str) -> Callable[[Any], Criterion]:
    return lambda value: getattr(_NETWORK, name) == value


def _of_subnet(name: str) -> Callable[[Any], Criterion]:
    return lambda value: _any_subnet(getattr(_SUBNET, name) == value)


def _of_both(name: str) -> Callable[[Any], Criterion]:
    return lambda value: sa.or_(_of_network(name)(value), _of_subnet(name)(value))


FILTERS: dict[str, Callable[[Any], Criterion]] = {
    **{name: _of_network(name) for name in ('name', 'description', 'status', 'user_id')},
    **{
        name: _of_subnet(name)
        for name in (
            'availability_zone_id',
            'cidr',
            'gateway',
            'ip_version',
            'mtu',
            'network_type',
            'neutron_net_id',
            'neutron_subnet_id',
            'segmentation_id',
            'share_network_id',
        )
    },
    'id': _of_both('id'),
    'project_id': _of_network('project_id'),
    'name~': lambda value: _NETWORK.name.contains(value, autoescape=True),
    'description~': lambda value: _NETWORK.description.contains(value, autoescape=True),
    'created_since': lambda value: _NETWORK.created_at >= value,
    'created_before': lambda value: _NETWORK.created_at <= value,
    # There are no security services yet, so no network has one.
    'security_service_id': lambda _value: sa.false(),
}
"""Filters of the list by name (rest-api 4.2.4); each makes a criterion of its value."""

INTEGERS = frozenset({'ip_version', 'segmentation_id', 'mtu'})
"""Those whose values are integers."""


class OnNetwork(NamedTuple):
    """A server that lies on a network."""

    id: str
    host: str
    status: str
    is_auto_deletable: bool
    security_service_update_support: bool
    network_allocation_update_support: bool
    share_network_id: str
    subnet_id: str


def find(
    session: orm.Session,
    criteria: Iterable[Criterion],
    *,
    limit: int | None = None,
    offset: int | None = None,
) -> list[models.ShareNetwork]:
    """Living networks with subnets and their zones, oldest first; two statements."""
    query = (
        sa.select(_NETWORK)
        .where(_NETWORK.deleted == models.NOT_DELETED, *criteria)
        .options(_SUBNETS)
        .order_by(_NETWORK.created_at, _NETWORK.id)
        .limit(limit)
        .offset(offset)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def get(
    session: orm.Session, network_id: str, *, for_update: bool = False
) -> models.ShareNetwork | None:
    """A living network as :func:`find` loads it.

    :param for_update: keep others from changing it until the transaction ends
    """
    if for_update:
        session.execute(sa.select(_NETWORK.id).where(_NETWORK.id == network_id).with_for_update())
    return next(iter(find(session, [_NETWORK.id == network_id])), None)


def get_subnet(session: orm.Session, subnet_id: str) -> models.ShareNetworkSubnet | None:
    """A living subnet with its zone and its network; one statement."""
    query = (
        sa.select(_SUBNET)
        .where(_SUBNET.id == subnet_id, _SUBNET.deleted == models.NOT_DELETED)
        .options(orm.joinedload(_SUBNET.availability_zone), orm.joinedload(_SUBNET.share_network))
        .execution_options(populate_existing=True)
    )
    return session.scalar(query)


def servers(session: orm.Session, network_ids: Collection[str]) -> list[OnNetwork]:
    """Living servers of living subnets of the networks, one row for each subnet they lie on."""
    query = (
        sa.select(
            _SERVER.id,
            _SERVER.host,
            _SERVER.status,
            _SERVER.is_auto_deletable,
            _SERVER.security_service_update_support,
            _SERVER.network_allocation_update_support,
            _SUBNET.share_network_id,
            _SUBNET.id.label('subnet_id'),
        )
        .join(_MAPPING, _MAPPING.share_server_id == _SERVER.id)
        .join(_SUBNET, _SUBNET.id == _MAPPING.share_network_subnet_id)
        .where(
            _SERVER.deleted == models.NOT_DELETED,
            _MAPPING.deleted == models.NOT_DELETED,
            _SUBNET.deleted == models.NOT_DELETED,
            _SUBNET.share_network_id.in_(network_ids),
        )
        .order_by(_SERVER.created_at, _SERVER.id)
    )
    return [OnNetwork(*row) for row in session.execute(query)]


def has_instances(session: orm.Session, condition: Criterion) -> bool:
    """Whether living share instances fulfil a condition."""
    instance = models.ShareInstance
    query = sa.select(sa.exists().where(instance.deleted == models.NOT_DELETED, condition))
    return bool(session.scalar(query))


def is_awaited(session: orm.Session, network_id: str, states: Collection[str]) -> bool:
    """Whether a migration in one of the states leads to a network."""
    migration = models.Migration
    query = sa.select(
        sa.exists().where(
            migration.share_network_id == network_id,
            migration.state.in_(states),
            migration.deleted == models.NOT_DELETED,
        )
    )
    return bool(session.scalar(query))


def day(text: str) -> datetime.datetime:
    """A day as the filters ``created_since`` and ``created_before`` have it.

    :raises ValueError: it is not of the form yyyy-mm-dd
    """
    return datetime.datetime.strptime(text, '%Y-%m-%d')
