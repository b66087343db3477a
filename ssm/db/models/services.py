# SPDX-License-Identifier: Apache-2.0

"""Services, availability zones and locks."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db.models.base import Base, int_key, reference, str36, table_args, uuid_key


class AvailabilityZone(Base):
    """A zone, made when a service first reports it."""

    __tablename__ = 'availability_zones'
    __table_args__ = table_args(sa.UniqueConstraint('name', 'deleted'))

    id: orm.Mapped[uuid_key]
    name: orm.Mapped[str]


class Service(Base):
    """A running (or once running) service; ``updated_at`` is its heartbeat."""

    __tablename__ = 'services'
    __table_args__ = table_args(
        sa.UniqueConstraint('host', 'binary', 'deleted'),
        sa.Index('services_topic_idx', 'topic', 'deleted'),
    )

    id: orm.Mapped[int_key]
    host: orm.Mapped[str]
    binary: orm.Mapped[str]
    topic: orm.Mapped[str]
    state: orm.Mapped[str36 | None]
    report_count: orm.Mapped[int] = orm.mapped_column(default=0)
    disabled: orm.Mapped[bool] = orm.mapped_column(default=False)
    disabled_reason: orm.Mapped[str | None]
    ensuring: orm.Mapped[bool] = orm.mapped_column(default=False)
    availability_zone_id: orm.Mapped[str | None] = reference('availability_zones.id', nullable=True)

    availability_zone: orm.Mapped[AvailabilityZone | None] = orm.relationship(lazy='raise')


class Lock(Base):
    """Who holds what for which purpose, and until when (decision 20).

    ``expires_at`` is in seconds of the database's clock. Rows stay; a free one has no owner.
    """

    __tablename__ = 'locks'

    name: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    purpose: orm.Mapped[str | None]
    owner: orm.Mapped[str | None]
    expires_at: orm.Mapped[int | None] = orm.mapped_column(sa.BigInteger)
