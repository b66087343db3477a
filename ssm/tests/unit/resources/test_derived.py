# SPDX-License-Identifier: Apache-2.0

"""Values derived from instances (rest-api 6.3)."""

from typing import Any

from ssm.db import models
from ssm.resources import derived
from ssm.tests import base


def instance(status: str, **values: Any) -> models.ShareInstance:
    return models.ShareInstance(**{'id': status, 'status': status} | values)


def snapshot_instance(
    status: str, of: str = 'available', replica_state: str | None = None
) -> models.SnapshotInstance:
    return models.SnapshotInstance(
        id=status, status=status, share_instance=instance(of, replica_state=replica_state)
    )


class RepresentativeTest(base.TestCase):
    ORDER = (
        'reverting',
        'replication_change',
        'migrating',
        'server_migrating',
        'available',
        'error',
        'inactive',
        'creating',
    )

    def test_order_of_statuses(self) -> None:
        instances = [instance(status) for status in reversed(self.ORDER)]
        while instances:
            expected = self.ORDER[len(self.ORDER) - len(instances)]
            found = derived.representative(instances)
            self.assertEqual(expected, found and found.status)
            instances.pop()

    def test_none(self) -> None:
        self.assertIsNone(derived.representative([]))
        self.assertIsNone(derived.share_status(models.Share(instances=[])))

    def test_active_replica_goes_first(self) -> None:
        active = instance('error', replica_state='active')
        other = instance('available', replica_state='in_sync')
        self.assertIs(active, derived.representative([other, active]))

    def test_unless_the_replicas_are_changing_places(self) -> None:
        active = instance('available', replica_state='active')
        changing = instance('replication_change', replica_state='in_sync')
        self.assertIs(changing, derived.representative([active, changing]))

    def test_equal_statuses_have_an_order(self) -> None:
        first, second = instance('available', id='a'), instance('available', id='b')
        self.assertIs(first, derived.representative([second, first]))


class SharesTest(base.TestCase):
    def test_access_rules_status_is_the_worst(self) -> None:
        of = [
            instance('available', access_rules_status=status)
            for status in ('active', 'syncing', 'error')
        ]
        self.assertEqual('error', derived.access_rules_status(of))
        self.assertEqual('syncing', derived.access_rules_status(of[:2]))
        self.assertEqual('active', derived.access_rules_status(of[:1]))

    def test_access_rules_status_of_unavailable_instances_does_not_count(self) -> None:
        self.assertEqual(
            'active',
            derived.access_rules_status(
                [instance('server_migrating', access_rules_status='error')]
            ),
        )
        self.assertEqual('active', derived.access_rules_status([]))

    def test_has_replicas(self) -> None:
        one = instance('available', replica_state='active')
        self.assertFalse(derived.has_replicas([one]))
        self.assertFalse(derived.has_replicas([one, instance('available')]))
        self.assertTrue(derived.has_replicas([one, instance('error', replica_state='error')]))

    def test_busy(self) -> None:
        self.assertTrue(derived.is_busy(models.Share(task_state='migration_driver_starting')))
        self.assertFalse(derived.is_busy(models.Share(task_state='migration_success')))
        self.assertFalse(derived.is_busy(models.Share(task_state=None)))


class RulesTest(base.TestCase):
    def test_worst_state(self) -> None:
        order = (
            'error',
            'denying',
            'queued_to_deny',
            'queued_to_update',
            'queued_to_apply',
            'updating',
            'applying',
            'active',
        )
        for number, state in enumerate(order):
            self.assertEqual(state, derived.rule_state(list(reversed(order[number:]))))
        self.assertIsNone(derived.rule_state([]))


class SnapshotsTest(base.TestCase):
    def test_representative_is_of_the_active_replica(self) -> None:
        active = snapshot_instance('error', replica_state='active')
        moving = snapshot_instance('creating', of='server_migrating')
        other = snapshot_instance('available')
        self.assertIs(active, derived.representative_snapshot([other, moving, active]))
        self.assertIs(moving, derived.representative_snapshot([other, moving]))
        self.assertIs(other, derived.representative_snapshot([other]))
        self.assertIsNone(derived.representative_snapshot([]))

    def test_status_without_replicas(self) -> None:
        self.assertEqual(
            'server_migrating',
            derived.snapshot_status([snapshot_instance('server_migrating', of='server_migrating')]),
        )
        self.assertIsNone(derived.snapshot_status([]))

    def test_status_over_replicas(self) -> None:
        order = (
            'deleting',
            'creating',
            'error',
            'migrating',
            'server_migrating',
            'available',
            'restoring',
        )
        for number, status in enumerate(order):
            replicas = [snapshot_instance(s, replica_state='in_sync') for s in order[number:]]
            replicas.append(snapshot_instance('deleting', replica_state='out_of_sync'))
            self.assertEqual(status, derived.snapshot_status(replicas))
