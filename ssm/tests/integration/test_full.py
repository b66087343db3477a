# SPDX-License-Identifier: Apache-2.0

"""The destination's file system runs full in the middle of a copy."""

from __future__ import annotations

import pathlib

from ssm.tests import base
from ssm.tests.integration.base import WorldCase
from ssm.tests.world import migration
from ssm.tests.world.wait import until

SIZE = 64
"""MiB; the shares and their snapshots need about half of it."""


@base.only_full
class FullTest(WorldCase):
    deployment = {'services': True}

    @classmethod
    def prepare(cls) -> None:
        cls.world.limit('beta', SIZE)

    def fill(self) -> pathlib.Path:
        """Somebody else takes all the space there is."""
        ballast = self.world.path / 'beta' / 'ballast'
        with ballast.open('wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as exc:
                self.assertEqual('No space left on device', exc.strerror)
        self.addCleanup(ballast.unlink, missing_ok=True)
        return ballast

    def test_full(self) -> None:
        tenant = self.tenant()
        self.throttle(50)
        moving = self.migration(tenant).start()
        moving.wait_until_copying()
        ballast = self.fill()
        row = moving.wait_for(migration.ERROR)
        self.assertIn('destination_full', [reason['code'] for reason in row['reasons']])
        self.assertEqual('active/migration_error', moving.state_of())
        destination = row['destination_share_server_id']
        self.assertEqual('error/migration_error', moving.state_of(destination))
        shown = moving.server_shown(destination)
        self.assertEqual(moving.server, shown['source_share_server_id'])
        self.expect_all_at(tenant, 'alpha')

        self.world.request('DELETE', f'/share-servers/{destination}')
        until(lambda: moving.state_of(destination) == 'gone', 'the end of the destination')
        self.assertEqual(set(), self.left('beta'))

        ballast.unlink()
        self.world.throttle(None)
        tenant.start_writer()
        again = self.migration(tenant).start()
        again.wait_for(migration.PHASE1_DONE)
        again.complete()
        again.wait_for(migration.SUCCESS)
        self.expect_all_at(tenant, 'beta')
