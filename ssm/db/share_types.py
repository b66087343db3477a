# SPDX-License-Identifier: Apache-2.0

"""Queries about share types."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models, rows

Criterion = sa.ColumnElement[bool]


def offered_to(project_id: str | None) -> Criterion:
    """That a type is public, or private with access for the project."""
    access = models.ShareTypeProject
    return sa.or_(
        models.ShareType.is_public.is_(True),
        sa.exists().where(
            access.share_type_id == models.ShareType.id,
            access.project_id == project_id,
            access.deleted == models.NOT_DELETED,
        ),
    )


def find(session: orm.Session, *criteria: Criterion) -> list[models.ShareType]:
    """Living types with their extra specs, by name; two statements."""
    query = (
        sa.select(models.ShareType)
        .where(models.ShareType.deleted == models.NOT_DELETED, *criteria)
        .options(orm.selectinload(models.ShareType.extra_specs))
        .order_by(models.ShareType.name)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def get(session: orm.Session, type_id: str, *criteria: Criterion) -> models.ShareType | None:
    """A living type with its extra specs."""
    return next(iter(find(session, models.ShareType.id == type_id, *criteria)), None)


def by_name(session: orm.Session, name: str, *criteria: Criterion) -> models.ShareType | None:
    """A living type by its name."""
    return next(iter(find(session, models.ShareType.name == name, *criteria)), None)


def by_id_or_name(session: orm.Session, text: str, *criteria: Criterion) -> models.ShareType | None:
    """A living type by what a user wrote; an id goes before a name."""
    named = sa.or_(models.ShareType.id == text, models.ShareType.name == text)
    found = find(session, named, *criteria)
    return next((row for row in found if row.id == text), found[0] if found else None)


def in_use(session: orm.Session, type_id: str) -> bool:
    """Whether living share instances have the type."""
    instance = models.ShareInstance
    query = sa.select(
        sa.exists().where(instance.share_type_id == type_id, instance.deleted == models.NOT_DELETED)
    )
    return bool(session.scalar(query))


def set_specs(session: orm.Session, type_id: str, specs: Mapping[str, str]) -> None:
    """Add extra specs; those that are there get their new value. Two statements."""
    remove_specs(session, type_id, models.ShareTypeExtraSpec.spec_key.in_(specs))
    rows.insert(
        session,
        models.ShareTypeExtraSpec,
        [
            {'share_type_id': type_id, 'spec_key': key, 'spec_value': value}
            for key, value in specs.items()
        ],
    )


def remove_specs(session: orm.Session, type_id: str, *criteria: Criterion) -> int:
    """Delete extra specs of a type; returns how many."""
    spec = models.ShareTypeExtraSpec
    return rows.soft_delete(session, spec, spec.share_type_id == type_id, *criteria)


def remove(session: orm.Session, type_id: str) -> None:
    """Delete a type with its extra specs and access rows; three statements."""
    remove_specs(session, type_id)
    remove_projects(session, type_id)
    rows.soft_delete(session, models.ShareType, models.ShareType.id == type_id)


def projects(session: orm.Session, type_id: str) -> list[str]:
    """Projects that have access to a private type."""
    access = models.ShareTypeProject
    query = (
        sa.select(access.project_id)
        .where(access.share_type_id == type_id, access.deleted == models.NOT_DELETED)
        .order_by(access.project_id)
    )
    return list(session.scalars(query))


def remove_projects(session: orm.Session, type_id: str, *criteria: Criterion) -> int:
    """Take access from projects; returns how many had it."""
    access = models.ShareTypeProject
    return rows.soft_delete(session, access, access.share_type_id == type_id, *criteria)
