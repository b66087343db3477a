# SPDX-License-Identifier: Apache-2.0

"""Shares, their instances, access rules, export locations and snapshots."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db.models.base import (
    Base,
    int_key,
    reference,
    str36,
    str1023,
    str2000,
    table_args,
    uuid_key,
)
from ssm.db.models.services import AvailabilityZone
from ssm.db.models.types import ShareType


class Share(Base):
    """A share; host, status, server and network are those of its representative instance."""

    __tablename__ = 'shares'
    __table_args__ = table_args(
        sa.Index('shares_project_idx', 'project_id', 'deleted', 'created_at'),
        sa.Index('shares_public_idx', 'is_public', 'deleted'),
    )

    id: orm.Mapped[uuid_key]
    user_id: orm.Mapped[str | None]
    project_id: orm.Mapped[str | None]
    size: orm.Mapped[int]
    display_name: orm.Mapped[str | None]
    display_description: orm.Mapped[str | None]
    snapshot_id: orm.Mapped[str36 | None]
    source_backup_id: orm.Mapped[str36 | None]
    snapshot_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    create_share_from_snapshot_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    revert_to_snapshot_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    mount_snapshot_support: orm.Mapped[bool] = orm.mapped_column(default=False)
    replication_type: orm.Mapped[str | None]
    share_proto: orm.Mapped[str]
    is_public: orm.Mapped[bool] = orm.mapped_column(default=False)
    share_group_id: orm.Mapped[str36 | None]
    source_share_group_snapshot_member_id: orm.Mapped[str36 | None]
    task_state: orm.Mapped[str | None]
    is_soft_deleted: orm.Mapped[bool] = orm.mapped_column(default=False)
    scheduled_to_be_deleted_at: orm.Mapped[datetime.datetime | None]

    instances: orm.Mapped[list[ShareInstance]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        back_populates='share',
        primaryjoin='and_(Share.id == ShareInstance.share_id, ShareInstance.deleted == "False")',
    )
    share_metadata: orm.Mapped[list[ShareMetadata]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(Share.id == ShareMetadata.share_id, ShareMetadata.deleted == "False")',
    )


class ShareMetadata(Base):
    """A key and a value the user keeps with a share."""

    __tablename__ = 'share_metadata'
    __table_args__ = table_args(sa.Index('share_metadata_share_idx', 'share_id', 'deleted'))

    id: orm.Mapped[int_key]
    share_id: orm.Mapped[str] = reference('shares.id')
    key: orm.Mapped[str]
    value: orm.Mapped[str1023]


class ShareInstance(Base):
    """The row of a share on one back end; ``host`` is ``host@backend#pool``.

    ``wanted_size`` (GiB) is what it grows or shrinks to while it is ``extending`` or ``shrinking``.
    """

    __tablename__ = 'share_instances'
    __table_args__ = table_args(
        sa.Index('share_instances_share_idx', 'share_id', 'deleted'),
        sa.Index('share_instances_server_idx', 'share_server_id', 'deleted'),
        sa.Index('share_instances_network_idx', 'share_network_id', 'deleted'),
        sa.Index('share_instances_host_idx', 'host', 'deleted'),
        sa.Index('share_instances_type_idx', 'share_type_id', 'deleted'),
    )

    id: orm.Mapped[uuid_key]
    share_id: orm.Mapped[str] = reference('shares.id')
    host: orm.Mapped[str | None]
    status: orm.Mapped[str]
    progress: orm.Mapped[str36 | None]
    wanted_size: orm.Mapped[int | None]
    access_rules_status: orm.Mapped[str] = orm.mapped_column(default='active')
    scheduled_at: orm.Mapped[datetime.datetime | None]
    launched_at: orm.Mapped[datetime.datetime | None]
    terminated_at: orm.Mapped[datetime.datetime | None]
    replica_state: orm.Mapped[str | None]
    cast_rules_to_readonly: orm.Mapped[bool] = orm.mapped_column(default=False)
    share_type_id: orm.Mapped[str | None] = reference('share_types.id', nullable=True)
    availability_zone_id: orm.Mapped[str | None] = reference('availability_zones.id', nullable=True)
    share_network_id: orm.Mapped[str | None] = reference('share_networks.id', nullable=True)
    share_server_id: orm.Mapped[str | None] = reference('share_servers.id', nullable=True)

    share: orm.Mapped[Share] = orm.relationship(
        lazy='raise', back_populates='instances', viewonly=True
    )
    share_type: orm.Mapped[ShareType | None] = orm.relationship(lazy='raise')
    availability_zone: orm.Mapped[AvailabilityZone | None] = orm.relationship(lazy='raise')
    export_locations: orm.Mapped[list[ExportLocation]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ShareInstance.id == ExportLocation.share_instance_id,'
        ' ExportLocation.deleted == "False")',
        order_by='ExportLocation.id',
    )
    access_mappings: orm.Mapped[list[AccessMapping]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ShareInstance.id == AccessMapping.share_instance_id,'
        ' AccessMapping.deleted == "False")',
    )


class ExportLocation(Base):
    """Where clients find a share; ``uuid`` is the id shown."""

    __tablename__ = 'share_instance_export_locations'
    __table_args__ = table_args(
        sa.Index('export_locations_instance_idx', 'share_instance_id', 'deleted'),
        sa.Index('export_locations_uuid_idx', 'uuid', 'deleted'),
    )

    id: orm.Mapped[int_key]
    uuid: orm.Mapped[str36]
    share_instance_id: orm.Mapped[str] = reference('share_instances.id')
    path: orm.Mapped[str2000]
    is_admin_only: orm.Mapped[bool] = orm.mapped_column(default=False)

    location_metadata: orm.Mapped[list[ExportLocationMetadata]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ExportLocation.id == ExportLocationMetadata.export_location_id,'
        ' ExportLocationMetadata.deleted == "False")',
    )


class ExportLocationMetadata(Base):
    """A key and a value of an export location, e.g. ``preferred``."""

    __tablename__ = 'share_instance_export_locations_metadata'
    __table_args__ = table_args(
        sa.Index('export_location_metadata_idx', 'export_location_id', 'deleted')
    )

    id: orm.Mapped[int_key]
    export_location_id: orm.Mapped[int] = orm.mapped_column(
        sa.ForeignKey('share_instance_export_locations.id')
    )
    key: orm.Mapped[str]
    value: orm.Mapped[str1023]


class AccessRule(Base):
    """An access rule of a share as the user wrote it."""

    __tablename__ = 'share_access_map'
    __table_args__ = table_args(sa.Index('share_access_map_share_idx', 'share_id', 'deleted'))

    id: orm.Mapped[uuid_key]
    share_id: orm.Mapped[str] = reference('shares.id')
    access_type: orm.Mapped[str]
    access_to: orm.Mapped[str]
    access_key: orm.Mapped[str | None]
    access_level: orm.Mapped[str36] = orm.mapped_column(default='rw')

    mappings: orm.Mapped[list[AccessMapping]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        back_populates='rule',
        primaryjoin='and_(AccessRule.id == AccessMapping.access_id,'
        ' AccessMapping.deleted == "False")',
    )
    rule_metadata: orm.Mapped[list[AccessRuleMetadata]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(AccessRule.id == AccessRuleMetadata.access_id,'
        ' AccessRuleMetadata.deleted == "False")',
    )


class AccessRuleMetadata(Base):
    """A key and a value the user keeps with an access rule."""

    __tablename__ = 'share_access_rules_metadata'
    __table_args__ = table_args(sa.Index('access_rules_metadata_idx', 'access_id', 'deleted'))

    id: orm.Mapped[int_key]
    access_id: orm.Mapped[str] = reference('share_access_map.id')
    key: orm.Mapped[str]
    value: orm.Mapped[str1023]


class AccessMapping(Base):
    """The state of an access rule on one instance."""

    __tablename__ = 'share_instance_access_map'
    __table_args__ = table_args(
        sa.UniqueConstraint('share_instance_id', 'access_id', 'deleted'),
        sa.Index('share_instance_access_map_instance_idx', 'share_instance_id', 'deleted'),
        sa.Index('share_instance_access_map_access_idx', 'access_id', 'deleted'),
    )

    id: orm.Mapped[uuid_key]
    share_instance_id: orm.Mapped[str] = reference('share_instances.id')
    access_id: orm.Mapped[str] = reference('share_access_map.id')
    state: orm.Mapped[str] = orm.mapped_column(default='queued_to_apply')

    rule: orm.Mapped[AccessRule] = orm.relationship(
        lazy='raise', back_populates='mappings', viewonly=True
    )


class Snapshot(Base):
    """A snapshot of a share; its status is that of its representative instance."""

    __tablename__ = 'share_snapshots'
    __table_args__ = table_args(
        sa.Index('share_snapshots_share_idx', 'share_id', 'deleted'),
        sa.Index('share_snapshots_project_idx', 'project_id', 'deleted', 'created_at'),
    )

    id: orm.Mapped[uuid_key]
    user_id: orm.Mapped[str | None]
    project_id: orm.Mapped[str | None]
    share_id: orm.Mapped[str] = reference('shares.id')
    size: orm.Mapped[int]
    share_size: orm.Mapped[int]
    share_proto: orm.Mapped[str]
    display_name: orm.Mapped[str | None]
    display_description: orm.Mapped[str | None]

    share: orm.Mapped[Share] = orm.relationship(lazy='raise', viewonly=True)
    instances: orm.Mapped[list[SnapshotInstance]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        back_populates='snapshot',
        primaryjoin='and_(Snapshot.id == SnapshotInstance.snapshot_id,'
        ' SnapshotInstance.deleted == "False")',
    )


class SnapshotInstance(Base):
    """The row of a snapshot on one back end."""

    __tablename__ = 'share_snapshot_instances'
    __table_args__ = table_args(
        sa.Index('snapshot_instances_snapshot_idx', 'snapshot_id', 'deleted'),
        sa.Index('snapshot_instances_instance_idx', 'share_instance_id', 'deleted'),
    )

    id: orm.Mapped[uuid_key]
    snapshot_id: orm.Mapped[str] = reference('share_snapshots.id')
    share_instance_id: orm.Mapped[str] = reference('share_instances.id')
    status: orm.Mapped[str]
    progress: orm.Mapped[str36 | None]
    provider_location: orm.Mapped[str | None]

    snapshot: orm.Mapped[Snapshot] = orm.relationship(
        lazy='raise', back_populates='instances', viewonly=True
    )
    share_instance: orm.Mapped[ShareInstance] = orm.relationship(lazy='raise', viewonly=True)


class SnapshotExportLocation(Base):
    """Where a mountable snapshot is found."""

    __tablename__ = 'share_snapshot_instance_export_locations'
    __table_args__ = table_args(
        sa.Index('snapshot_export_locations_idx', 'share_snapshot_instance_id', 'deleted')
    )

    id: orm.Mapped[uuid_key]
    share_snapshot_instance_id: orm.Mapped[str] = reference('share_snapshot_instances.id')
    path: orm.Mapped[str2000]
    is_admin_only: orm.Mapped[bool] = orm.mapped_column(default=False)
