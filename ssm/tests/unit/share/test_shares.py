# SPDX-License-Identifier: Apache-2.0

"""Shares and snapshots, through the end point of the share manager."""

from typing import Any

from ssm.conf import CONF
from ssm.db import models
from ssm.share import manager, shares
from ssm.tests.unit.share import base


class Engine:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def check(self, context: Any, **arguments: Any) -> dict[str, Any]:
        return {'asked': arguments}

    def wake(self, migration_id: str) -> None:
        self.woken.append(migration_id)


class ManagerTestCase(base.TestCase):
    """A back end with its end point."""

    def serve(self, **options: Any) -> manager.ShareManager:
        self.back_end = self.load(**options)
        self.engine = Engine()
        self.published: list[bool] = []
        self.manager = manager.ShareManager(
            self.back_end,
            self.engine,  # type: ignore[arg-type]
            self.zone_id,
            lambda: self.published.append(True),
        )
        return self.manager

    def waiting(self, **values: Any) -> str:
        """An instance that the scheduler sent here."""
        if self.back_end.handles_servers:
            values.setdefault('share_network_id', self.network())
        return self.instance(host=f'{self.back_end.host}#pool', **values)

    def created(self, **values: Any) -> str:
        instance_id = self.waiting(**values)
        self.manager.create_share_instance(self.context, instance_id)
        self.assertEqual('available', self.row(instance_id).status)
        return instance_id

    def row(self, instance_id: str) -> models.ShareInstance:
        return base.get(models.ShareInstance, instance_id)

    def locations(self, instance_id: str) -> dict[str, str]:
        """The uuid of each export location by its path."""
        location = models.ExportLocation
        found = base.living(location, location.share_instance_id == instance_id)
        return {row.path: row.uuid for row in found}


class CreateTest(ManagerTestCase):
    def test_share_becomes_available(self):
        self.serve()
        instance_id = self.created()
        row = self.row(instance_id)
        self.assertEqual('100%', row.progress)
        self.assertIsNone(row.replica_state)
        self.assertIsNotNone(row.launched_at)
        self.assertEqual(self.zone_id, row.availability_zone_id)
        self.assertIn(f'10.0.0.2:/share-{instance_id}', self.locations(instance_id))
        preferred = {
            item.value
            for item in base.living(
                models.ExportLocationMetadata, models.ExportLocationMetadata.key == 'preferred'
            )
        }
        self.assertEqual({'True', 'False'}, preferred)

    def test_a_replicated_share_becomes_the_active_replica(self):
        self.serve()
        self.assertEqual('active', self.row(self.created(replication_type='dr')).replica_state)

    def test_a_message_that_comes_twice_changes_nothing(self):
        self.serve()
        instance_id = self.created()
        before = self.locations(instance_id)
        base.change(models.ShareInstance, instance_id, progress='seen')
        self.manager.create_share_instance(self.context, instance_id)
        self.assertEqual(before, self.locations(instance_id))
        self.assertEqual('seen', self.row(instance_id).progress)

    def test_driver_that_fails_leaves_error(self):
        self.serve(dummy_driver_failures='create_share:error')
        instance_id = self.waiting()
        self.manager.create_share_instance(self.context, instance_id)
        self.assertEqual('error', self.row(instance_id).status)
        self.assertEqual({}, self.locations(instance_id))
        # The server is good and takes the next share.
        (server,) = base.living(models.ShareServer)
        self.assertEqual('active', server.status)

    def test_server_that_can_not_be_made_leaves_error(self):
        self.serve(dummy_driver_failures='setup_server:refused')
        instance_id = self.waiting()
        self.manager.create_share_instance(self.context, instance_id)
        row = self.row(instance_id)
        self.assertEqual(('error', None), (row.status, row.share_server_id))

    def test_network_where_servers_are_not_handled(self):
        self.serve(driver_handles_share_servers='false')
        instance_id = self.created()
        self.assertIsNone(self.row(instance_id).share_server_id)
        instance_id = self.waiting(share_network_id=self.network())
        self.manager.create_share_instance(self.context, instance_id)
        self.assertEqual('error', self.row(instance_id).status)

    def test_no_network_where_servers_are_handled(self):
        self.serve()
        instance_id = self.waiting(share_network_id=None)
        self.manager.create_share_instance(self.context, instance_id)
        self.assertEqual('error', self.row(instance_id).status)

    def test_clone_of_a_snapshot(self):
        self.serve()
        network_id = self.network()
        source = self.created(share_network_id=network_id)
        snapshot_id, snapshot_instance_id = snapshot_of(source)
        self.manager.create_snapshot_instance(self.context, snapshot_instance_id)
        clone = self.created(share_network_id=network_id, snapshot_id=snapshot_id)
        self.assertEqual(self.row(source).share_server_id, self.row(clone).share_server_id)
        self.assertTrue(self.locations(clone))


class DeleteTest(ManagerTestCase):
    def delete(self, instance_id):
        base.change(models.ShareInstance, instance_id, status='deleting')
        self.manager.delete_share_instance(self.context, instance_id)

    def test_share_goes_with_all_that_hangs_on_it(self):
        self.serve()
        instance_id = self.created()
        self.rule([instance_id])
        server_id = self.row(instance_id).share_server_id
        base.change(models.ShareServer, server_id, updated_at=None)
        self.delete(instance_id)
        for model in (
            models.Share,
            models.ShareInstance,
            models.ExportLocation,
            models.ExportLocationMetadata,
            models.AccessRule,
            models.AccessMapping,
        ):
            self.assertEqual([], base.living(model), model)
        # An idle server is counted from here on.
        self.assertIsNotNone(base.get(models.ShareServer, server_id).updated_at)
        self.manager.delete_share_instance(self.context, instance_id)

    def test_a_share_that_is_not_being_deleted_stays(self):
        self.serve()
        instance_id = self.created()
        self.manager.delete_share_instance(self.context, instance_id)
        self.assertEqual('available', self.row(instance_id).status)

    def test_driver_that_fails(self):
        self.serve(dummy_driver_failures='delete_share:refused')
        instance_id = self.created()
        self.delete(instance_id)
        self.assertEqual('error_deleting', self.row(instance_id).status)

    def test_a_share_that_never_got_a_server_goes_without_the_driver(self):
        self.serve(dummy_driver_failures='setup_server:refused,delete_share:refused')
        instance_id = self.waiting()
        self.manager.create_share_instance(self.context, instance_id)
        self.delete(instance_id)
        self.assertEqual([], base.living(models.ShareInstance))

    def test_server_goes_with_its_last_share_only_if_wanted(self):
        self.serve()
        network_id = self.network()
        first, second = (self.created(share_network_id=network_id) for _number in range(2))
        CONF.set_override('delete_share_server_with_last_share', True)
        self.delete(first)
        self.assertEqual(1, len(base.living(models.ShareServer)))
        self.delete(second)
        self.assertEqual([], base.living(models.ShareServer))
        CONF.set_override('delete_share_server_with_last_share', False)
        self.delete(self.created())
        self.assertEqual(1, len(base.living(models.ShareServer)))


def snapshot_of(instance_id, status='creating'):
    """A snapshot with one instance: the ids of both."""
    share_id = base.get(models.ShareInstance, instance_id).share_id
    snapshot_id = base.insert(
        models.Snapshot(share_id=share_id, size=1, share_size=1, share_proto='NFS')
    )
    return snapshot_id, base.insert(
        models.SnapshotInstance(
            snapshot_id=snapshot_id, share_instance_id=instance_id, status=status
        )
    )


class SnapshotTest(ManagerTestCase):
    def status(self, instance_id):
        return base.get(models.SnapshotInstance, instance_id).status

    def test_create_and_delete(self):
        self.serve()
        _id, instance_id = snapshot_of(self.created())
        self.manager.create_snapshot_instance(self.context, instance_id)
        row = base.get(models.SnapshotInstance, instance_id)
        self.assertEqual(('available', '100%'), (row.status, row.progress))
        self.assertIn(f'share-snapshot-{instance_id}', row.provider_location)
        self.manager.delete_snapshot_instance(self.context, instance_id)
        self.assertEqual('available', self.status(instance_id))
        base.change(models.SnapshotInstance, instance_id, status='deleting')
        self.manager.delete_snapshot_instance(self.context, instance_id)
        self.assertEqual([], base.living(models.SnapshotInstance))
        self.assertEqual([], base.living(models.Snapshot))
        self.manager.delete_snapshot_instance(self.context, instance_id)

    def test_driver_that_fails(self):
        self.serve(dummy_driver_failures='create_snapshot:error,delete_snapshot:error')
        share = self.created()
        _id, instance_id = snapshot_of(share)
        self.manager.create_snapshot_instance(self.context, instance_id)
        self.assertEqual('error', self.status(instance_id))
        _id, instance_id = snapshot_of(share, 'deleting')
        self.manager.delete_snapshot_instance(self.context, instance_id)
        self.assertEqual('error_deleting', self.status(instance_id))


class EnsureTest(ManagerTestCase):
    """After a start the driver serves again what it served."""

    def test_lost_shares_are_served_under_their_rules(self):
        self.serve()
        network_id = self.network()
        available, migrating, gone = (
            self.created(share_network_id=network_id) for _number in range(3)
        )
        self.rule([available], state='active', access_to='10.1.1.1')
        base.change(models.ShareInstance, migrating, status='server_migrating')
        base.change(models.ShareInstance, gone, status='error')
        with self.back_end.driver.state.change() as storage:
            storage['servers'].clear()
        shares.ensure(self.context, self.back_end)
        (server,) = self.back_end.driver.state.read()['servers'].values()
        self.assertEqual({available, migrating}, set(server['shares']))
        (rule,) = server['shares'][available]['rules']
        self.assertEqual('10.1.1.1', rule['access_to'])

    def test_locations_that_changed_are_stored(self):
        self.serve()
        instance_id = self.created()
        expected = self.locations(instance_id)
        (first, *_rest) = base.living(
            models.ExportLocation, models.ExportLocation.share_instance_id == instance_id
        )
        base.change(models.ExportLocation, first.id, path='10.9.9.9:/old')
        shares.ensure(self.context, self.back_end)
        found = self.locations(instance_id)
        self.assertEqual(set(expected), set(found))
        # Paths that stayed kept their ids.
        kept = {path for path in expected if path != first.path}
        self.assertEqual({p: expected[p] for p in kept}, {p: found[p] for p in kept})

    def test_shares_of_other_back_ends_are_none_of_it(self):
        self.serve(dummy_driver_failures='ensure_shares:error')
        self.instance('available', host='node1@alphabet#pool')
        shares.ensure(self.context, self.back_end)


class DelegationTest(ManagerTestCase):
    def test_migrations_are_the_engines(self):
        self.serve()
        answer = self.manager.check_migration(self.context, share_server_id='s')
        self.assertEqual({'asked': {'share_server_id': 's'}}, answer)
        self.manager.wake_migration(self.context, 'm')
        self.assertEqual(['m'], self.engine.woken)

    def test_publish(self):
        self.serve()
        self.manager.publish_capabilities(self.context)
        self.assertEqual([True], self.published)

    def test_refused_deletion_of_a_server_changes_nothing(self):
        self.serve()
        server_id = self.row(self.created()).share_server_id
        self.manager.delete_share_server(self.context, server_id)
        self.assertEqual('active', base.get(models.ShareServer, server_id).status)

    def test_access_of_instances_and_of_servers(self):
        self.serve()
        instance_id = self.created()
        first = self.rule([instance_id])
        self.manager.update_access(self.context, share_instance_ids=[instance_id])
        second = self.rule([instance_id])
        self.manager.update_access(
            self.context, share_server_id=self.row(instance_id).share_server_id
        )
        states = {row.access_id: row.state for row in base.living(models.AccessMapping)}
        self.assertEqual({first: 'active', second: 'active'}, states)
