# SPDX-License-Identifier: Apache-2.0

"""A server that moves to another machine with its file handles: an open file stays open."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from ssm.drivers.linux import image, pool
from ssm.tests import base
from ssm.tests.nfs import test_image
from ssm.tests.nfs.case import READER, GaneshaHooks, report
from ssm.tests.ssh.case import Sshd, SshMixin
from ssm.tests.unit.drivers import harness


@base.only_full
class ImageTest(SshMixin, test_image.ImageCase):
    """Both machines are this one, as both serve clients on one bridge."""

    def make_pool(self, stanza: str) -> pathlib.Path:
        path = super().make_pool(stanza)
        if stanza == harness.DESTINATION:
            self.make_machines(Sshd(self.loops.path / 'ssh'))
        return path

    def make_linux(self, stanza: str, **options: Any) -> Any:
        return GaneshaHooks.make_driver(self, stanza, **options)

    def test_client_goes_on_with_its_open_file(self) -> None:
        place = self.pools[harness.SOURCE].path
        forced = f'{self.agent} --pool {place} --for \\"$SSH_ORIGINAL_COMMAND\\"'
        self.machines.authorize(f'command="{forced}",restrict')
        migration = self.make_migration()
        self.assertEqual({}, self.check(migration))
        location = self.location(migration.shares[0])
        client = self.client(READER)
        client.call('hold', location, 'file')
        client.call('held', 'file')
        handle = client.call('handle', location, 'file')
        self.run_to(migration, 'refresh')
        client.call('held', 'file')
        self.finish(migration, 'fence')
        # from now on the source can not be asked to put itself aside
        self.breaking(retire=False)
        answer = self.finish(migration, 'complete')
        count, gap = client.call('held', 'file')
        report(f'a server that moved by ssh: longest gap {gap:.2f} s in {count} records')
        self.assertEqual(handle, client.call('handle', location, 'file'))
        for share in migration.shares:
            update = answer['share_updates'][share['id']]
            self.assertEqual(share['export_locations'], update['export_locations'])
        client.close()
        self.expect_records(migration, count)
        self._expect_retirement(migration)

    def _expect_retirement(self, migration: harness.Migration) -> None:
        """The source is closed where it was, until it can be asked; then its data are kept."""
        place = self.pools[harness.SOURCE]
        fence = self.place(migration.source).fence() or {}
        self.assertEqual(migration.id, fence['migration_id'])
        self.breaking()
        left = self.pools[harness.DESTINATION].migration(migration.id).retire_file
        os.utime(left, (0, 0))
        self.drivers[harness.DESTINATION].get_share_stats()
        self.assertFalse(left.exists())
        self.assertEqual([], self.left(self.namespace(migration.source)))
        self.assertEqual([], list(place.servers.iterdir()))
        (kept,) = place.moved.iterdir()
        self.assertTrue(image.Image(pool.Server(kept)).file.exists())
        self.drivers[harness.SOURCE].get_share_stats()
        self.assertEqual([], [*place.moved.iterdir(), *place.guards.iterdir()])
