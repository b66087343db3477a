# SPDX-License-Identifier: Apache-2.0

"""Share networks, subnets and addresses."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db.models.base import Base, int_key, reference, str36, str64, str1023, table_args, uuid_key
from ssm.db.models.services import AvailabilityZone


class ShareNetwork(Base):
    """A tenant's network record; its parts per availability zone are the subnets."""

    __tablename__ = 'share_networks'
    __table_args__ = table_args(sa.Index('share_networks_project_idx', 'project_id', 'deleted'))

    id: orm.Mapped[uuid_key]
    project_id: orm.Mapped[str]
    user_id: orm.Mapped[str | None]
    name: orm.Mapped[str | None]
    description: orm.Mapped[str | None]
    status: orm.Mapped[str36] = orm.mapped_column(default='active')

    subnets: orm.Mapped[list[ShareNetworkSubnet]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        back_populates='share_network',
        primaryjoin='and_(ShareNetwork.id == ShareNetworkSubnet.share_network_id,'
        ' ShareNetworkSubnet.deleted == "False")',
    )


class ShareNetworkSubnet(Base):
    """Part of a share network in one zone; without a zone it is the default subnet.

    The columns from ``network_type`` on are filled by the network plug-in when the first server
    is set up.
    """

    __tablename__ = 'share_network_subnets'
    __table_args__ = table_args(
        sa.Index(
            'share_network_subnets_zone_idx', 'share_network_id', 'availability_zone_id', 'deleted'
        )
    )

    id: orm.Mapped[uuid_key]
    share_network_id: orm.Mapped[str] = reference('share_networks.id')
    availability_zone_id: orm.Mapped[str | None] = reference('availability_zones.id', nullable=True)
    neutron_net_id: orm.Mapped[str36 | None]
    neutron_subnet_id: orm.Mapped[str36 | None]
    network_type: orm.Mapped[str64 | None]
    cidr: orm.Mapped[str64 | None]
    segmentation_id: orm.Mapped[int | None]
    gateway: orm.Mapped[str64 | None]
    mtu: orm.Mapped[int | None]
    ip_version: orm.Mapped[int | None]

    share_network: orm.Mapped[ShareNetwork] = orm.relationship(
        lazy='raise', back_populates='subnets', viewonly=True
    )
    availability_zone: orm.Mapped[AvailabilityZone | None] = orm.relationship(lazy='raise')


class NetworkAllocation(Base):
    """One address of a share server; without a subnet it is of the administrative network."""

    __tablename__ = 'network_allocations'
    __table_args__ = table_args(
        sa.Index('network_allocations_server_idx', 'share_server_id', 'deleted'),
        sa.Index('network_allocations_address_idx', 'ip_address', 'deleted'),
    )

    id: orm.Mapped[uuid_key]
    share_server_id: orm.Mapped[str] = reference('share_servers.id')
    share_network_subnet_id: orm.Mapped[str | None] = reference(
        'share_network_subnets.id', nullable=True
    )
    label: orm.Mapped[str36] = orm.mapped_column(default='user')
    ip_address: orm.Mapped[str64]
    ip_version: orm.Mapped[int | None]
    cidr: orm.Mapped[str64 | None]
    gateway: orm.Mapped[str64 | None]
    mtu: orm.Mapped[int | None]
    network_type: orm.Mapped[str64 | None]
    segmentation_id: orm.Mapped[int | None]
    mac_address: orm.Mapped[str64 | None]


class SubnetMapping(Base):
    """A share server lies on a subnet."""

    __tablename__ = 'share_server_share_network_subnet_mappings'
    __table_args__ = table_args(
        sa.Index('share_server_subnet_mappings_server_idx', 'share_server_id', 'deleted'),
        sa.Index('share_server_subnet_mappings_subnet_idx', 'share_network_subnet_id', 'deleted'),
    )

    id: orm.Mapped[int_key]
    share_server_id: orm.Mapped[str] = reference('share_servers.id')
    share_network_subnet_id: orm.Mapped[str] = reference('share_network_subnets.id')


class DriverPrivateData(Base):
    """What a driver keeps about an entity."""

    __tablename__ = 'drivers_private_data'

    entity_uuid: orm.Mapped[str36] = orm.mapped_column(primary_key=True)
    key: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    value: orm.Mapped[str1023]
