# SPDX-License-Identifier: Apache-2.0

"""Queries about export locations of shares; they are replaced by ``export_locations_store``."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import models


def find(
    session: orm.Session, share_id: str, *, uuid: str | None = None, with_secondary: bool = True
) -> list[models.ExportLocation]:
    """Locations of a share with their metadata, in the driver's order; two statements.

    Instances that a share migration is making are passed over (rest-api 4.8).

    :param uuid: only the location with this id
    :param with_secondary: False leaves replicas out that are not active
    """
    instance, location = models.ShareInstance, models.ExportLocation
    query = (
        sa.select(location)
        .join(instance, instance.id == location.share_instance_id)
        .where(
            location.deleted == models.NOT_DELETED,
            instance.deleted == models.NOT_DELETED,
            instance.share_id == share_id,
            instance.status != 'migrating_to',
        )
        .options(orm.selectinload(location.location_metadata))
        .order_by(location.id)
    )
    if uuid is not None:
        query = query.where(location.uuid == uuid)
    if not with_secondary:
        query = query.where(
            sa.or_(instance.replica_state.is_(None), instance.replica_state == 'active')
        )
    return list(session.scalars(query))
