# SPDX-License-Identifier: Apache-2.0

"""Base of all tables: time stamps and soft deletion (rest-api 6.1). No behaviour."""

from __future__ import annotations

import datetime
from typing import Annotated

import sqlalchemy as sa
from oslo_utils import timeutils, uuidutils
from sqlalchemy import orm

NOT_DELETED = 'False'
"""Value of ``deleted`` in a living row; a deleted one holds its own id."""

uuid_key = Annotated[
    str,
    orm.mapped_column(sa.String(36), primary_key=True, default=uuidutils.generate_uuid),
]
int_key = Annotated[
    int,
    orm.mapped_column(
        sa.Integer().with_variant(sa.Integer(), 'sqlite'), primary_key=True, autoincrement=True
    ),
]
str36 = Annotated[str, 36]
str64 = Annotated[str, 64]
str1023 = Annotated[str, 1023]
str2000 = Annotated[str, 2000]


def now() -> datetime.datetime:
    """UTC, whole seconds: what every database keeps the same."""
    return timeutils.utcnow().replace(microsecond=0)


class Base(orm.DeclarativeBase):
    """All tables; ``deleted`` is a string on each of them (decision 25)."""

    type_annotation_map = {
        str: sa.String(255),
        str36: sa.String(36),
        str64: sa.String(64),
        str1023: sa.String(1023),
        str2000: sa.String(2000),
        dict: sa.JSON,
        list: sa.JSON,
    }
    __table_args__: tuple | dict = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}

    created_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        default=now, sort_order=100
    )
    updated_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(
        onupdate=now, sort_order=101
    )
    deleted_at: orm.Mapped[datetime.datetime | None] = orm.mapped_column(sort_order=102)
    deleted: orm.Mapped[str36] = orm.mapped_column(default=NOT_DELETED, sort_order=103)


def table_args(*items: sa.schema.SchemaItem) -> tuple:
    """Constraints and indexes of a table, with the options all tables share."""
    return (*items, {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'})


def reference(column: str, *, nullable: bool = False) -> orm.MappedColumn:
    """A column that refers to the UUID of another table, e.g. ``shares.id``."""
    return orm.mapped_column(sa.String(36), sa.ForeignKey(column), nullable=nullable)
