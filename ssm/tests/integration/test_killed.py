# SPDX-License-Identifier: Apache-2.0

"""kill -9 of a service in the middle of a first phase, and messages that get lost by it."""

from __future__ import annotations

import urllib.error

from ssm.tests import base
from ssm.tests.integration.base import WorldCase
from ssm.tests.world import migration
from ssm.tests.world.wait import until
from ssm.tests.world.watch import watch_workers, workers


@base.only_full
class KilledTest(WorldCase):
    deployment = {'services': True}

    def setUp(self) -> None:
        super().setUp()
        self.watch(watch_workers(self.world))

    def restart(self, name: str) -> None:
        """kill -9 a service, and start it again."""
        self.world.kill(name)
        self.world.run(name)

    def test_destination_while_its_worker_copies(self) -> None:
        """The copy outlives its manager; the next one ends it before its own goes on."""
        tenant = self.tenant()
        self.throttle(20)
        moving = self.migration(tenant).start()
        moving.wait_until_copying()
        epoch = moving.row()['epoch']
        self.world.kill('beta')
        orphans = workers(self.world, moving.id)
        self.assertEqual({epoch}, set(orphans.values()))
        self.assertLess(1, len(orphans), 'The worker should be copying')
        self.world.throttle(None)
        self.world.run('beta')
        row = moving.wait_for(migration.PHASE1_DONE)
        self.assertLess(epoch, row['epoch'])
        self.assertEqual(2, next(s for s in row['steps'] if s['name'] == 'copy')['attempts'])
        self.assertEqual(set(), orphans.items() & workers(self.world, moving.id).items())
        moving.complete()
        moving.wait_for(migration.SUCCESS)
        self.expect_all_at(tenant, 'beta')

    def test_destination_after_202(self) -> None:
        """Nobody hears the message: the sweep finds the row."""
        tenant = self.tenant()
        moving = self.migration(tenant).start()
        self.restart('beta')
        moving.wait_for(migration.PHASE1_DONE)
        self.world.kill('beta')
        moving.complete()
        self.world.run('beta')
        moving.wait_for(migration.SUCCESS)
        self.expect_all_at(tenant, 'beta')

    def test_destination_before_a_cancel(self) -> None:
        tenant = self.tenant()
        self.throttle(50)
        moving = self.migration(tenant).start()
        moving.wait_until_copying()
        self.world.kill('beta')
        moving.cancel()
        self.world.run('beta')
        moving.wait_for(migration.CANCELLED)
        self.assertEqual({}, workers(self.world, moving.id))
        self.assertFalse(moving.place.path.exists())
        self.expect_all_at(tenant, 'alpha')

    def test_api_after_202(self) -> None:
        """A migration goes on without the API."""
        tenant = self.tenant()
        moving = self.migration(tenant).start()
        self.world.kill('api')
        until(lambda: (moving.place.path / 'copy.result.json').exists(), 'the end of the copy')
        self.assertRaises(urllib.error.URLError, moving.row)
        self.world.run('api')
        until(self.answers, 'an answer')
        moving.wait_for(migration.PHASE1_DONE)
        moving.complete()
        self.restart('api')
        until(self.answers, 'an answer')
        moving.wait_for(migration.SUCCESS)
        self.expect_all_at(tenant, 'beta')

    def answers(self) -> bool:
        """Whether the API does."""
        try:
            return bool(self.world.get('/services'))
        except OSError:
            return False

    def test_source_during_the_whole_migration(self) -> None:
        """The destination needs nobody at the source to serve in its place."""
        tenant = self.tenant()
        moving = self.migration(tenant).start()
        self.restart('alpha')
        moving.wait_for(migration.PHASE1_DONE)
        moving.complete()
        self.world.kill('alpha')
        moving.wait_for(migration.SUCCESS)
        self.world.run('alpha')
        self.expect_all_at(tenant, 'beta')
