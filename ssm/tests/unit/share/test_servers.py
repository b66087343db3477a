# SPDX-License-Identifier: Apache-2.0

"""Share servers: chosen, made, removed."""

import datetime
import threading

from ssm.common import exceptions
from ssm.conf import CONF
from ssm.db import models
from ssm.migration.states import State
from ssm.share import backend, locks, servers
from ssm.tests.unit.share import base

LONG_AGO = models.now() - datetime.timedelta(hours=1)


class PlaceTest(base.TestCase):
    """A new instance gets a server."""

    def place(self, back_end, network_id, **values):
        instance_id = self.instance(
            host=f'{back_end.host}#p', share_network_id=network_id, **values
        )
        server_id = servers.place(self.context, back_end, instance_id, self.zone_id)
        self.assertEqual(server_id, base.get(models.ShareInstance, instance_id).share_server_id)
        return server_id

    def test_a_server_is_made(self):
        back_end = self.load()
        network_id = self.network()
        server_id = self.place(back_end, network_id)
        row = base.get(models.ShareServer, server_id)
        self.assertEqual(('active', back_end.host), (row.status, row.host))
        self.assertEqual(server_id, row.identifier)
        self.assertTrue(row.security_service_update_support)
        allocations = base.living(models.NetworkAllocation)
        self.assertEqual({'10.0.0.2', '10.0.0.3'}, {item.ip_address for item in allocations})
        self.assertEqual({server_id}, {item.share_server_id for item in allocations})
        details = {item.key: item.value for item in base.living(models.BackendDetail)}
        self.assertEqual(server_id, details['server_id'])
        self.assertNotIn('identifier', details)
        (subnet,) = base.living(models.ShareNetworkSubnet)
        self.assertEqual(('flat', '10.0.0.0/24'), (subnet.network_type, subnet.cidr))

    def test_the_next_share_goes_to_the_same_server(self):
        back_end = self.load()
        network_id = self.network()
        self.assertEqual(self.place(back_end, network_id), self.place(back_end, network_id))

    def test_a_share_that_has_its_server_stays_there(self):
        back_end = self.load(max_shares_per_share_server=1)
        network_id = self.network()
        instance_id = self.instance(share_network_id=network_id)
        first, second = (
            servers.place(self.context, back_end, instance_id, self.zone_id) for _number in range(2)
        )
        self.assertEqual(first, second)
        self.assertEqual(1, len(base.living(models.ShareServer)))

    def test_another_network_has_another_server_with_other_addresses(self):
        back_end = self.load()
        first = self.place(back_end, self.network())
        second = self.place(back_end, self.network())
        self.assertNotEqual(first, second)
        addresses = [item.ip_address for item in base.living(models.NetworkAllocation)]
        self.assertEqual(4, len(set(addresses)))

    def test_subnets_of_the_zone_win_over_default_ones(self):
        back_end = self.load()
        self.place(back_end, self.network(None, self.zone_id))
        (mapping,) = base.living(models.SubnetMapping)
        subnet = base.get(models.ShareNetworkSubnet, mapping.share_network_subnet_id)
        self.assertEqual(self.zone_id, subnet.availability_zone_id)

    def test_network_without_subnet_for_the_zone(self):
        back_end = self.load()
        other = base.insert(models.AvailabilityZone(name='other'))
        error = self.assertRaises(servers.NoShareServer, self.place, back_end, self.network(other))
        self.assertIn('no subnet', error.message)
        self.assertEqual([], base.living(models.ShareServer))

    def test_full_server_is_passed_by(self):
        back_end = self.load(max_shares_per_share_server=2, max_share_server_size=10)
        network_id = self.network()
        first = self.place(back_end, network_id, size=8)
        base.change(models.ShareServer, first, created_at=LONG_AGO)
        self.assertNotEqual(first, self.place(back_end, network_id, size=3))
        self.assertEqual(first, self.place(back_end, network_id, size=2))
        self.assertNotEqual(first, self.place(back_end, network_id, size=0))

    def test_only_active_servers_are_chosen(self):
        back_end = self.load()
        network_id = self.network()
        first = self.place(back_end, network_id)
        for status in ('server_migrating', 'server_migrating_to', 'creating', 'error', 'inactive'):
            base.change(models.ShareServer, first, status=status)
            other = self.place(back_end, network_id)
            self.assertNotEqual(first, other, status)
            base.change(models.ShareServer, other, status='inactive')

    def test_shares_made_at_once_get_one_server(self):
        back_end = self.load(dummy_driver_driver_methods_delays='setup_server:0.1')
        network_id = self.network()
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(self.place(back_end, network_id)))
            for _number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(4, len(found))
        self.assertEqual(1, len(set(found)))

    def test_driver_that_fails(self):
        back_end = self.load(dummy_driver_failures='setup_server:refused')
        self.assertRaises(exceptions.DriverRefused, self.place, back_end, self.network())
        (row,) = base.living(models.ShareServer)
        self.assertEqual('error', row.status)
        self.assertEqual([], base.living(models.NetworkAllocation))

    def test_no_address_left(self):
        self.configure(
            base.stanza('alpha'),
            network=base.NETWORK + 'standalone_network_plugin_allowed_ip_ranges = 10.0.0.9\n',
        )
        back_end = backend.load(CONF, 'alpha', 'boot')
        error = self.assertRaises(exceptions.SsmError, self.place, back_end, self.network())
        self.assertEqual('no_free_address', error.code)
        (row,) = base.living(models.ShareServer)
        self.assertEqual('error', row.status)

    def test_clone_goes_to_the_server_of_the_snapshot(self):
        back_end = self.load()
        network_id = self.network()
        first = self.place(back_end, network_id)
        snapshot_id = self.snapshot_on(first)
        base.change(models.ShareServer, first, status='inactive')
        second = self.place(back_end, network_id)
        self.assertNotEqual(first, second)
        error = self.assertRaises(
            servers.NoShareServer, self.place, back_end, network_id, snapshot_id=snapshot_id
        )
        self.assertIn(first, error.message)
        base.change(models.ShareServer, first, status='active')
        self.assertEqual(first, self.place(back_end, network_id, snapshot_id=snapshot_id))

    def snapshot_on(self, server_id):
        instance_id = self.instance('available', share_server_id=server_id)
        share_id = base.get(models.ShareInstance, instance_id).share_id
        snapshot_id = base.insert(
            models.Snapshot(share_id=share_id, size=1, share_size=1, share_proto='NFS')
        )
        base.insert(
            models.SnapshotInstance(
                snapshot_id=snapshot_id, share_instance_id=instance_id, status='available'
            )
        )
        return snapshot_id


class DeleteTest(base.TestCase):
    """A server goes with all that belongs to it."""

    def setUp(self):
        super().setUp()
        self.back_end = self.load()
        self.network_id = self.network()
        self.instance_id = self.instance(share_network_id=self.network_id)
        self.server_id = servers.place(self.context, self.back_end, self.instance_id, self.zone_id)

    def empty(self):
        base.change(models.ShareInstance, self.instance_id, deleted=self.instance_id)

    def status(self):
        return base.get(models.ShareServer, self.server_id).status

    def delete(self):
        servers.delete(self.context, self.back_end, self.server_id)

    def assert_gone(self):
        for model in (
            models.ShareServer,
            models.SubnetMapping,
            models.BackendDetail,
            models.NetworkAllocation,
        ):
            self.assertEqual([], base.living(model), model)

    def test_delete(self):
        self.empty()
        self.delete()
        self.assert_gone()
        self.delete()

    def test_delete_when_network_and_subnet_are_gone(self):
        self.empty()
        (subnet,) = base.living(models.ShareNetworkSubnet)
        base.change(models.ShareNetworkSubnet, subnet.id, deleted=subnet.id)
        base.change(models.ShareNetwork, self.network_id, deleted=self.network_id)
        self.delete()
        self.assert_gone()

    def test_a_server_with_shares_stays(self):
        error = self.assertRaises(exceptions.Conflict, self.delete)
        self.assertIn('has shares', error.message)
        self.assertEqual('active', self.status())

    def test_a_server_in_an_unfinished_migration_stays(self):
        self.empty()
        migration_id = base.insert(
            models.Migration(
                source_share_server_id=self.server_id,
                source_host=self.back_end.host,
                destination_host='node1@beta',
                share_network_id=self.network_id,
                availability_zone_id=self.zone_id,
                writable=True,
                nondisruptive=False,
                preserve_snapshots=True,
                state=State.STARTING,
            )
        )
        self.assertRaises(exceptions.Conflict, self.delete)
        self.assertEqual('active', self.status())
        base.change(models.Migration, migration_id, state=State.ERROR)
        self.delete()
        self.assert_gone()

    def test_a_migrating_server_stays(self):
        self.empty()
        for status in ('server_migrating', 'server_migrating_to', 'manage_starting'):
            base.change(models.ShareServer, self.server_id, status=status)
            self.assertRaises(exceptions.Conflict, self.delete)
            self.assertEqual(status, self.status())

    def test_driver_that_fails(self):
        self.empty()
        back_end = self.load(dummy_driver_failures='teardown_server:error:1')
        self.assertRaises(RuntimeError, servers.delete, self.context, back_end, self.server_id)
        self.assertEqual('error', self.status())
        # The storage may still use them.
        self.assertEqual(2, len(base.living(models.NetworkAllocation)))
        servers.delete(self.context, back_end, self.server_id)
        self.assert_gone()

    def test_not_waiting_for_the_subnet(self):
        self.empty()
        (subnet,) = base.living(models.ShareNetworkSubnet)
        with locks.held(f'share-servers-{subnet.id}', 'a test', 'somebody'):
            self.assertRaises(
                locks.Held,
                servers.delete,
                self.context,
                self.back_end,
                self.server_id,
                wait=False,
            )
        self.assertEqual('active', self.status())


class PeriodicTest(base.TestCase):
    """Cleanup of unused servers, and of migrated ones."""

    def server(self, status='active', **values):
        columns = {'host': 'node1@alpha', 'updated_at': LONG_AGO} | values
        return base.insert(models.ShareServer(status=status, **columns))

    def left(self):
        return {row.id for row in base.living(models.ShareServer)}

    def test_unused_servers_go(self):
        back_end = self.load()
        gone = {
            self.server(status)
            for status in ('inactive', 'active', 'error', 'creating', 'deleting')
        }
        gone.add(self.server('inactive', task_state='migration_cancelled'))
        kept = {
            self.server(updated_at=models.now()),
            self.server(host='node1@beta'),
            self.server(is_auto_deletable=False),
            self.server('server_migrating'),
            self.server('server_migrating_to'),
            self.server('inactive', task_state='migration_success'),
        }
        source = self.server(updated_at=models.now())
        kept |= {
            source,
            self.server('error', task_state='migration_error', source_share_server_id=source),
        }
        busy = self.server()
        self.instance('available', share_server_id=busy)
        self.assertEqual(gone | kept | {busy}, self.left())
        servers.clean_up(self.context, back_end)
        self.assertEqual(kept | {busy}, self.left())

    def test_a_server_never_changed_counts_from_its_creation(self):
        back_end = self.load()
        self.server(created_at=LONG_AGO, updated_at=None)
        kept = self.server(updated_at=None)
        servers.clean_up(self.context, back_end)
        self.assertEqual({kept}, self.left())

    def test_a_server_that_can_not_be_removed_does_not_hold_up_the_others(self):
        back_end = self.load(dummy_driver_failures='teardown_server:error:1')
        first = self.server(updated_at=LONG_AGO - datetime.timedelta(hours=1))
        self.server()
        servers.clean_up(self.context, back_end)
        self.assertEqual({first}, self.left())
        self.assertEqual('error', base.get(models.ShareServer, first).status)

    def test_migrated_servers_go_after_their_retention(self):
        back_end = self.load(migrated_share_server_retention=1800)
        self.server('inactive', task_state='migration_success')
        kept = {
            self.server('inactive', task_state='migration_success', updated_at=models.now()),
            self.server('inactive', task_state='migration_cancelled'),
            self.server('active', task_state='migration_success'),
            self.server('inactive', task_state='migration_success', host='node1@beta'),
        }
        servers.retire(self.context, back_end)
        self.assertEqual(kept, self.left())

    def test_a_migrated_server_with_shares_stays(self):
        back_end = self.load()
        server_id = self.server('inactive', task_state='migration_success')
        self.instance('available', share_server_id=server_id)
        servers.retire(self.context, back_end)
        self.assertEqual({server_id}, self.left())
        self.assertEqual('inactive', base.get(models.ShareServer, server_id).status)
