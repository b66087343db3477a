# SPDX-License-Identifier: Apache-2.0

"""Commands about shares and their export locations (rest-api 4.6, 4.8)."""

import argparse
from typing import Any

from ssm.shell import base, output, resources

SHARE = base.arg('share', metavar='<share>', help='Share, by name or id.')

_SHOWN_FIRST = (
    'id',
    'name',
    'description',
    'status',
    'task_state',
    'size',
    'share_proto',
    'export_locations',
    'host',
    'share_server_id',
    'share_network_id',
    'availability_zone',
    'share_type',
    'share_type_name',
    'snapshot_id',
    'access_rules_status',
    'project_id',
    'created_at',
)
_HIDDEN = ('links', 'volume_type')


class Create(base.Show):
    """Create a share."""

    arguments = (
        base.arg('protocol', metavar='<protocol>', help='Protocol of the share: NFS, CIFS, …'),
        base.arg('size', type=int, metavar='<size>', help='Size in GiB.'),
        base.arg('--name', metavar='<name>', help='Name of the share.'),
        base.arg('--description', metavar='<text>', help='Description of the share.'),
        base.arg('--share-type', metavar='<share-type>', help='Share type, by name or id.'),
        base.arg(
            '--share-network', metavar='<share-network>', help='Share network, by name or id.'
        ),
        base.arg(
            '--snapshot-id', metavar='<snapshot>', help='Snapshot to start from, by name or id.'
        ),
        base.arg('--availability-zone', metavar='<name>', help='Zone the share has to be in.'),
        base.WAIT,
    )

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        body = {'share_proto': parsed_args.protocol, 'size': parsed_args.size} | base.given(
            name=parsed_args.name,
            description=parsed_args.description,
            share_type=self.find_id(resources.SHARE_TYPE, parsed_args.share_type),
            share_network_id=self.find_id(resources.SHARE_NETWORK, parsed_args.share_network),
            snapshot_id=self.find_id(resources.SNAPSHOT, parsed_args.snapshot_id),
            availability_zone=parsed_args.availability_zone,
        )
        share = self.client.post('/shares', {'share': body})['share']
        if parsed_args.wait:
            share = resources.wait_ready(self.client, resources.SHARE, share['id'])
        return output.ordered(share, _SHOWN_FIRST, _HIDDEN)


class List(base.List):
    """List shares."""

    path = '/shares/detail'
    key = 'shares'
    columns = (
        ('ID', 'id'),
        ('Name', 'name'),
        ('Size', 'size'),
        ('Share Proto', 'share_proto'),
        ('Status', 'status'),
        ('Is Public', 'is_public'),
        ('Share Type Name', 'share_type_name'),
        ('Host', 'host'),
        ('Availability Zone', 'availability_zone'),
    )
    filters = (
        base.Filter('--name', 'name', 'Only those of this name.'),
        base.Filter('--status', 'status', 'Only those in this status.'),
        base.Filter('--host', 'host', 'Only those in this pool, host@backend#pool.'),
        base.Filter('--share-server-id', 'share_server_id', 'Only those on this share server.'),
        base.Filter(
            '--share-network',
            'share_network_id',
            'Only those on this share network, by name or id.',
            resources.SHARE_NETWORK,
        ),
        base.Filter(
            '--share-type',
            'share_type_id',
            'Only those of this share type, by name or id.',
            resources.SHARE_TYPE,
        ),
        base.Filter(
            '--snapshot',
            'snapshot_id',
            'Only those made from this snapshot, by name or id.',
            resources.SNAPSHOT,
        ),
        base.Filter('--project-id', 'project_id', 'Only those of this project.'),
        base.Filter('--limit', 'limit', 'At most this many.'),
        base.Filter('--offset', 'offset', 'Leave this many out, with --limit.'),
    )
    arguments = (base.ALL_PROJECTS,)

    def query(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return super().query(parsed_args) | {'all_tenants': parsed_args.all_tenants}


class Show(base.Show):
    """Show a share with the paths of its export locations."""

    arguments = (SHARE,)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        share = resources.fetch(self.client, resources.SHARE, parsed_args.share)
        locations = self.client.get(f'/shares/{share["id"]}/export_locations', 'export_locations')
        share['export_locations'] = [location['path'] for location in locations]
        return output.ordered(share, _SHOWN_FIRST, _HIDDEN)


class Delete(base.Delete):
    """Delete shares."""

    kind = resources.SHARE


class ListExportLocations(base.List):
    """List the export locations of a share."""

    columns = (
        ('ID', 'id'),
        ('Path', 'path'),
        ('Preferred', 'preferred'),
        ('Admin Only', 'is_admin_only'),
        ('Share Instance', 'share_instance_id'),
    )
    arguments = (SHARE,)

    def items(self, parsed_args: argparse.Namespace) -> list[output.Item]:
        share_id = self.find_id(resources.SHARE, parsed_args.share)
        return self.client.get(f'/shares/{share_id}/export_locations', 'export_locations')
