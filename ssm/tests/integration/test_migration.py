# SPDX-License-Identifier: Apache-2.0

"""Whole migrations by separate services on MariaDB and RabbitMQ, with real files."""

from __future__ import annotations

from ssm.tests import base
from ssm.tests.integration.base import WorldCase
from ssm.tests.world import migration
from ssm.tests.world.tenant import Tenant
from ssm.tests.world.wait import until


@base.only_full
class MigrationTest(WorldCase):
    deployment = {
        'services': True,
        'options': 'delete_share_server_with_last_share = true',
        'backend_options': 'migrated_share_server_retention = 2\nmax_concurrent_migrations = 1',
    }

    def test_whole(self) -> None:
        tenant = self.tenant()
        moving = self.migration(tenant)
        self.assertTrue(moving.check()['compatible'])
        moving.start()
        moving.wait_for(migration.PHASE1_DONE)
        progress = moving.get_progress()
        self.assertEqual(100, progress['total_progress'])
        destination = moving.complete()
        self.assertEqual(progress['destination_share_server_id'], destination)
        moving.wait_for(migration.SUCCESS)
        self.assertEqual('inactive/migration_success', moving.state_of())
        self.assertEqual('active/migration_success', moving.state_of(destination))
        self.expect_all_at(tenant, 'beta')
        self.assertLess(self.report_gap(tenant), 20)
        until(lambda: moving.state_of() == 'gone', 'the end of the source')
        self.assertEqual(set(), self.left('alpha'))
        serving = {moving.pool.server(destination).path, moving.place.guard}
        self.assertEqual(serving, self.left('beta'))

    def test_cancel_in_the_first_phase(self) -> None:
        tenant = self.tenant()
        self.throttle(50)
        moving = self.migration(tenant).start()
        moving.wait_until_copying()
        self.cancel(tenant, moving)

    def test_cancel_after_the_first_phase(self) -> None:
        tenant = self.tenant()
        moving = self.migration(tenant).start()
        moving.wait_for(migration.PHASE1_DONE)
        self.cancel(tenant, moving)

    def cancel(self, tenant: Tenant, moving: migration.Migration) -> None:
        """The source serves on, a new migration starts at once, nothing is left of the old one."""
        destination = moving.row()['destination_share_server_id']
        moving.cancel()
        until(lambda: moving.state_of() == 'active/migration_cancelled', 'the end of the cancel')
        self.assertEqual({'available'}, tenant.statuses())
        self.world.throttle(None)
        again = self.migration(tenant).start()
        again.wait_for(migration.PHASE1_DONE)
        until(lambda: moving.state_of(destination) == 'gone', 'the end of the destination')
        again.cancel()
        again.wait_for(migration.CANCELLED)
        until(lambda: not self.left('beta'), 'an empty destination')
        self.expect_all_at(tenant, 'alpha')

    def test_one_after_the_other(self) -> None:
        tenants = [self.tenant('one'), self.tenant('two')]
        first, second = (self.migration(tenant) for tenant in tenants)
        self.throttle(50)
        first.start().wait_until_copying()
        second.start()
        waiting = until(lambda: second.row()['waiting'], 'a reason to wait')
        self.assertIn('max_concurrent_migrations', waiting)
        self.assertEqual('server_migrating/migration_starting', second.state_of())
        self.assertEqual(0, second.get_progress()['total_progress'])
        self.assertEqual(migration.COPYING, first.row()['state'])
        first.cancel()
        self.world.throttle(None)
        self.assertIsNone(second.wait_for(migration.PHASE1_DONE)['waiting'])
        second.complete()
        second.wait_for(migration.SUCCESS)
        self.expect_all_at(tenants[0], 'alpha')
        self.expect_all_at(tenants[1], 'beta')
