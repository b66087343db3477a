# SPDX-License-Identifier: Apache-2.0

"""Commands about snapshots (rest-api 4.10)."""

import argparse
from typing import Any

from ssm.shell import base, output, resources
from ssm.shell.shares import SHARE

_SHOWN_FIRST = ('id', 'name', 'description', 'status', 'share_id', 'share_size', 'size')
_HIDDEN = ('links',)


class Create(base.Show):
    """Create a snapshot of a share."""

    arguments = (
        SHARE,
        base.arg('--name', metavar='<name>', help='Name of the snapshot.'),
        base.arg('--description', metavar='<text>', help='Description of the snapshot.'),
        base.WAIT,
    )

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        share_id = self.find_id(resources.SHARE, parsed_args.share)
        body = {'share_id': share_id} | base.given(
            name=parsed_args.name, description=parsed_args.description
        )
        snapshot = self.client.post('/snapshots', {'snapshot': body})['snapshot']
        if parsed_args.wait:
            snapshot = resources.wait_ready(self.client, resources.SNAPSHOT, snapshot['id'])
        return output.ordered(snapshot, _SHOWN_FIRST, _HIDDEN)


class List(base.List):
    """List snapshots."""

    path = '/snapshots/detail'
    key = 'snapshots'
    columns = (
        ('ID', 'id'),
        ('Share ID', 'share_id'),
        ('Status', 'status'),
        ('Name', 'name'),
        ('Share Size', 'share_size'),
    )
    filters = (
        base.Filter('--name', 'name', 'Only those of this name.'),
        base.Filter('--status', 'status', 'Only those in this status.'),
        base.Filter(
            '--share-id',
            'share_id',
            'Only those of this share, by name or id.',
            resources.SHARE,
        ),
        base.Filter('--limit', 'limit', 'At most this many.'),
        base.Filter('--offset', 'offset', 'Leave this many out, with --limit.'),
    )
    arguments = (base.ALL_PROJECTS,)

    def query(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return super().query(parsed_args) | {'all_tenants': parsed_args.all_tenants}


class Show(base.Show):
    """Show a snapshot."""

    arguments = (base.arg('snapshot', metavar='<snapshot>', help='Snapshot, by name or id.'),)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        snapshot = resources.fetch(self.client, resources.SNAPSHOT, parsed_args.snapshot)
        return output.ordered(snapshot, _SHOWN_FIRST, _HIDDEN)


class Delete(base.Delete):
    """Delete snapshots."""

    kind = resources.SNAPSHOT
