# SPDX-License-Identifier: Apache-2.0

"""Commands about share networks and subnets."""

from ssm.tests.unit.shell import base, canned, fake

PATH = f'/share-networks/{canned.NETWORK}'


class ShareNetworksTest(base.ShellTest):
    def setUp(self) -> None:
        super().setUp()
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': [canned.NETWORK_ROW]})

    def test_create_sends_both_neutron_keys(self) -> None:
        self.api.prepare('POST', '/share-networks', {'share_network': canned.NETWORK_ROW})
        self.succeeds('share-network-create')
        nothing = {'neutron_net_id': None, 'neutron_subnet_id': None}
        self.assertEqual([('POST', '/share-networks', {'share_network': nothing})], self.asked())

    def test_create_with_everything(self) -> None:
        self.api.prepare('POST', '/share-networks', {'share_network': canned.NETWORK_ROW})
        out = self.succeeds(
            'share-network-create',
            *('--name', 'tenant-net', '--description', 'of a tenant'),
            *('--neutron_net_id', 'n1', '--neutron_subnet_id', 's1'),
            *('--availability-zone', 'nova'),
        )
        self.assertEqual(
            {
                'name': 'tenant-net',
                'description': 'of a tenant',
                'neutron_net_id': 'n1',
                'neutron_subnet_id': 's1',
                'availability_zone': 'nova',
            },
            self.asked()[0][2]['share_network'],
        )
        properties, subnets = out.replace('+\n+', '+\n\n+').split('\n\n')
        self.assertIn(canned.NETWORK, properties)
        self.assertIn('10.0.0.0/24', subnets)

    def test_list(self) -> None:
        out = self.succeeds('share-network-list', '-f', 'value')
        self.assertEqual(f'{canned.NETWORK} tenant-net active {canned.PROJECT}\n', out)
        self.succeeds('share-network-list', '--all-projects', '--name', 'x')
        self.assertEqual(
            ('GET', '/share-networks/detail', {'all_tenants': '1', 'name': 'x'}), self.asked()[1]
        )

    def test_show_by_name(self) -> None:
        self.api.prepare('GET', PATH, {'share_network': canned.NETWORK_ROW})
        out = self.succeeds('share-network-show', 'tenant-net', '-f', 'value', '-c', 'id')
        self.assertEqual(f'{canned.NETWORK}\n', out)

    def test_name_that_is_not_unique(self) -> None:
        twice = [canned.NETWORK_ROW, canned.NETWORK_ROW | {'id': 'another'}]
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': twice})
        result = self.ssm('share-network-show', 'tenant-net')
        self.assertEqual(1, result.code)
        self.assertEqual(
            f'The name tenant-net is not unique, name one by id: {canned.NETWORK}, another.\n',
            result.err,
        )

    def test_delete_by_name(self) -> None:
        self.api.prepare('DELETE', PATH, fake.Answer(status=202))
        self.succeeds('share-network-delete', 'tenant-net')
        self.assertEqual(('DELETE', PATH, None), self.asked()[-1])

    def test_subnet_create(self) -> None:
        subnet = canned.NETWORK_ROW['share_network_subnets'][0]
        self.api.prepare('POST', f'{PATH}/subnets', {'share_network_subnet': subnet})
        out = self.succeeds(
            'share-network-subnet-create', 'tenant-net', '--availability-zone', 'nova'
        )
        self.assertIn(canned.SUBNET, out)
        body = {'neutron_net_id': None, 'neutron_subnet_id': None, 'availability_zone': 'nova'}
        self.assertEqual(
            ('POST', f'{PATH}/subnets', {'share-network-subnet': body}), self.asked()[-1]
        )

    def test_subnet_delete(self) -> None:
        path = f'{PATH}/subnets/{canned.SUBNET}'
        self.api.prepare('DELETE', path, fake.Answer(status=202))
        self.succeeds('share-network-subnet-delete', canned.NETWORK, canned.SUBNET)
        self.assertEqual([('DELETE', path, None)], self.asked())
