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
        return _shown(resources.fetch(self.client, resources.SHARE_SERVER, parsed_args.server))


def _shown(server: output.Item) -> output.Item:
    """A share server with a row for each detail."""
    details = server.get('backend_details') or {}
    shown = output.ordered(server, _SHOWN_FIRST, hidden=('backend_details',))
    return shown | {f'details:{key}': value for key, value in sorted(details.items())}


class Delete(base.Delete):
    """Delete share servers that hold no share."""

    kind = resources.SHARE_SERVER


class Manage(base.Show):
    """Take over a share server that exists on the storage of a back end."""

    arguments = (
        base.arg('host', metavar='<host@backend>', help='Back end that has it.'),
        base.arg(
            'share_network',
            metavar='<share-network>',
            help='Share network it is to belong to, by name or id.',
        ),
        base.arg('identifier', metavar='<identifier>', help='What it is called on the storage.'),
        base.arg(
            '--driver-options',
            nargs='*',
            default=[],
            type=base.pair,
            metavar='<key=value>',
            help='What the driver wants to know besides.',
        ),
        base.arg(
            '--share-network-subnet',
            metavar='<subnet>',
            help='Subnet it lies on, by id; without it, the default one of the share network.',
        ),
        base.WAIT,
    )

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        body = {
            'host': parsed_args.host,
            'share_network_id': self.find_id(resources.SHARE_NETWORK, parsed_args.share_network),
            'identifier': parsed_args.identifier,
            'driver_options': dict(parsed_args.driver_options),
        } | base.given(share_network_subnet_id=parsed_args.share_network_subnet)
        server = self.client.post('/share-servers/manage', {'share_server': body})['share_server']
        if parsed_args.wait:
            server = resources.wait_ready(self.client, resources.SHARE_SERVER, server['id'])
        return _shown(server)


class Unmanage(base.Delete):
    """Let share servers go that hold no share; they stay on the storage."""

    kind = resources.SHARE_SERVER
    verb = 'unmanage'
    arguments = (
        base.arg('--force', action='store_true', help='Also if the driver does not let it go.'),
    )

    def remove(self, resource_id: str, parsed_args: argparse.Namespace) -> None:
        path = f'{self.kind.path}/{resource_id}'
        self.client.action(path, 'unmanage', {'force': parsed_args.force})


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
