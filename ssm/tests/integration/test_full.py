# SPDX-License-Identifier: Apache-2.0

"""The destination's file system runs full in the middle of a copy."""

from __future__ import annotations

import errno
import pathlib
from typing import Any

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

    def fill(self, spare: int) -> pathlib.Path:
        """Somebody else takes all the space there is but some KiB."""
        ballast = self.world.path / 'beta' / 'ballast'
        self.addCleanup(ballast.unlink, missing_ok=True)
        with ballast.open('wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as exc:
                self.assertEqual(errno.ENOSPC, exc.errno)
            file.truncate(file.tell() - spare * 1024)
        return ballast

    def test_full(self) -> None:
        self.assertIn('destination_full', [reason['code'] for reason in self.run_full(spare=200)])

    def test_full_to_the_last_byte(self) -> None:
        """Not even the driver's own notes can be written any more."""
        reasons = self.run_full(spare=0)
        self.assertIn('No space left on device', ' '.join(reason['message'] for reason in reasons))

    def run_full(self, spare: int) -> list[dict[str, Any]]:
        """The source serves on, DELETE cleans up, and then it works; returns the reasons."""
        tenant = self.tenant()
        self.throttle(50)
        moving = self.migration(tenant).start()
        moving.wait_until_copying()
        ballast = self.fill(spare)
        row = moving.wait_for(migration.ERROR)
        destination = row['destination_share_server_id']
        self.assertEqual('active/migration_error', moving.state_of())
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
        again.cancel()
        again.wait_for(migration.CANCELLED)
        self.expect_all_at(tenant, 'alpha')
        return row['reasons']
