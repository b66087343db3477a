# SPDX-License-Identifier: Apache-2.0

"""Commands about share servers (rest-api 4.1)."""

import argparse

from ssm.shell import base, output, resources

SERVER = base.arg('server', metavar='<share-server>', help='Id of the share server.')

_SHOWN_FIRST = (
    'id',
    'status',
    'task_state',
    'host',
    'share_network_id',
    'share_network_name',
    'share_network_subnet_ids',
    'project_id',
    'source_share_server_id',
)


class List(base.List):
    """List share servers."""

    path = '/share-servers'
    key = 'share_servers'
    columns = (
        ('Id', 'id'),
        ('Host', 'host'),
        ('Status', 'status'),
        ('Share Network', 'share_network_name'),
        ('Project Id', 'project_id'),
        ('Updated_at', 'updated_at'),
        ('Share Network Subnet Id(s)', 'share_network_subnet_ids'),
        ('Task State', 'task_state'),
    )
    filters = (
        base.Filter('--host', 'host', 'Only those of this back end, host@backend.'),
        base.Filter('--status', 'status', 'Only those in this status.'),
        base.Filter(
            '--share-network',
            'share_network_id',
            'Only those on this share network, by name or id.',
            resources.SHARE_NETWORK,
        ),
        base.Filter(
            '--share-network-subnet',
            'share_network_subnet_id',
            'Only those on this subnet, by id.',
        ),
        base.Filter('--project-id', 'project_id', 'Only those of this project.'),
        base.Filter('--task-state', 'task_state', 'Only those in this task state.'),
        base.Filter(
            '--source-share-server-id',
            'source_share_server_id',
            'Only destinations of migrations of this share server.',
        ),
    )


class Show(base.Show):
    """Show a share server; each back end detail is a row details:<key>."""

    arguments = (SERVER,)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        server = resources.fetch(self.client, resources.SHARE_SERVER, parsed_args.server)
        details = server.get('backend_details') or {}
        shown = output.ordered(server, _SHOWN_FIRST, hidden=('backend_details',))
        return shown | {f'details:{key}': value for key, value in sorted(details.items())}


class Delete(base.Delete):
    """Delete share servers that hold no share."""

    kind = resources.SHARE_SERVER


class ResetState(base.Command):
    """Set the status of a share server by hand."""

    arguments = (
        SERVER,
        base.arg(
            '--state', default='active', metavar='<status>', help='New status, default active.'
        ),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.action(
            f'/share-servers/{parsed_args.server}', 'reset_status', {'status': parsed_args.state}
        )


class ResetTaskState(base.Command):
    """Set the task state of a share server by hand; without --task-state to none."""

    arguments = (
        SERVER,
        base.arg(
            '--task-state',
            '--state',
            dest='task_state',
            metavar='<task-state>',
            help='New task state, default none.',
        ),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.action(
            f'/share-servers/{parsed_args.server}',
            'reset_task_state',
            {'task_state': parsed_args.task_state},
        )
