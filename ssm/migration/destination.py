# SPDX-License-Identifier: Apache-2.0

"""The steps that make the share server a migration leads to, in the rows and on the storage."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from oslo_utils import uuidutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.findings import Finding
from ssm.db import models, rows
from ssm.drivers import base
from ssm.migration import capabilities, networks, objects, subnets
from ssm.migration.capabilities import Mode
from ssm.migration.outcome import Done, Outcome
from ssm.migration.run import Run


def make_server(run: Run) -> Outcome:
    """Insert the destination with pointer, subnets and status at once (decision 9)."""
    row = run.row
    known = run.objects
    server_id = uuidutils.generate_uuid()

    def write(session: orm.Session) -> None:
        chosen = subnets.for_zone(
            session.scalars(
                sa.select(models.ShareNetworkSubnet).where(
                    models.ShareNetworkSubnet.share_network_id == row.share_network_id,
                    models.ShareNetworkSubnet.deleted == models.NOT_DELETED,
                )
            ),
            row.availability_zone_id,
        )
        if not chosen:
            raise exceptions.DriverRefused(findings=[no_subnet(row.share_network_id)])
        server = _destination(run, server_id)
        session.add(server)
        session.flush()
        rows.insert(
            session,
            models.SubnetMapping,
            [
                {'share_server_id': server_id, 'share_network_subnet_id': subnet.id}
                for subnet in chosen
            ],
        )
        allocations = []
        if row.mode not in capabilities.KEEPS_ADDRESSES:
            allocations = networks.allocate(
                session,
                server_id,
                chosen,
                run.tools.network,
                run.tools.driver.get_network_allocations_number(),
                run.tools.admin_network,
                run.tools.driver.get_admin_network_allocations_number(),
            )
        for name, value in (
            ('subnets', chosen),
            ('network_allocations', allocations),
            ('backend_details', []),
        ):
            orm.attributes.set_committed_value(server, name, value)
        known.destination = objects.share_server(server)

    return Done(write=write, values={'destination_share_server_id': server_id})


def no_subnet(network_id: str) -> Finding:
    """The network has nothing for the destination's zone (S51)."""
    return Finding(
        'no_subnet_in_zone',
        f'Share network {network_id} has neither a subnet in the availability zone of the '
        'destination nor a default subnet.',
        'Add a subnet for that zone, or give another network by new_share_network_id.',
        object_type='share_network',
        object_id=network_id,
    )


def _destination(run: Run, server_id: str) -> models.ShareServer:
    driver = run.tools.driver
    return models.ShareServer(
        id=server_id,
        host=run.row.destination_host,
        status='server_migrating_to',
        task_state=run.row.state,
        source_share_server_id=run.row.source_share_server_id,
        identifier=None if run.row.mode in capabilities.MOVES else server_id,
        is_auto_deletable=True,
        security_service_update_support=driver.security_service_update_support,
        network_allocation_update_support=driver.network_allocation_update_support,
        share_replicas_migration_support=driver.share_replicas_migration_support,
    )


def setup_server(run: Run) -> Outcome:
    """Make the destination on the storage (F5)."""
    destination = run.destination
    details = run.call(
        'setup_server',
        network(run),
        {
            'migration_destination': True,
            'request_host': run.row.destination_host,
            'source_share_server': run.objects.source,
            'keeps_addresses': run.row.mode == Mode.SAME_ADDRESS,
        },
    )
    if not isinstance(details, dict):
        raise exceptions.DriverRefused('The driver gave no details of the server it made.')
    details = dict(details)
    identifier = details.pop('identifier', None) or destination['id']

    def write(session: orm.Session) -> None:
        store_details(session, destination['id'], details)
        if identifier != destination['identifier']:
            rows.update(
                session,
                models.ShareServer,
                models.ShareServer.id == destination['id'],
                identifier=identifier,
            )

    destination['backend_details'] |= details
    destination['identifier'] = identifier
    return Done(write=write)


def store_details(session: orm.Session, server_id: str, details: dict[str, Any]) -> None:
    """Keep what a driver said of a new server."""
    rows.insert(
        session,
        models.BackendDetail,
        [
            {'share_server_id': server_id, 'key': key, 'value': str(value)}
            for key, value in details.items()
        ],
    )


def network(run: Run) -> list[base.NetworkInfo]:
    """The network of the destination, with the addresses that will be its own."""
    source, destination = run.objects.source, run.destination
    if run.row.mode == Mode.MOVED:
        destination = source
    elif run.row.mode == Mode.SAME_ADDRESS:
        destination = {**destination, 'network_allocations': source['network_allocations']}
    return networks.network_info(destination)
