# SPDX-License-Identifier: Apache-2.0

"""A server of NFS and SMB that moves to another machine while clients write."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from ssm.drivers.linux.driver import LinuxDriver
from ssm.tests import base
from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.nfs.case import READER, GaneshaHooks
from ssm.tests.nfs.test_smb import SmbCase
from ssm.tests.ssh.case import Sshd, SshMixin
from ssm.tests.unit.drivers import harness
from ssm.tests.world import nfs_client, smb_client
from ssm.tests.world.wait import until


class Writer(threading.Thread):
    """Makes one file after the other, until it is stopped.

    :param write: makes a text the content of a file
    """

    def __init__(self, write: Callable[[str, str], None]) -> None:
        super().__init__(daemon=True)
        self._write = write
        self.acknowledged: list[str] = []
        """Names of files, whose content they are."""
        self.refused = 0
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            name = f'written-{len(self.acknowledged)}'
            try:
                self._write(name, name)
            except (nfs_client.Refused, smb_client.Refused):
                self.refused += 1
            else:
                self.acknowledged.append(name)

    def wait_for_more(self) -> None:
        """Wait until it wrote on."""
        wanted = len(self.acknowledged) + 2
        until(lambda: len(self.acknowledged) >= wanted, 'more files')


@base.only_full
class SmbTest(SshMixin, BtrfsPools, SmbCase):
    """Both machines are this one, as both serve clients on one bridge."""

    options: ClassVar[dict[str, Any]] = {**SmbCase.options, **BtrfsPools.options}

    def make_pool(self, stanza: str) -> pathlib.Path:
        path = super().make_pool(stanza)
        if stanza == harness.DESTINATION:
            self.make_machines(Sshd(self.loops.path / 'ssh'))
        return path

    def make_linux(self, stanza: str, **options: Any) -> LinuxDriver:
        return GaneshaHooks.make_driver(self, stanza, **options)

    def test_moves_with_clients_and_passwords(self) -> None:
        place = self.pools[harness.SOURCE].path
        forced = f'{self.agent} --pool {place} --for \\"$SSH_ORIGINAL_COMMAND\\"'
        self.machines.authorize(f'command="{forced}",restrict')
        source, nfs = self.server, self.make_share(self.server)
        target, info = self.make_server(harness.DESTINATION, destination_of=source)
        shares = [self.share, nfs]
        migration = harness.Migration('migration', source, target, shares, [], info)
        self.assertEqual({}, self.check(migration))
        alice = self.client(user='alice')
        writers = [
            Writer(lambda *file: alice.write(self.location(self.share), *file)),
            Writer(lambda *file: self.judge.write(self.location(nfs), *file)),
        ]
        for writer in writers:
            self.addCleanup(writer.stopped.set)
            writer.start()
            writer.wait_for_more()
        self.run_to(migration, 'continue')
        for writer in writers:
            writer.wait_for_more()
        self.finish(migration, 'refresh')
        self.finish(migration, 'fence')
        # the agent opens it again, and users are known there
        self.step(migration, 'unfence')
        writers[0].wait_for_more()
        self.finish(migration, 'fence')
        answer = self.finish(migration, 'complete')
        self.assertEqual([], [*answer.get('findings', [])])
        migration.move(answer)
        smb, moved_nfs = migration.moved
        self.write('alice', 'after', 'content', smb)
        self.assertEqual('content', self.read('bob', 'after', smb))
        self.assert_refused('STATUS_ACCESS_DENIED', self.write, 'bob', 'file', 'x', smb)
        reader = self.client(READER)
        reader.write(self.location(moved_nfs), 'after', 'content')
        self.assertEqual('content', reader.read(self.location(moved_nfs), 'after'))
        for share, writer in zip(migration.moved, writers, strict=True):
            writer.stopped.set()
            writer.join(30)
            self.assertFalse(writer.is_alive())
            self.assertLess(0, writer.refused)
            there = self.place(target).data(share['name'])
            found = {file.name: file.read_text() for file in there.glob('written-*')}
            lost = {name for name in writer.acknowledged if found.get(name) != name}
            self.assertEqual(set(), lost)
        keys = self.drivers[harness.DESTINATION].access_keys(
            self.context, smb, smb['access_rules'], target
        )
        self.assertEqual({r['access_id']: r['access_key'] for r in smb['access_rules']}, keys)
        for server in (source, target):
            self._teardown(server['host'].rpartition('@')[2], server)
            self.assertEqual([], self.left(self.namespace(server)))
