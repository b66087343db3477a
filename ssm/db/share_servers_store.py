# SPDX-License-Identifier: Apache-2.0

"""Share servers as the share manager of their host makes, chooses and removes them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import engine, models, rows

_Server = models.ShareServer

_REAPABLE = ('inactive', 'active', 'error', 'creating', 'deleting')


def subnets_of(session: orm.Session, network_id: str) -> list[models.ShareNetworkSubnet]:
    """All subnets of a network, oldest first."""
    subnet = models.ShareNetworkSubnet
    query = (
        sa.select(subnet)
        .where(subnet.share_network_id == network_id, subnet.deleted == models.NOT_DELETED)
        .order_by(subnet.created_at, subnet.id)
    )
    return list(session.scalars(query))


def first_subnet_id(session: orm.Session, server_id: str) -> str | None:
    """The first subnet a server was put on, also when the subnet is gone."""
    mapping = models.SubnetMapping
    return session.scalar(
        sa.select(mapping.share_network_subnet_id)
        .where(mapping.share_server_id == server_id, mapping.deleted == models.NOT_DELETED)
        .order_by(mapping.id)
        .limit(1)
    )


def choose(
    session: orm.Session,
    host: str,
    subnet_ids: Sequence[str],
    size: int,
    max_shares: int,
    max_size: int,
    only: str | None = None,
) -> str | None:
    """An active server on all these subnets that has room for a share; None if there is none.

    The rows looked at stay locked, where the database does that, until the transaction ends: no
    migration of the chosen server starts in between.

    :param size: of the share in GiB
    :param max_shares: shares a server may hold, -1 any number
    :param max_size: GiB all its shares may have, -1 any
    :param only: consider this server only, whatever it holds
    """
    lies_on = (
        sa.exists().where(
            models.SubnetMapping.share_server_id == _Server.id,
            models.SubnetMapping.share_network_subnet_id == subnet_id,
            models.SubnetMapping.deleted == models.NOT_DELETED,
        )
        for subnet_id in subnet_ids
    )
    query = (
        sa.select(_Server.id)
        .where(
            _Server.host == host,
            _Server.status == 'active',
            _Server.deleted == models.NOT_DELETED,
            *([_Server.id == only] if only else lies_on),
        )
        .order_by(_Server.created_at, _Server.id)
        .with_for_update()
    )
    candidates = list(session.scalars(query))
    if only or not candidates:
        return next(iter(candidates), None)
    held = _held(session, candidates)
    for candidate in candidates:
        count, total = held.get(candidate, (0, 0))
        if (max_shares < 0 or count < max_shares) and (max_size < 0 or total + size <= max_size):
            return candidate
    return None


def _held(session: orm.Session, server_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Number and size in GiB of the shares of each server that has any."""
    instance = models.ShareInstance
    query = (
        sa.select(instance.share_server_id, sa.func.count(), sa.func.sum(models.Share.size))
        .join(models.Share, models.Share.id == instance.share_id)
        .where(
            instance.share_server_id.in_(server_ids),
            instance.deleted == models.NOT_DELETED,
        )
        .group_by(instance.share_server_id)
    )
    return {id: (count, int(size)) for id, count, size in session.execute(query) if id}


def add(session: orm.Session, server: models.ShareServer, subnet_ids: Sequence[str]) -> None:
    """Insert a server that lies on these subnets; its id is set afterwards."""
    session.add(server)
    session.flush()
    rows.insert(
        session,
        models.SubnetMapping,
        [
            {'share_server_id': server.id, 'share_network_subnet_id': subnet_id}
            for subnet_id in subnet_ids
        ],
    )


def lock(session: orm.Session, server_id: str) -> models.ShareServer | None:
    """A living server's row, locked until the transaction ends where the database does that."""
    query = (
        sa.select(_Server)
        .where(_Server.id == server_id, _Server.deleted == models.NOT_DELETED)
        .with_for_update()
    )
    return session.scalars(query).one_or_none()


def identifiers(session: orm.Session) -> list[str]:
    """What all living servers are called on their storage; one without a name will get its id."""
    query = sa.select(sa.func.coalesce(_Server.identifier, _Server.id)).where(
        _Server.deleted == models.NOT_DELETED
    )
    return [identifier for identifier in session.scalars(query) if identifier]


@engine.reader
def starting(session: orm.Session, host: str) -> dict[str, list[str]]:
    """Ids of the servers of a host that are to be managed or unmanaged, by status."""
    statuses = ('manage_starting', 'unmanage_starting')
    query = sa.select(_Server.status, _Server.id).where(
        _Server.host == host, _Server.status.in_(statuses), _Server.deleted == models.NOT_DELETED
    )
    found: dict[str, list[str]] = {status: [] for status in statuses}
    for status, server_id in session.execute(query):
        found[status].append(server_id)
    return found


def remove(session: orm.Session, server_id: str) -> None:
    """Delete the row of a server, its mappings and details (rest-api 6.2); three statements."""
    mapping, detail = models.SubnetMapping, models.BackendDetail
    rows.soft_delete(session, mapping, mapping.share_server_id == server_id)
    rows.soft_delete(session, detail, detail.share_server_id == server_id)
    rows.soft_delete(session, _Server, _Server.id == server_id)


def unused(session: orm.Session, host: str, before: datetime.datetime) -> list[str]:
    """Servers that the cleanup may remove (contract 4.12), the longest idle first.

    Not among them: the source of a completed migration, which has a time of its own (decision 2),
    and the destination of a failed one, which the administrator is to see.

    :param before: only those that nothing happened to since
    """
    instance = models.ShareInstance
    used = sa.exists().where(
        instance.share_server_id == _Server.id, instance.deleted == models.NOT_DELETED
    )
    migrated = sa.and_(_Server.status == 'inactive', _task_state('migration_success'))
    evidence = sa.and_(
        _Server.status == 'error',
        _task_state('migration_error'),
        _Server.source_share_server_id.is_not(None),
    )
    return _idle(
        session,
        host,
        before,
        _Server.is_auto_deletable.is_(True),
        _Server.status.in_(_REAPABLE),
        sa.not_(sa.or_(used, migrated, evidence)),
    )


def retired(session: orm.Session, host: str, before: datetime.datetime) -> list[str]:
    """Sources of migrations that completed, untouched since ``before`` (decision 2)."""
    return _idle(
        session, host, before, _Server.status == 'inactive', _task_state('migration_success')
    )


def _task_state(state: str) -> sa.ColumnElement[bool]:
    """That a server has this task state; a server without any has not."""
    return sa.func.coalesce(_Server.task_state, '') == state


def _idle(
    session: orm.Session,
    host: str,
    before: datetime.datetime,
    *conditions: sa.ColumnElement[bool],
) -> list[str]:
    last = sa.func.coalesce(_Server.updated_at, _Server.created_at)
    query = (
        sa.select(_Server.id)
        .where(
            _Server.host == host, _Server.deleted == models.NOT_DELETED, last < before, *conditions
        )
        .order_by(last)
    )
    return list(session.scalars(query))
