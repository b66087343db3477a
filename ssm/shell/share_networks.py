# SPDX-License-Identifier: Apache-2.0

"""Commands about share networks and their subnets (rest-api 4.2, 4.3)."""

import argparse
from typing import Any

from ssm.shell import base, output, resources

_SHOWN_FIRST = ('id', 'name', 'status', 'project_id', 'description')

_SUBNET = (
    base.arg('--neutron-net-id', metavar='<id>', help='Network of Neutron, if there is one.'),
    base.arg('--neutron-subnet-id', metavar='<id>', help='Subnet of Neutron, if there is one.'),
    base.arg(
        '--availability-zone',
        metavar='<name>',
        help='Zone of the subnet; without it the subnet is the default one, for all zones.',
    ),
)

_NETWORK = base.arg('network', metavar='<share-network>', help='Share network, by name or id.')


def _subnet(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """Both Neutron keys always: the API refuses one without the other (rest-api 4.2.3)."""
    return {
        'neutron_net_id': parsed_args.neutron_net_id,
        'neutron_subnet_id': parsed_args.neutron_subnet_id,
    } | base.given(availability_zone=parsed_args.availability_zone)


class Create(base.Show):
    """Create a share network with one subnet."""

    arguments = (
        base.arg('--name', metavar='<name>', help='Name of the share network.'),
        base.arg('--description', metavar='<text>', help='Description of the share network.'),
        *_SUBNET,
    )

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        body = _subnet(parsed_args) | base.given(
            name=parsed_args.name, description=parsed_args.description
        )
        network = self.client.post('/share-networks', {'share_network': body})['share_network']
        return output.ordered(network, _SHOWN_FIRST)


class List(base.List):
    """List share networks."""

    path = '/share-networks/detail'
    key = 'share_networks'
    columns = (
        ('Id', 'id'),
        ('Name', 'name'),
        ('Status', 'status'),
        ('Project Id', 'project_id'),
    )
    filters = (
        base.Filter('--name', 'name', 'Only those of this name.'),
        base.Filter('--project-id', 'project_id', 'Only those of this project.'),
    )
    arguments = (base.ALL_PROJECTS,)

    def query(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        return super().query(parsed_args) | {'all_tenants': parsed_args.all_tenants}


class Show(base.Show):
    """Show a share network and its subnets."""

    arguments = (_NETWORK,)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        network = resources.fetch(self.client, resources.SHARE_NETWORK, parsed_args.network)
        return output.ordered(network, _SHOWN_FIRST)


class Delete(base.Delete):
    """Delete share networks; their unused share servers go with them."""

    kind = resources.SHARE_NETWORK


class CreateSubnet(base.Show):
    """Add a subnet to a share network."""

    arguments = (_NETWORK, *_SUBNET)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        network_id = self.find_id(resources.SHARE_NETWORK, parsed_args.network)
        # The key of the request has hyphens, that of the answer underscores (rest-api 4.3.1).
        return self.client.post(
            f'/share-networks/{network_id}/subnets', {'share-network-subnet': _subnet(parsed_args)}
        )['share_network_subnet']


class DeleteSubnet(base.Command):
    """Remove a subnet from a share network."""

    arguments = (
        _NETWORK,
        base.arg('subnet', metavar='<subnet>', help='Id of the subnet.'),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        network_id = self.find_id(resources.SHARE_NETWORK, parsed_args.network)
        self.client.delete(f'/share-networks/{network_id}/subnets/{parsed_args.subnet}')
