# SPDX-License-Identifier: Apache-2.0

"""One whole migration in each further shape of a deployment."""

from __future__ import annotations

from ssm.common import concurrency
from ssm.tests import base
from ssm.tests.integration.base import WorldCase
from ssm.tests.world import migration, servers


class EventletTest(WorldCase):
    """``ssm-all`` on SQLite."""

    deployment = {'concurrency': concurrency.EVENTLET}

    def test_whole(self) -> None:
        tenant = self.tenant()
        moving = self.migration(tenant)
        self.assertTrue(moving.check()['compatible'])
        moving.start()
        moving.wait_for(migration.PHASE1_DONE)
        moving.complete()
        moving.wait_for(migration.SUCCESS)
        self.expect_all_at(tenant, 'beta')
        self.report_gap(tenant)


class ThreadingTest(EventletTest):
    """The same on native threads."""

    deployment = {'concurrency': concurrency.THREADING}


@base.only_full
class ThreadingServicesTest(EventletTest):
    """Separate services on native threads, MariaDB and RabbitMQ."""

    deployment = {'services': True, 'concurrency': concurrency.THREADING}


@base.only_full
class PostgresqlTest(EventletTest):
    """Separate services on PostgreSQL and RabbitMQ."""

    deployment = {'services': True, 'database_url': servers.POSTGRES_URL}
