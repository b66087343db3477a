# SPDX-License-Identifier: Apache-2.0

"""Queries about access rules of shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models, rows

Criterion = sa.ColumnElement[bool]

_LOAD = (
    orm.selectinload(models.AccessRule.mappings),
    orm.selectinload(models.AccessRule.rule_metadata),
)


def _has_metadata(wanted: Mapping[str, str]) -> Criterion:
    metadata = models.AccessRuleMetadata
    return sa.and_(
        *(
            sa.exists().where(
                metadata.access_id == models.AccessRule.id,
                metadata.deleted == models.NOT_DELETED,
                metadata.key == str(key),
                metadata.value == str(value),
            )
            for key, value in wanted.items()
        )
    )


FILTERS: dict[str, Callable[[Any], Criterion]] = {
    'id': lambda value: models.AccessRule.id == value,
    'access_type': lambda value: models.AccessRule.access_type == value,
    'access_to': lambda value: models.AccessRule.access_to == value,
    'access_key': lambda value: models.AccessRule.access_key == value,
    'access_level': lambda value: models.AccessRule.access_level == value,
    'metadata': _has_metadata,
}
"""Filters of the list by name (rest-api 4.7); each makes a criterion of its value."""


def _query(*criteria: Criterion) -> sa.Select[Any]:
    """Living rules; one that no instance has is invisible."""
    held = sa.exists().where(
        models.AccessMapping.access_id == models.AccessRule.id,
        models.AccessMapping.deleted == models.NOT_DELETED,
    )
    return (
        sa.select(models.AccessRule)
        .where(models.AccessRule.deleted == models.NOT_DELETED, held, *criteria)
        .options(*_LOAD)
        .order_by(models.AccessRule.created_at, models.AccessRule.id)
        .execution_options(populate_existing=True)
    )


def find(
    session: orm.Session, share_id: str, criteria: Iterable[Criterion] = ()
) -> list[models.AccessRule]:
    """Rules of a share with states and metadata, oldest first; three statements."""
    return list(session.scalars(_query(models.AccessRule.share_id == share_id, *criteria)))


def get(session: orm.Session, access_id: str) -> models.AccessRule | None:
    """A rule as :func:`find` loads it."""
    return session.scalars(_query(models.AccessRule.id == access_id)).one_or_none()


def targets(session: orm.Session, share_id: str, access_type: str) -> list[str]:
    """What the rules of one type name, of a share."""
    query = sa.select(models.AccessRule.access_to).where(
        models.AccessRule.share_id == share_id,
        models.AccessRule.access_type == access_type,
        models.AccessRule.deleted == models.NOT_DELETED,
    )
    return list(session.scalars(query))


def add(
    session: orm.Session,
    rule: models.AccessRule,
    instance_ids: Iterable[str],
    metadata: Mapping[str, str],
) -> None:
    """Insert a rule, queued on the instances, with its metadata; its id is set afterwards."""
    session.add(rule)
    session.flush()
    rows.insert(
        session,
        models.AccessMapping,
        [{'share_instance_id': id, 'access_id': rule.id} for id in instance_ids],
    )
    rows.insert(
        session,
        models.AccessRuleMetadata,
        [{'access_id': rule.id, 'key': key, 'value': value} for key, value in metadata.items()],
    )


def queue_removal(session: orm.Session, access_id: str) -> None:
    """Queue a rule to be denied wherever it is not being denied already."""
    mapping = models.AccessMapping
    rows.update(
        session,
        mapping,
        mapping.access_id == access_id,
        mapping.state != 'denying',
        state='queued_to_deny',
    )
