# SPDX-License-Identifier: Apache-2.0

"""Where the server gets to: subnets by zone, a new network, its addresses (contract 5.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ssm.db import models
from ssm.tests.functional.migration import BODY, ApiCase
from ssm.tests.unit.migration.scenario import ADDRESSES, DESTINATION

SAME = {'neutron_net_id': 'net', 'neutron_subnet_id': 'sub'}


class DestinationCase(ApiCase):
    """The destination lies in ``zone-b``; the source's network has one default subnet."""

    def fresh(self, shares: int = 2) -> str:
        server_id = super().fresh(shares)
        there = models.Service.host == DESTINATION
        self.add(models.AvailabilityZone(id='zone-b', name='b'))
        self.execute(
            sa.update(models.Service).where(there).values(availability_zone_id='zone-b'),
            sa.update(models.ShareNetworkSubnet).values(**SAME),
        )
        return server_id

    def make_network(self, network_id: str, zones: Sequence[str | None], **values: Any) -> None:
        """A network with a subnet for each zone, named by network and number."""
        self.add(
            models.ShareNetwork(id=network_id, project_id='p1'),
            *(
                models.ShareNetworkSubnet(
                    id=f'{network_id}-{number}',
                    share_network_id=network_id,
                    availability_zone_id=zone,
                    **values,
                )
                for number, zone in enumerate(zones)
            ),
        )

    def offer(self, *, moves: bool) -> None:
        """The driver moves servers in place, or makes new ones."""
        self.stanza('beta', dummy_driver_capabilities={'nondisruptive': moves})

    def destination_id(self) -> str:
        return str(self.migration().destination_share_server_id)

    def complete(self) -> None:
        self.act(200, 'migration_complete')
        self.carry()
        self.assertEqual('migration_success', self.migration().state)

    def living(self, column: Any, *conditions: Any) -> list[Any]:
        not_deleted = column.class_.deleted == models.NOT_DELETED
        return sorted(self.query(sa.select(column).where(not_deleted, *conditions)))

    def addresses_of(self, server_id: str) -> list[str]:
        allocation = models.NetworkAllocation
        return self.living(allocation.ip_address, allocation.share_server_id == server_id)


class SubnetTest(DestinationCase):
    """The subnets are chosen by the destination's zone; nobody else can choose."""

    def chosen(self, zones: Sequence[str | None]) -> list[str]:
        """The destination's subnets, on a new network with subnets for these zones."""
        self.fresh()
        self.make_network('n', zones)
        self.begin(new_share_network_id='n')
        return self.show(self.destination_id())['share_network_subnet_ids']

    def test_a_subnet_in_the_zone(self) -> None:
        self.assertEqual(['n-1'], self.chosen([None, 'zone-b']))

    def test_all_of_the_zone(self) -> None:
        self.assertEqual(['n-0', 'n-2'], self.chosen(['zone-b', None, 'zone-b']))

    def test_only_a_default_subnet(self) -> None:
        self.assertEqual(['n-0'], self.chosen([None]))

    def test_the_network_of_the_source_too(self) -> None:
        self.fresh()
        (network,) = self.query(sa.select(models.ShareNetwork.id))
        self.add(
            models.ShareNetworkSubnet(
                id='there', share_network_id=network, availability_zone_id='zone-b'
            )
        )
        self.begin()
        self.assertEqual(['there'], self.show(self.destination_id())['share_network_subnet_ids'])

    def test_neither(self) -> None:
        self.fresh()
        self.add(models.AvailabilityZone(id='zone-c', name='c'))
        self.make_network('n', ['zone-c'])
        body = BODY | {'new_share_network_id': 'n'}
        for action in ('migration_check', 'migration_start'):
            (error,) = self.act(409, action, body).values()
            self.assertEqual(['no_subnet_in_zone'], [each['code'] for each in error['reasons']])
        self.assertEqual('active', self.show()['status'])

    def test_gone_since_the_start(self) -> None:
        """Then it fails before there is a destination, and the source serves on."""
        self.fresh()
        self.make_network('n', [None])
        self.act(202, 'migration_start', BODY | {'new_share_network_id': 'n'})
        subnet = models.ShareNetworkSubnet
        self.execute(sa.update(subnet).where(subnet.id == 'n-0').values(deleted='n-0'))
        self.carry()
        self.assertEqual(['no_subnet_in_zone'], [each['code'] for each in self.migration().reasons])
        statuses = self.statuses()
        self.assertEqual(
            ('active/migration_error', None), (statuses['source'], statuses['destination'])
        )
        self.assertEqual({'available'}, statuses['shares'])

    def test_shares_lie_in_the_zone_afterwards(self) -> None:
        self.fresh()
        self.begin()
        self.assertEqual({'nova'}, {share['availability_zone'] for share in self.shares()})
        self.complete()
        self.assertEqual({'b'}, {share['availability_zone'] for share in self.shares()})


class NetworkTest(DestinationCase):
    def test_the_new_server_is_set_up_on_the_new_network(self) -> None:
        self.fresh()
        self.make_network('n', [None])
        before = {share['share_network_id'] for share in self.shares()}
        self.begin(new_share_network_id='n')
        self.assertEqual('n', self.show(self.destination_id())['share_network_id'])
        self.assertEqual(before, {share['share_network_id'] for share in self.shares()})
        self.complete()
        shares = self.shares()
        self.assertEqual({'n'}, {share['share_network_id'] for share in shares})
        self.assertEqual({self.destination_id()}, {share['share_server_id'] for share in shares})


class AddressTest(DestinationCase):
    """Whose the addresses are, by the way the server gets there."""

    def test_new_server(self) -> None:
        """Its own from the start; the source keeps its own until it is torn down."""
        self.offer(moves=False)
        self.fresh()
        self.begin()
        new = self.addresses_of(self.destination_id())
        self.assertEqual(len(ADDRESSES), len(new))
        self.assertEqual(set(), set(new) & set(ADDRESSES))
        self.complete()
        self.assertEqual(new, self.addresses_of(self.destination_id()))
        self.assertEqual(ADDRESSES, self.addresses_of(self.source_id))
        self.assertEqual('inactive', self.show()['status'])
        self.assert_exported_by(new)
        self.assertEqual(self.destination_id(), self.server(self.destination_id()).identifier)

    def test_moved(self) -> None:
        """The source's, handed over with the server at the end."""
        self.offer(moves=True)
        self.fresh()
        self.begin(nondisruptive='True')
        self.assertEqual([], self.addresses_of(self.destination_id()))
        self.assertIsNone(self.show(self.destination_id())['identifier'])
        self.complete()
        self.assertEqual(ADDRESSES, self.addresses_of(self.destination_id()))
        self.assert_source_is_gone()
        self.assert_exported_by(ADDRESSES)

    def test_moved_to_another_record_of_the_same_network(self) -> None:
        """The addresses lie on the new record's subnet afterwards."""
        self.offer(moves=True)
        self.fresh()
        self.make_network('n', [None], **SAME)
        self.begin(nondisruptive='True', new_share_network_id='n')
        self.complete()
        self.assertEqual(ADDRESSES, self.addresses_of(self.destination_id()))
        subnets = self.living(models.NetworkAllocation.share_network_subnet_id)
        self.assertEqual({'n-0'}, set(subnets))
        self.assert_source_is_gone()

    def test_moved_to_a_new_network(self) -> None:
        """New ones from the start; the source's are free at the end."""
        self.offer(moves=True)
        self.fresh()
        self.make_network('n', [None], neutron_net_id='other')
        self.begin(new_share_network_id='n')
        new = self.addresses_of(self.destination_id())
        self.assertEqual(len(ADDRESSES), len(new))
        self.assertEqual(ADDRESSES, self.addresses_of(self.source_id))
        self.complete()
        self.assertEqual(new, self.living(models.NetworkAllocation.ip_address))
        self.assertEqual(new, self.addresses_of(self.destination_id()))
        self.assert_source_is_gone()
        self.assert_exported_by(new)

    def assert_source_is_gone(self) -> None:
        """Its row only: the server moved, and its name with it."""
        self.ask(404, 'GET', f'/share-servers/{self.source_id}')
        self.assertEqual('s', self.show(self.destination_id())['identifier'])
        answer = self.act(200, 'migration_get_progress')
        self.assertEqual((100, 'migration_success', self.destination_id()), tuple(answer.values()))

    def assert_exported_by(self, addresses: list[str]) -> None:
        """Every share is reached by the server's addresses, and by nothing else."""
        for share in self.shares():
            path = f'/shares/{share["id"]}/export_locations'
            found = self.ask(200, 'GET', path)['export_locations']
            hosts = {location['path'].partition(':')[0] for location in found}
            self.assertEqual(set(addresses), hosts)
