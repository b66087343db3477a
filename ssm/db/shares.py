# SPDX-License-Identifier: Apache-2.0

"""Queries about shares and their instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models, rows

Criterion = sa.ColumnElement[bool]

_INSTANCES = (
    orm.selectinload(models.Share.instances).joinedload(models.ShareInstance.share_type),
    orm.selectinload(models.Share.instances).joinedload(models.ShareInstance.availability_zone),
)
_LOAD = (*_INSTANCES, orm.selectinload(models.Share.share_metadata))
_EXPORT_LOCATIONS = orm.selectinload(models.Share.instances).selectinload(
    models.ShareInstance.export_locations
)


def _loaded(with_export_locations: bool) -> tuple[Any, ...]:
    return (*_LOAD, _EXPORT_LOCATIONS) if with_export_locations else _LOAD


def of_instance(*conditions: Criterion) -> Criterion:
    """That a share has a living instance which fulfils the conditions."""
    return (
        sa.exists()
        .where(
            models.ShareInstance.share_id == models.Share.id,
            models.ShareInstance.deleted == models.NOT_DELETED,
            *conditions,
        )
        .correlate(models.Share)
    )


def _has_metadata(wanted: Mapping[str, str]) -> Criterion:
    metadata = models.ShareMetadata
    return sa.and_(
        *(
            sa.exists().where(
                metadata.share_id == models.Share.id,
                metadata.deleted == models.NOT_DELETED,
                metadata.key == str(key),
                metadata.value == str(value),
            )
            for key, value in wanted.items()
        )
    )


def _has_extra_specs(wanted: Mapping[str, str]) -> Criterion:
    spec = models.ShareTypeExtraSpec
    return of_instance(
        *(
            sa.exists().where(
                spec.share_type_id == models.ShareInstance.share_type_id,
                spec.deleted == models.NOT_DELETED,
                spec.spec_key == str(key),
                spec.spec_value == str(value),
            )
            for key, value in wanted.items()
        )
    )


def _has_export_location(condition: Criterion) -> Criterion:
    location = models.ExportLocation
    return of_instance(
        sa.exists().where(
            location.share_instance_id == models.ShareInstance.id,
            location.deleted == models.NOT_DELETED,
            condition,
        )
    )


FILTERS: dict[str, Callable[[Any], Criterion]] = {
    'name': lambda value: models.Share.display_name == value,
    'name~': lambda value: models.Share.display_name.contains(value, autoescape=True),
    'description': lambda value: models.Share.display_description == value,
    'description~': lambda value: models.Share.display_description.contains(value, autoescape=True),
    'project_id': lambda value: models.Share.project_id == value,
    'snapshot_id': lambda value: models.Share.snapshot_id == value,
    'share_group_id': lambda value: models.Share.share_group_id == value,
    'is_soft_deleted': lambda value: models.Share.is_soft_deleted.is_(value),
    'status': lambda value: of_instance(models.ShareInstance.status == value),
    'host': lambda value: of_instance(models.ShareInstance.host == value),
    'share_type_id': lambda value: of_instance(models.ShareInstance.share_type_id == value),
    'share_server_id': lambda value: of_instance(models.ShareInstance.share_server_id == value),
    'share_network_id': lambda value: of_instance(models.ShareInstance.share_network_id == value),
    'metadata': _has_metadata,
    'extra_specs': _has_extra_specs,
    'export_location_id': lambda value: _has_export_location(models.ExportLocation.uuid == value),
    'export_location_path': lambda value: _has_export_location(models.ExportLocation.path == value),
}
"""Filters of the list by name (rest-api 4.6.3); each makes a criterion of its value."""


def owned_by(project_id: str | None, *, or_public: bool = False) -> Criterion:
    """That a share belongs to the project, or is public if that shall do as well."""
    mine = models.Share.project_id == project_id
    return sa.or_(mine, models.Share.is_public.is_(True)) if or_public else mine


def sort_column(key: str) -> sa.ColumnElement[Any] | None:
    """What a list is sorted by: a column of the share or of an instance, None if there is none."""
    key = {'name': 'display_name', 'description': 'display_description'}.get(key, key)
    share, instance = models.Share.__table__.c, models.ShareInstance.__table__.c
    if key in share:
        return share[key]
    if key not in instance:
        return None
    return (
        sa.select(instance[key])
        .where(instance.share_id == share.id, instance.deleted == models.NOT_DELETED)
        .order_by(instance.id)
        .limit(1)
        .correlate(models.Share.__table__)
        .scalar_subquery()
    )


def find(
    session: orm.Session,
    criteria: Iterable[Criterion],
    *,
    order_by: sa.ColumnElement[Any],
    descending: bool = True,
    limit: int | None = None,
    offset: int | None = None,
    detail: bool = True,
    with_export_locations: bool = False,
) -> list[models.Share]:
    """Living shares; three statements.

    :param detail: with instances, types, zones and metadata; without them it is one statement
    :param with_export_locations: with these too, one statement more
    """
    order = (order_by, models.Share.id)
    query = (
        sa.select(models.Share)
        .where(models.Share.deleted == models.NOT_DELETED, *criteria)
        .options(*(_loaded(with_export_locations) if detail else ()))
        .order_by(*(column.desc() if descending else column.asc() for column in order))
        .limit(limit)
        .offset(offset)
    )
    return list(session.scalars(query))


def count(session: orm.Session, criteria: Iterable[Criterion]) -> int:
    """How many living shares fulfil the criteria."""
    query = sa.select(sa.func.count(models.Share.id)).where(
        models.Share.deleted == models.NOT_DELETED, *criteria
    )
    return session.execute(query).scalar_one()


def get(
    session: orm.Session, share_id: str, *, with_export_locations: bool = False
) -> models.Share | None:
    """A living share as :func:`find` loads it; what changed in the transaction is seen."""
    query = (
        sa.select(models.Share)
        .where(models.Share.id == share_id, models.Share.deleted == models.NOT_DELETED)
        .options(*_loaded(with_export_locations))
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).one_or_none()


def get_locked(session: orm.Session, share_id: str) -> models.Share | None:
    """As :func:`get`; nobody else changes its instances until the transaction ends."""
    session.execute(
        sa.select(models.ShareInstance.id)
        .where(
            models.ShareInstance.share_id == share_id,
            models.ShareInstance.deleted == models.NOT_DELETED,
        )
        .with_for_update()
    )
    return get(session, share_id)


def hosts(
    session: orm.Session, share_ids: Iterable[str], project_id: str | None, *, whole: bool
) -> dict[str, list[str]]:
    """Hosts of the instances of shares, by share; shares that the project can't see are left out.

    :param whole: whether all shares are seen
    """
    instance = models.ShareInstance
    query = (
        sa.select(models.Share.id, instance.host)
        .outerjoin(
            instance,
            sa.and_(instance.share_id == models.Share.id, instance.deleted == models.NOT_DELETED),
        )
        .where(models.Share.id.in_(list(share_ids)), models.Share.deleted == models.NOT_DELETED)
    )
    if not whole:
        query = query.where(owned_by(project_id, or_public=True))
    found: dict[str, list[str]] = {}
    for share_id, host in session.execute(query):
        found.setdefault(share_id, []).extend([host] if host else [])
    return found


def add(
    session: orm.Session,
    share: models.Share,
    instance: models.ShareInstance,
    metadata: Mapping[str, str],
) -> None:
    """Insert a share, its instance and its metadata; the ids are set afterwards."""
    session.add(share)
    session.flush()
    instance.share_id = share.id
    session.add(instance)
    session.flush()
    rows.insert(
        session,
        models.ShareMetadata,
        [{'share_id': share.id, 'key': key, 'value': value} for key, value in metadata.items()],
    )


def remove_instances(session: orm.Session, instance_ids: Sequence[str]) -> None:
    """Delete instances with all that hangs on them, and shares and rules left without any.

    A fixed number of statements for up to 500 instances (rest-api 6.2, cascades). Snapshots are
    not looked at: whoever deletes a share has refused that before.
    """
    for ids in rows.chunks(instance_ids):
        _remove_instances(session, ids)


def _remove_instances(session: orm.Session, ids: Sequence[str]) -> None:
    """Servers before instances before rules: the one order of locks (decision 21)."""
    instance, location = models.ShareInstance, models.ExportLocation
    server, mapping = models.ShareServer, models.AccessMapping
    touched = sa.select(instance.share_id).where(instance.id.in_(ids))
    servers = sa.select(instance.share_server_id).where(instance.id.in_(ids))
    # An idle server is counted from the last deletion on it (rest-api 11, pitfall 26).
    rows.update(session, server, server.id.in_(servers), updated_at=models.now())
    rows.soft_delete(session, instance, instance.id.in_(ids), terminated_at=models.now())
    here = sa.select(location.id).where(location.share_instance_id.in_(ids))
    described = models.ExportLocationMetadata
    rows.soft_delete(session, described, described.export_location_id.in_(here))
    rows.soft_delete(session, location, location.share_instance_id.in_(ids))
    rows.soft_delete(session, mapping, mapping.share_instance_id.in_(ids))
    remove_rules(session, models.AccessRule.share_id.in_(touched))
    living = sa.exists().where(
        instance.share_id == models.Share.id, instance.deleted == models.NOT_DELETED
    )
    orphans = list(
        session.scalars(sa.select(models.Share.id).where(models.Share.id.in_(touched), ~living))
    )
    metadata = models.ShareMetadata
    rows.soft_delete(session, metadata, metadata.share_id.in_(orphans))
    rows.soft_delete(session, models.Share, models.Share.id.in_(orphans))


def remove_rules(session: orm.Session, *conditions: Criterion) -> None:
    """Delete the access rules, of those meant, that no instance has any more."""
    rule, mapping, metadata = models.AccessRule, models.AccessMapping, models.AccessRuleMetadata
    held = sa.exists().where(mapping.access_id == rule.id, mapping.deleted == models.NOT_DELETED)
    orphans = list(
        session.scalars(
            sa.select(rule.id).where(rule.deleted == models.NOT_DELETED, ~held, *conditions)
        )
    )
    rows.soft_delete(session, metadata, metadata.access_id.in_(orphans))
    rows.soft_delete(session, rule, rule.id.in_(orphans))
