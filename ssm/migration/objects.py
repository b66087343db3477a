# SPDX-License-Identifier: Apache-2.0

"""Rows as drivers see them: plain objects without a database behind them.

Each function is a fixed number of statements, whatever the number of shares.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from sqlalchemy import orm

from ssm.db import models
from ssm.drivers import base

_ALLOCATION_COLUMNS = (
    'id',
    'label',
    'ip_address',
    'ip_version',
    'cidr',
    'gateway',
    'mtu',
    'network_type',
    'segmentation_id',
    'mac_address',
    'share_network_subnet_id',
)
_SUBNET_COLUMNS = (
    'id',
    'share_network_id',
    'availability_zone_id',
    'neutron_net_id',
    'neutron_subnet_id',
    'network_type',
    'cidr',
    'segmentation_id',
    'gateway',
    'mtu',
    'ip_version',
)


def _columns(row: models.Base, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def subnet(row: models.ShareNetworkSubnet) -> dict[str, Any]:
    """A subnet's own columns."""
    return _columns(row, _SUBNET_COLUMNS)


def share_server(row: models.ShareServer) -> base.ShareServer:
    """A server row that was loaded with details, allocations and subnets."""
    subnets = [subnet(item) for item in row.subnets]
    return {
        'id': row.id,
        'host': row.host,
        'status': row.status,
        'identifier': row.identifier,
        'share_network_id': subnets[0]['share_network_id'] if subnets else None,
        'backend_details': {detail.key: detail.value for detail in row.backend_details},
        'network_allocations': [
            _columns(item, _ALLOCATION_COLUMNS)  # type: ignore[misc]
            for item in row.network_allocations
        ],
        'share_network_subnets': subnets,
    }


def share_servers(session: orm.Session, ids: Collection[str]) -> dict[str, base.ShareServer]:
    """Living servers by id; one statement."""
    query = (
        sa.select(models.ShareServer)
        .where(models.ShareServer.id.in_(ids), models.ShareServer.deleted == models.NOT_DELETED)
        .options(
            orm.joinedload(models.ShareServer.backend_details),
            orm.joinedload(models.ShareServer.network_allocations),
            orm.joinedload(models.ShareServer.subnets),
        )
    )
    return {row.id: share_server(row) for row in session.scalars(query).unique()}


def share(
    row: models.ShareInstance, access_rules: list[base.AccessRule] | None = None
) -> base.Share:
    """An instance row that was loaded with share, type, extra specs and export locations."""
    share_type = row.share_type
    return {
        'id': row.id,
        'share_id': row.share_id,
        'name': cfg.CONF.share_name_template % row.id,
        'project_id': row.share.project_id or '',
        'size': row.share.size,
        'share_proto': row.share.share_proto,
        'host': row.host or '',
        'status': row.status,
        'share_server_id': row.share_server_id,
        'snapshot_id': row.share.snapshot_id,
        'share_type': {
            'id': share_type.id,
            'name': share_type.name,
            'extra_specs': {spec.spec_key: spec.spec_value for spec in share_type.extra_specs},
        }
        if share_type
        else {},
        'access_rules': access_rules or [],
        'export_locations': [
            {'path': location.path, 'is_admin_only': location.is_admin_only}
            for location in row.export_locations
        ],
    }


def shares(
    session: orm.Session,
    condition: sa.ColumnElement[bool],
    *,
    export_locations: bool = False,
    rules: dict[str, list[base.AccessRule]] | None = None,
) -> list[base.Share]:
    """Living instances, oldest first; one statement, another one with export locations.

    :param condition: which ones, e.g. ``ShareInstance.share_server_id == id``
    :param rules: by instance id, as :func:`access_rules` returns them
    """
    instance = models.ShareInstance
    query = (
        sa.select(instance)
        .where(instance.deleted == models.NOT_DELETED, condition)
        .options(
            orm.joinedload(instance.share),
            orm.joinedload(instance.share_type).joinedload(models.ShareType.extra_specs),
            orm.selectinload(instance.export_locations)
            if export_locations
            else orm.noload(instance.export_locations),
        )
        .order_by(instance.created_at, instance.id)
    )
    return [share(row, (rules or {}).get(row.id)) for row in session.scalars(query).unique()]


def access_rules(
    session: orm.Session, condition: sa.ColumnElement[bool], *, cast: bool = True
) -> dict[str, list[base.AccessRule]]:
    """Rules that are to hold, by instance id; one statement.

    Rules on their way out or in error are left out.

    :param cast: an instance cast read-only has ``ro`` rules only, whatever the user wrote; False
        gives the real levels
    """
    query = (
        sa.select(
            models.AccessMapping.share_instance_id,
            models.ShareInstance.cast_rules_to_readonly,
            models.AccessRule,
        )
        .join(models.AccessRule, models.AccessRule.id == models.AccessMapping.access_id)
        .join(
            models.ShareInstance, models.ShareInstance.id == models.AccessMapping.share_instance_id
        )
        .where(
            models.AccessMapping.deleted == models.NOT_DELETED,
            models.AccessMapping.state.not_in(('queued_to_deny', 'denying', 'error')),
            models.ShareInstance.deleted == models.NOT_DELETED,
            condition,
        )
        .order_by(models.AccessRule.created_at, models.AccessRule.id)
    )
    found: dict[str, list[base.AccessRule]] = {}
    for instance_id, read_only, rule in session.execute(query):
        found.setdefault(instance_id, []).append(_access_rule(rule, cast=cast and read_only))
    return found


def _access_rule(rule: models.AccessRule, *, cast: bool) -> base.AccessRule:
    shown: base.AccessRule = {
        'access_id': rule.id,
        'access_type': rule.access_type,
        'access_to': rule.access_to,
        'access_level': 'ro' if cast else rule.access_level,
    }
    if rule.access_key:
        shown['access_key'] = rule.access_key
    return shown


def snapshots(session: orm.Session, condition: sa.ColumnElement[bool]) -> list[base.Snapshot]:
    """Living snapshot instances, oldest first; one statement.

    :param condition: which ones, over snapshot instances and share instances
    """
    query = (
        sa.select(models.SnapshotInstance, models.Snapshot)
        .join(models.Snapshot, models.Snapshot.id == models.SnapshotInstance.snapshot_id)
        .join(
            models.ShareInstance,
            models.ShareInstance.id == models.SnapshotInstance.share_instance_id,
        )
        .where(models.SnapshotInstance.deleted == models.NOT_DELETED, condition)
        .order_by(models.SnapshotInstance.created_at, models.SnapshotInstance.id)
    )
    conf = cfg.CONF
    return [
        {
            'id': instance.id,
            'snapshot_id': snapshot.id,
            'name': conf.share_snapshot_name_template % instance.id,
            'share_id': snapshot.share_id,
            'share_instance_id': instance.share_instance_id,
            'share_name': conf.share_name_template % instance.share_instance_id,
            'size': snapshot.share_size,
            'status': instance.status,
            'provider_location': instance.provider_location,
        }
        for instance, snapshot in session.execute(query)
    ]
