# SPDX-License-Identifier: Apache-2.0

"""Share types."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db.models.base import Base, int_key, reference, table_args, uuid_key


class ShareType(Base):
    """What an administrator offers: a name with extra specs."""

    __tablename__ = 'share_types'
    __table_args__ = table_args(sa.UniqueConstraint('name', 'deleted'))

    id: orm.Mapped[uuid_key]
    name: orm.Mapped[str]
    description: orm.Mapped[str | None]
    is_public: orm.Mapped[bool] = orm.mapped_column(default=True)

    extra_specs: orm.Mapped[list[ShareTypeExtraSpec]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ShareType.id == ShareTypeExtraSpec.share_type_id,'
        ' ShareTypeExtraSpec.deleted == "False")',
    )
    projects: orm.Mapped[list[ShareTypeProject]] = orm.relationship(
        lazy='raise',
        viewonly=True,
        primaryjoin='and_(ShareType.id == ShareTypeProject.share_type_id,'
        ' ShareTypeProject.deleted == "False")',
    )


class ShareTypeExtraSpec(Base):
    """One extra spec of a type; values are strings."""

    __tablename__ = 'share_type_extra_specs'
    __table_args__ = table_args(sa.UniqueConstraint('share_type_id', 'spec_key', 'deleted'))

    id: orm.Mapped[int_key]
    share_type_id: orm.Mapped[str] = reference('share_types.id')
    spec_key: orm.Mapped[str]
    spec_value: orm.Mapped[str]


class ShareTypeProject(Base):
    """A project that may use a private type."""

    __tablename__ = 'share_type_projects'
    __table_args__ = table_args(sa.UniqueConstraint('share_type_id', 'project_id', 'deleted'))

    id: orm.Mapped[int_key]
    share_type_id: orm.Mapped[str] = reference('share_types.id')
    project_id: orm.Mapped[str]
