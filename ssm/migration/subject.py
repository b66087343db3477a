# SPDX-License-Identifier: Apache-2.0

"""What the checks of a migration request look at, loaded by a fixed number of statements."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from oslo_utils import strutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import engine, models
from ssm.migration import capabilities, subnets

BINARY = 'manila-share'
"""Binary of the share services as the API shows it."""

BOOLEANS = ('writable', 'nondisruptive', 'preserve_snapshots')


def boolean(value: Any) -> bool | None:
    """A boolean of a request: JSON or one of the usual strings; None for anything else."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    try:
        return strutils.bool_from_string(value, strict=True)
    except ValueError:
        return None


@dataclasses.dataclass(frozen=True)
class Facts:
    """What matters of one share instance on the server."""

    id: str
    share_id: str
    status: str
    access_rules_status: str
    task_state: str | None
    size: int
    share_group_id: str | None
    is_soft_deleted: bool
    replicas: int
    busy_snapshots: int
    zones: str | None


@dataclasses.dataclass
class Subject:
    """A request and what it is about.

    :param body: value of the action key, as it came
    :param server: the source with its subnets, their network, and that network's subnets
    :param destination_id: a server in ``server_migrating_to`` that points to it
    :param network: the effective one, None if the one asked for does not exist
    :param service: the destination's, with its zone; None if unknown
    """

    context: RequestContext
    body: dict[str, Any]
    server: models.ShareServer
    destination_id: str | None
    old_network: models.ShareNetwork | None
    network: models.ShareNetwork | None
    shares: list[Facts]
    service: models.Service | None
    now: datetime.datetime

    @property
    def host(self) -> str:
        """The destination if it is a usable string, else empty."""
        host = self.body.get('host')
        return host if isinstance(host, str) and '@' in host and '#' not in host else ''

    @property
    def requested(self) -> capabilities.Requested:
        """The three demands, once the body was found well-formed."""
        return capabilities.Requested(
            **{name: bool(boolean(self.body.get(name))) for name in BOOLEANS}
        )

    @property
    def destination_subnets(self) -> list[models.ShareNetworkSubnet]:
        """What the new server would lie on."""
        if self.network is None or self.service is None:
            return []
        return subnets.for_zone(self.network.subnets, self.service.availability_zone_id)

    @property
    def network_changes(self) -> bool:
        """Whether clients would see other network parameters (contract 5.7, always compared)."""
        return capabilities.network_changes(
            [_neutron(subnet) for subnet in self.server.subnets],
            [_neutron(subnet) for subnet in self.destination_subnets],
        )

    @property
    def same_subnets(self) -> bool:
        """Whether the destination would lie on the very subnets of the source."""
        old, new = self.server.subnets, self.destination_subnets
        return {subnet.id for subnet in old} == {subnet.id for subnet in new}

    @property
    def is_service_up(self) -> bool:
        """Whether the destination's heartbeat is young enough (rest-api 5.4)."""
        return self.service is not None and is_up(self.service, self.now)


def is_up(service: models.Service, now: datetime.datetime) -> bool:
    """Whether a service showed a sign of life within ``service_down_time``, and did not leave."""
    seen = service.updated_at or service.created_at
    if seen is None or service.state in ('down', 'stopped'):
        return False
    return abs((now - seen).total_seconds()) <= cfg.CONF.service_down_time


def _neutron(subnet: models.ShareNetworkSubnet) -> dict[str, Any]:
    return {
        'neutron_net_id': subnet.neutron_net_id,
        'neutron_subnet_id': subnet.neutron_subnet_id,
    }


@engine.reader
def load(
    session: orm.Session, context: RequestContext, server_id: str, body: dict[str, Any]
) -> Subject:
    """Load a subject; three statements, one more for another network.

    :raises NotFound: no such server
    """
    server, destination_id = _server(session, server_id)
    old = next((subnet.share_network for subnet in server.subnets), None)
    wanted = body.get('new_share_network_id') or None
    subject = Subject(
        context=context,
        body=body,
        server=server,
        destination_id=destination_id,
        old_network=old,
        network=old,
        shares=_facts(session, server_id),
        service=None,
        now=models.now(),
    )
    if wanted is not None and (old is None or wanted != old.id):
        subject.network = _network(session, wanted) if isinstance(wanted, str) else None
    if subject.host:
        subject.service = find_service(session, subject.host)
    return subject


def _server(session: orm.Session, server_id: str) -> tuple[models.ShareServer, str | None]:
    destination = orm.aliased(models.ShareServer)
    pointed_at = (
        sa.select(sa.func.min(destination.id))
        .where(
            destination.source_share_server_id == server_id,
            destination.status == 'server_migrating_to',
            destination.deleted == models.NOT_DELETED,
        )
        .scalar_subquery()
    )
    found = (
        session.execute(
            sa.select(models.ShareServer, pointed_at)
            .where(
                models.ShareServer.id == server_id,
                models.ShareServer.deleted == models.NOT_DELETED,
            )
            .options(
                orm.joinedload(models.ShareServer.subnets)
                .joinedload(models.ShareNetworkSubnet.share_network)
                .joinedload(models.ShareNetwork.subnets)
            )
        )
        .unique()
        .one_or_none()
    )
    if found is None:
        raise exceptions.NotFound(resource='share server', id=server_id)
    return found[0], found[1]


def _network(session: orm.Session, network_id: str) -> models.ShareNetwork | None:
    return (
        session.scalars(
            sa.select(models.ShareNetwork)
            .where(
                models.ShareNetwork.id == network_id,
                models.ShareNetwork.deleted == models.NOT_DELETED,
            )
            .options(orm.joinedload(models.ShareNetwork.subnets))
        )
        .unique()
        .one_or_none()
    )


def find_service(session: orm.Session, host: str) -> models.Service | None:
    """The enabled share service of a host, with its zone; a disabled one counts as unknown."""
    return session.scalars(
        sa.select(models.Service)
        .where(
            models.Service.host == host,
            models.Service.binary == BINARY,
            models.Service.disabled.is_(False),
            models.Service.deleted == models.NOT_DELETED,
        )
        .options(orm.joinedload(models.Service.availability_zone))
    ).first()


def _facts(session: orm.Session, server_id: str) -> list[Facts]:
    """One statement for all shares of the server."""
    instance, share = models.ShareInstance, models.Share
    sibling, snapshot = orm.aliased(instance), models.SnapshotInstance
    spec = models.ShareTypeExtraSpec
    replicas = (
        sa.select(sa.func.count())
        .where(
            sibling.share_id == share.id,
            sibling.replica_state.is_not(None),
            sibling.deleted == models.NOT_DELETED,
        )
        .scalar_subquery()
    )
    busy_snapshots = (
        sa.select(sa.func.count())
        .where(
            snapshot.share_instance_id == instance.id,
            snapshot.status != 'available',
            snapshot.deleted == models.NOT_DELETED,
        )
        .scalar_subquery()
    )
    query = (
        sa.select(
            instance.id,
            share.id,
            instance.status,
            instance.access_rules_status,
            share.task_state,
            share.size,
            share.share_group_id,
            share.is_soft_deleted,
            replicas,
            busy_snapshots,
            spec.spec_value,
        )
        .join(share, share.id == instance.share_id)
        .outerjoin(
            spec,
            sa.and_(
                spec.share_type_id == instance.share_type_id,
                spec.spec_key == 'availability_zones',
                spec.deleted == models.NOT_DELETED,
            ),
        )
        .where(instance.share_server_id == server_id, instance.deleted == models.NOT_DELETED)
        .order_by(instance.created_at, instance.id)
    )
    return [Facts(*found) for found in session.execute(query)]
