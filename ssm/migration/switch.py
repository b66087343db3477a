# SPDX-License-Identifier: Apache-2.0

"""Sets of rows a migration changes beside its own: access rules, and the move at its end.

Statements over sets: their number does not depend on the number of shares (contract 4.9).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import engine, models, rows
from ssm.db.export_locations_store import replace_export_locations
from ssm.drivers import base
from ssm.migration import journal, networks, objects
from ssm.migration.capabilities import MOVES, Mode
from ssm.migration.states import Step

if TYPE_CHECKING:
    from ssm.migration.run import Objects


def _instances(server_id: str) -> sa.Select[Any]:
    return sa.select(models.ShareInstance.id).where(
        models.ShareInstance.share_server_id == server_id,
        models.ShareInstance.deleted == models.NOT_DELETED,
    )


def queue_rules(session: orm.Session, server_id: str, *, read_only: bool) -> None:
    """Queue all rules of a server's shares to be applied, read-only or at their own level."""
    has_rules = sa.exists().where(
        models.AccessMapping.share_instance_id == models.ShareInstance.id,
        models.AccessMapping.deleted == models.NOT_DELETED,
    )
    rows.update(
        session,
        models.ShareInstance,
        models.ShareInstance.share_server_id == server_id,
        cast_rules_to_readonly=read_only,
        access_rules_status=sa.case(
            (has_rules, 'syncing'), else_=models.ShareInstance.access_rules_status
        ),
    )
    rows.update(
        session,
        models.AccessMapping,
        models.AccessMapping.share_instance_id.in_(_instances(server_id)),
        models.AccessMapping.state.in_(('active', 'applying', 'error')),
        state='queued_to_apply',
    )


@engine.reader
def rules_pending(session: orm.Session, server_id: str) -> tuple[int, int]:
    """How many shares of a server wait for their rules, and for how many applying failed."""
    query = (
        sa.select(models.ShareInstance.access_rules_status, sa.func.count())
        .where(
            models.ShareInstance.share_server_id == server_id,
            models.ShareInstance.deleted == models.NOT_DELETED,
        )
        .group_by(models.ShareInstance.access_rules_status)
    )
    counts = {status: count for status, count in session.execute(query)}
    return counts.get('syncing', 0), counts.get('error', 0)


@engine.reader
def real_rules(session: orm.Session, server_id: str) -> dict[str, list[base.AccessRule]]:
    """Rules by instance id at the level the user wrote, for a destination about to open."""
    return objects.access_rules(
        session, models.ShareInstance.share_server_id == server_id, cast=False
    )


def replace_details(session: orm.Session, server_id: str, details: Mapping[str, Any]) -> None:
    """Set back end details of a server, leaving those of other keys."""
    rows.soft_delete(
        session,
        models.BackendDetail,
        models.BackendDetail.share_server_id == server_id,
        models.BackendDetail.key.in_(list(details)),
    )
    rows.insert(
        session,
        models.BackendDetail,
        [
            {'share_server_id': server_id, 'key': key, 'value': str(value)}
            for key, value in details.items()
        ],
    )


def move_rows(session: orm.Session, row: models.Migration, known: Objects) -> None:
    """Re-point everything from source to destination, by the driver's stored answer."""
    completion = cast('base.Completion', journal.result(row.journal, Step.OPEN))
    share_updates = completion.get('share_updates') or {}
    snapshot_updates = completion.get('snapshot_updates') or {}
    _move_instances(session, row, share_updates, len(known.shares))
    replace_export_locations(
        session,
        {
            instance_id: update['export_locations']
            for instance_id, update in share_updates.items()
            if update.get('export_locations')
        },
    )
    _move_snapshots(session, snapshot_updates)
    if row.mode in MOVES:
        _move_server(session, row, known, completion)
    elif row.mode == Mode.SAME_ADDRESS:
        assert known.destination is not None
        _move_allocations(session, known.source, known.destination)


_UNSETTLED = (
    'queued_to_apply',
    'applying',
    'queued_to_update',
    'updating',
    'queued_to_deny',
    'denying',
)
"""States of a rule that somebody still has to do something about."""


def _has_rule(*states: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        models.AccessMapping.share_instance_id == models.ShareInstance.id,
        models.AccessMapping.deleted == models.NOT_DELETED,
        models.AccessMapping.state.in_(states),
    )


def _move_instances(
    session: orm.Session,
    row: models.Migration,
    updates: Mapping[str, base.ShareUpdate],
    count: int,
) -> None:
    """One statement; instances the driver said nothing of move without pool.

    The destination opened under the real rules. Those that were on their way to be applied,
    or to be removed, are left to it.

    :param count: of all instances
    """
    pools: dict[str, list[str]] = {}
    for instance_id, update in updates.items():
        if update.get('pool_name'):
            pools.setdefault(update['pool_name'], []).append(instance_id)
    host: Any = row.destination_host
    if len(pools) == 1 and count == len(next(iter(pools.values()))):
        host = f'{row.destination_host}#{next(iter(pools))}'
    elif pools:
        host = sa.case(
            *(
                (models.ShareInstance.id.in_(ids), f'{row.destination_host}#{pool}')
                for pool, ids in pools.items()
            ),
            else_=row.destination_host,
        )
    rows.update(
        session,
        models.ShareInstance,
        models.ShareInstance.share_server_id == row.source_share_server_id,
        host=host,
        share_server_id=row.destination_share_server_id,
        share_network_id=row.share_network_id,
        availability_zone_id=row.availability_zone_id,
        cast_rules_to_readonly=False,
        access_rules_status=sa.case(
            (_has_rule('error'), 'error'), (_has_rule(*_UNSETTLED), 'syncing'), else_='active'
        ),
    )


def _move_snapshots(session: orm.Session, updates: Mapping[str, base.SnapshotUpdate]) -> None:
    """Locations of snapshots, by three statements for each 500."""
    located = {
        instance_id: update['provider_location']
        for instance_id, update in updates.items()
        if update.get('provider_location')
    }
    for ids in rows.chunks(located):
        chosen = sa.case(
            {instance_id: located[instance_id] for instance_id in ids},
            value=models.SnapshotInstance.id,
        )
        rows.update(
            session,
            models.SnapshotInstance,
            models.SnapshotInstance.id.in_(ids),
            provider_location=chosen,
        )
    exported = [
        instance_id for instance_id, update in updates.items() if update.get('export_locations')
    ]
    for ids in rows.chunks(exported):
        location = models.SnapshotExportLocation
        rows.soft_delete(session, location, location.share_snapshot_instance_id.in_(ids))
        rows.insert(
            session,
            location,
            [
                {
                    'share_snapshot_instance_id': instance_id,
                    'path': item['path'],
                    'is_admin_only': item['is_admin_only'],
                }
                for instance_id in ids
                for item in updates[instance_id]['export_locations']
            ],
        )


def _move_server(
    session: orm.Session, row: models.Migration, known: Objects, completion: base.Completion
) -> None:
    """The server itself moved: what belonged to the source's row is the destination's now."""
    source, destination = known.source, known.destination
    assert destination is not None
    details = completion.get('server_backend_details') or source['backend_details']
    replace_details(session, destination['id'], details)
    if row.mode == Mode.MOVED:
        _move_allocations(session, source, destination)
    else:
        networks.release(session, source['id'])
    rows.update(
        session,
        models.ShareServer,
        models.ShareServer.id == destination['id'],
        identifier=source['identifier'],
    )
    rows.soft_delete(session, models.ShareServer, models.ShareServer.id == source['id'])


def _move_allocations(
    session: orm.Session, source: base.ShareServer, destination: base.ShareServer
) -> None:
    """Re-assign the source's addresses; subnets are the same, or paired by their neutron ids."""

    def key(subnet: Mapping[str, Any]) -> tuple:
        return (subnet['neutron_net_id'], subnet['neutron_subnet_id'])

    there = {subnet['id'] for subnet in destination['share_network_subnets']}
    partners = {key(subnet): subnet['id'] for subnet in destination['share_network_subnets']}
    moved = {
        subnet['id']: subnet['id'] if subnet['id'] in there else partners[key(subnet)]
        for subnet in source['share_network_subnets']
    }
    allocation = models.NetworkAllocation
    rows.update(
        session,
        allocation,
        allocation.share_server_id == source['id'],
        share_server_id=destination['id'],
        share_network_subnet_id=sa.case(
            moved, value=allocation.share_network_subnet_id, else_=None
        ),
    )
