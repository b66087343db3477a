# SPDX-License-Identifier: Apache-2.0

"""Share servers and their migrations."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db.models.base import Base, int_key, reference, str36, str64, str1023, table_args, uuid_key
from ssm.db.models.networks import NetworkAllocation, ShareNetworkSubnet


class ShareServer(Base):
    """A tenant's isolated server on a back end; ``host`` is ``host@backend``."""

    __tablename__ = 'share_servers'
    __table_args__ = table_args(
        sa.Index('share_servers_host_idx', 'host', 'deleted', 'status'),
        sa.Index('share_servers_source_idx', 'source_share_server_id', 'status', 'deleted'),
        sa.Index('share_servers_identifier_idx', 'identifier'),
    )

    id: orm.Mapped[uuid_key]
    host: orm.Mapped[str]
    status: orm.Mapped[str36] = orm.mapped_column(default='inactive')
    task_state: orm.Mapped[str | None]
    is_auto_deletable: orm.Mapped[bool] = orm.mapped_column(default=True)
    identifier: orm.Mapped[str | None]
    source_share_server_id: orm.Mapped[str | None] = reference('share_servers.id', nullable=True)
    security_service_update_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    network_allocation_update_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    share_replicas_migration_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    encryption_key_ref: orm.Mapped[str36 | None]

    subnets: orm.Mapped[list[ShareNetworkSubnet]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        secondary='share_server_share_network_subnet_mappings',
        primaryjoin='and_(ShareServer.id == SubnetMapping.share_server_id,'
        ' SubnetMapping.deleted == "False")',
        secondaryjoin='and_(ShareNetworkSubnet.id == SubnetMapping.share_network_subnet_id,'
        ' ShareNetworkSubnet.deleted == "False")',
    )
    network_allocations: orm.Mapped[list[NetworkAllocation]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ShareServer.id == NetworkAllocation.share_server_id,'
        ' NetworkAllocation.deleted == "False")',
    )
    backend_details: orm.Mapped[list[BackendDetail]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ShareServer.id == BackendDetail.share_server_id,'
        ' BackendDetail.deleted == "False")',
    )


class BackendDetail(Base):
    """A key and a string a driver keeps with a share server."""

    __tablename__ = 'share_server_backend_details'
    __table_args__ = table_args(
        sa.UniqueConstraint('share_server_id', 'key', 'deleted'),
    )

    id: orm.Mapped[int_key]
    share_server_id: orm.Mapped[str] = reference('share_servers.id')
    key: orm.Mapped[str]
    value: orm.Mapped[str1023]


class Migration(Base):
    """A share server migration: request, state, journal, owner and history in one row (rule 2).

    ``lease_expires_at`` and ``wake_at`` are seconds of the database's clock. ``journal`` is a
    list of steps in their order, each an object with ``name``, ``attempts``, ``begun_at``,
    ``done_at``, ``result`` and ``reason``. ``reasons`` is a list of findings.
    """

    __tablename__ = 'share_server_migrations'
    __table_args__ = table_args(
        sa.Index('share_server_migrations_source_idx', 'source_share_server_id', 'state'),
        sa.Index('share_server_migrations_destination_idx', 'destination_share_server_id'),
        sa.Index('share_server_migrations_host_idx', 'destination_host', 'state'),
    )

    id: orm.Mapped[uuid_key]
    project_id: orm.Mapped[str | None]
    user_id: orm.Mapped[str | None]
    request_id: orm.Mapped[str | None]
    source_share_server_id: orm.Mapped[str] = reference('share_servers.id')
    destination_share_server_id: orm.Mapped[str | None] = reference(
        'share_servers.id', nullable=True
    )
    source_host: orm.Mapped[str]
    destination_host: orm.Mapped[str]
    share_network_id: orm.Mapped[str36]
    new_share_network_id: orm.Mapped[str36 | None]
    availability_zone_id: orm.Mapped[str36 | None]
    writable: orm.Mapped[bool]
    nondisruptive: orm.Mapped[bool]
    preserve_snapshots: orm.Mapped[bool]
    size: orm.Mapped[int] = orm.mapped_column(default=0)
    state: orm.Mapped[str36]
    mode: orm.Mapped[str36 | None]
    capabilities: orm.Mapped[dict | None]
    checked_at: orm.Mapped[datetime.datetime | None]
    attempt: orm.Mapped[int] = orm.mapped_column(default=1)
    epoch: orm.Mapped[int] = orm.mapped_column(default=0)
    owner: orm.Mapped[str | None]
    lease_expires_at: orm.Mapped[int | None] = orm.mapped_column(sa.BigInteger)
    wake_at: orm.Mapped[int | None] = orm.mapped_column(sa.BigInteger)
    waiting: orm.Mapped[str1023 | None]
    rolling_back: orm.Mapped[bool] = orm.mapped_column(default=False)
    journal: orm.Mapped[list] = orm.mapped_column(default=list)
    reasons: orm.Mapped[list] = orm.mapped_column(default=list)
    progress: orm.Mapped[dict] = orm.mapped_column(default=dict)
    total_progress: orm.Mapped[int] = orm.mapped_column(default=0)
    phase1_done_at: orm.Mapped[datetime.datetime | None]
    finished_at: orm.Mapped[datetime.datetime | None]
    overridden_by: orm.Mapped[str64 | None]
