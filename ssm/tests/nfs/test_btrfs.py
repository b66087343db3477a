# SPDX-License-Identifier: Apache-2.0

"""NFS on subvolumes of btrfs, which need a mount each to be exported."""

from __future__ import annotations

import concurrent.futures
import errno

from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.nfs.case import READER, GaneshaHooks, NfsCase
from ssm.tests.unit.drivers import harness
from ssm.tests.world.nfs_client import Refused
from ssm.tests.world.wait import until


class BtrfsTest(BtrfsPools, GaneshaHooks, harness.Harness, NfsCase):
    """Two pools, each a file system in a file."""

    def test_share_comes_and_goes(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        share = self.make_share(server)
        location = self.location(share)
        self.judge.write(location, 'file', 'content')
        self.make_snapshot(server, share)
        self.restart(harness.SOURCE)
        driver = self.drivers[harness.SOURCE]
        self.assertEqual({}, driver.ensure_shares(self.context, [(share, server)]))
        self.assertEqual('content', self.judge.read(location, 'file'))
        driver.delete_share(self.context, share, server)
        with self.assertRaises(Refused) as caught:
            self.judge.read(location, 'file')
        self.assertEqual(errno.ENOENT, caught.exception.errno)
        self.make_share(server)
        self._teardown(harness.SOURCE, server)
        self.assertEqual([], self.left(self.namespace(server)))

    def test_revert_under_writers(self) -> None:
        """Who writes to the share has to open it again; writers of others are not held up."""
        server, _ = self.make_server(harness.SOURCE)
        share, other = self.make_share(server), self.make_share(server)
        location = self.location(share)
        self.judge.write(location, 'file', 'then')
        snapshot = self.make_snapshot(server, share)
        self.judge.write(location, 'file', 'now')
        writer, neighbour = self.client(), self.client(READER)
        with concurrent.futures.ThreadPoolExecutor() as executor:
            writing = executor.submit(writer.call, 'write_for', location, 'open', 3)
            beside = executor.submit(neighbour.call, 'write_for', self.location(other), 'open', 3)
            opened = self.place(server).share(share['name']) / 'open'
            until(lambda: opened.exists() and opened.stat().st_size, 'a write')
            self.drivers[harness.SOURCE].revert_to_snapshot(self.context, share, snapshot, server)
            self.assertRaises(Refused, writing.result)
            self.assertLess(max(beside.result()), 1.0)
        self.assertEqual('then', self.judge.read(location, 'file'))
        self.assertFalse(opened.exists())
        writer.write(location, 'file', 'again')
        self.assertEqual('again', self.judge.read(location, 'file'))

    def test_migration(self) -> None:
        migration = self.make_migration()
        share = migration.shares[0]
        self.judge.write(self.location(share), 'data', 'before')
        self.run_to(migration, 'refresh')
        self.judge.write(self.location(share), 'data', 'after')
        self.finish(migration, 'fence')
        self.assert_served(migration)
        self.assert_complete(migration, self.finish(migration, 'complete'))
        location = self.location(migration.moved[0])
        self.assertEqual('after', self.judge.read(location, 'data'))
