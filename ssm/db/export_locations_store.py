# SPDX-License-Identifier: Apache-2.0

"""Export locations of many share instances, replaced as a set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import sqlalchemy as sa
from oslo_utils import uuidutils
from sqlalchemy import orm

from ssm.db import models, rows


class Location(TypedDict):
    """A location as drivers name it."""

    path: str
    is_admin_only: bool
    metadata: NotRequired[dict[str, str]]


@dataclasses.dataclass
class _Changes:
    """What leads from the rows there are to the locations wanted; ids are of locations."""

    gone: list[int] = dataclasses.field(default_factory=list)
    flipped: list[int] = dataclasses.field(default_factory=list)
    described_anew: list[int] = dataclasses.field(default_factory=list)
    new: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    metadata: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def replace_export_locations(
    session: orm.Session, wanted: Mapping[str, Sequence[Location]]
) -> None:
    """Make the locations of instances exactly these; an equal path keeps its row and uuid.

    At most five statements for each 500 instances, six if a kept path changes its
    ``is_admin_only``.

    :param wanted: locations by share instance id; without ``metadata`` that of a kept path stays
    """
    for ids in rows.chunks(wanted):
        changes = _compare(_present(session, ids), {id: wanted[id] for id in ids})
        _apply(session, changes)


def _present(
    session: orm.Session, instance_ids: Sequence[str]
) -> dict[tuple[str, str], models.ExportLocation]:
    """Living locations of the instances, with their metadata, by instance and path."""
    query = (
        sa.select(models.ExportLocation)
        .where(
            models.ExportLocation.share_instance_id.in_(instance_ids),
            models.ExportLocation.deleted == models.NOT_DELETED,
        )
        .options(orm.joinedload(models.ExportLocation.location_metadata))
        .execution_options(populate_existing=True)
    )
    found = session.scalars(query).unique()
    return {(location.share_instance_id, location.path): location for location in found}


def _compare(
    present: dict[tuple[str, str], models.ExportLocation],
    wanted: Mapping[str, Sequence[Location]],
) -> _Changes:
    changes = _Changes()
    vanished = dict(present)
    for instance_id, locations in wanted.items():
        for location in {item['path']: item for item in locations}.values():
            row = vanished.pop((instance_id, location['path']), None)
            if row:
                _compare_kept(row, location, changes)
            else:
                _add(instance_id, location, changes)
    changes.gone = [row.id for row in vanished.values()]
    return changes


def _compare_kept(row: models.ExportLocation, location: Location, changes: _Changes) -> None:
    if row.is_admin_only != location['is_admin_only']:
        changes.flipped.append(row.id)
    metadata = location.get('metadata')
    if metadata is not None and metadata != {m.key: m.value for m in row.location_metadata}:
        if row.location_metadata:
            changes.described_anew.append(row.id)
        changes.metadata += _metadata_rows(row.id, metadata)


def _add(instance_id: str, location: Location, changes: _Changes) -> None:
    uuid = uuidutils.generate_uuid()
    changes.new.append(
        {
            'uuid': uuid,
            'share_instance_id': instance_id,
            'path': location['path'],
            'is_admin_only': location['is_admin_only'],
        }
    )
    # The id is the database's own: metadata find it by the uuid, in the same statement.
    own_id = (
        sa.select(models.ExportLocation.id)
        .where(models.ExportLocation.uuid == uuid)
        .scalar_subquery()
    )
    changes.metadata += _metadata_rows(own_id, location.get('metadata') or {})


def _metadata_rows(location_id: Any, metadata: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {'export_location_id': location_id, 'key': key, 'value': value}
        for key, value in metadata.items()
    ]


def _apply(session: orm.Session, changes: _Changes) -> None:
    location, metadata = models.ExportLocation, models.ExportLocationMetadata
    stale = changes.gone + changes.described_anew
    if stale:
        rows.soft_delete(session, metadata, metadata.export_location_id.in_(stale))
    if changes.gone:
        rows.soft_delete(session, location, location.id.in_(changes.gone))
    if changes.flipped:
        rows.update(
            session,
            location,
            location.id.in_(changes.flipped),
            is_admin_only=sa.not_(location.is_admin_only),
        )
    rows.insert(session, location, changes.new)
    rows.insert(session, metadata, changes.metadata)
