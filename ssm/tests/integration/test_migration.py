# SPDX-License-Identifier: Apache-2.0

"""Whole migrations by separate services on MariaDB and RabbitMQ, with real files."""

from __future__ import annotations

from ssm.tests import base
from ssm.tests.integration.base import WorldCase
from ssm.tests.world import migration
from ssm.tests.world.wait import until


@base.only_full
class MigrationTest(WorldCase):
    deployment = {
        'services': True,
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
        self.assertEqual([], migration.left_in(self.world, 'alpha'))
        self.assertEqual([], migration.left_in(self.world, 'beta', but=[destination]))
