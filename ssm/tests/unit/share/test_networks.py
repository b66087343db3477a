# SPDX-License-Identifier: Apache-2.0

"""Addresses of share servers."""

from ssm import network
from ssm.conf import CONF
from ssm.db import engine, models
from ssm.migration import networks, objects
from ssm.network.base import NoFreeAddress
from ssm.tests.unit.share import base

_ADMIN = """
[admin]
network_api_class = standalone
standalone_network_plugin_gateway = 10.0.0.1
standalone_network_plugin_mask = 24
standalone_network_plugin_allowed_ip_ranges = 10.0.0.2-10.0.0.99
"""


class NetworksTest(base.TestCase):
    def setUp(self):
        super().setUp()
        self.configure(_ADMIN)
        self.plugin = network.load(CONF, 'network')
        self.admin_plugin = network.load(CONF, 'admin')

    def server(self, *subnet_ids):
        server_id = base.insert(models.ShareServer(host='node1@alpha', status='creating'))
        for subnet_id in subnet_ids:
            base.insert(
                models.SubnetMapping(share_server_id=server_id, share_network_subnet_id=subnet_id)
            )
        return server_id

    def subnets(self, count):
        self.network(*[None] * count)
        return [row.id for row in base.living(models.ShareNetworkSubnet)][-count:]

    def allocate(self, server_id, subnet_ids, *further):
        @engine.writer
        def run(session):
            subnets = [session.get_one(models.ShareNetworkSubnet, id) for id in subnet_ids]
            statements.take()
            found = networks.allocate(session, server_id, subnets, self.plugin, *further)
            return found, statements.take()

        statements = self.useFixture(base.Statements())
        return run()

    def test_every_address_is_given_once(self):
        subnet_ids = self.subnets(2)
        for _number in range(2):
            server_id = self.server(*subnet_ids)
            self.allocate(server_id, subnet_ids, 2, self.admin_plugin, 1)
        found = base.living(models.NetworkAllocation)
        self.assertEqual(
            [f'10.0.0.{n}' for n in range(2, 12)],
            sorted((row.ip_address for row in found), key=lambda text: int(text.split('.')[3])),
        )
        admin = [row for row in found if row.label == 'admin']
        self.assertEqual([None, None], [row.share_network_subnet_id for row in admin])

    def test_few_statements(self):
        subnet_ids = self.subnets(2)
        _found, statements = self.allocate(self.server(), subnet_ids, 5)
        self.assertEqual(4, len(statements))  # the subnets are described, too
        server_id = self.server()
        found, statements = self.allocate(server_id, subnet_ids, 5, self.admin_plugin, 3)
        self.assertEqual(
            ['UPDATE locks', 'SELECT network_allocations', 'INSERT INTO'],
            [first_words(statement) for statement in statements],
        )
        self.assertEqual(13, len(found))
        self.assertEqual(
            {row.id for row in found},
            {
                row.id
                for row in base.living(
                    models.NetworkAllocation, models.NetworkAllocation.share_server_id == server_id
                )
            },
        )

    def test_released_addresses_are_given_again(self):
        subnet_ids = self.subnets(1)
        first, second = self.server(), self.server()
        self.allocate(first, subnet_ids, 2)
        self.allocate(second, subnet_ids, 2)
        engine.writer(networks.release)(first)
        found, _statements = self.allocate(self.server(), subnet_ids, 3)
        self.assertEqual(['10.0.0.2', '10.0.0.3', '10.0.0.6'], [row.ip_address for row in found])

    def test_too_few_addresses_leave_nothing(self):
        subnet_ids = self.subnets(1)
        self.assertRaises(NoFreeAddress, self.allocate, self.server(), subnet_ids, 254)
        self.assertEqual([], base.living(models.NetworkAllocation))
        (subnet,) = base.living(models.ShareNetworkSubnet)
        self.assertIsNone(subnet.cidr)

    def test_what_a_driver_is_told(self):
        subnet_ids = self.subnets(2)
        server_id = self.server(*subnet_ids)
        base.insert(models.BackendDetail(share_server_id=server_id, key='k', value='v'))
        self.allocate(server_id, subnet_ids, 2, self.admin_plugin, 1)
        server = engine.reader(objects.share_servers)([server_id])[server_id]
        told = networks.network_info(server)
        self.assertEqual(set(subnet_ids), {info['share_network_subnet_id'] for info in told})
        for info in told:
            self.assertEqual(server_id, info['server_id'])
            self.assertEqual(('flat', '10.0.0.0/24'), (info['network_type'], info['cidr']))
            self.assertEqual({'k': 'v'}, info['backend_details'])
            self.assertEqual(2, len(info['network_allocations']))
            for allocation in info['network_allocations']:
                self.assertEqual(
                    info['share_network_subnet_id'], allocation['share_network_subnet_id']
                )
            self.assertEqual(1, len(info['admin_network_allocations']))


def first_words(statement):
    """What a statement does, and to which table."""
    if statement.startswith('SELECT'):
        return 'SELECT ' + statement.split('FROM ')[1].split()[0]
    return ' '.join(statement.split()[:2])
