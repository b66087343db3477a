# SPDX-License-Identifier: Apache-2.0

"""Connections that are not made, or break: the source serves, or its reason is told."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from ssm.common import exceptions
from ssm.drivers.linux import fence
from ssm.tests import base
from ssm.tests.ssh.case import SshBtrfsCase, SshDirectoryCase
from ssm.tests.unit.drivers import kit

MIB = 1 << 20


class BrokenMixin:
    """What breaks, for both storages."""

    def slow(self) -> kit.Migration:
        """A migration that copies for long, and is at it."""
        self.change(linux_rate_limit=2)
        migration = self.migration_of()
        (self.source(migration) / 'file').write_bytes(os.urandom(6 * MIB))
        self.step(migration, 'start')
        self.until(lambda: self.step(migration, 'get_progress').get('bytes_done', 0) > 0)
        return migration

    def busy(self, migration: kit.Migration, step: str) -> exceptions.DriverBusy:
        """Why a step can't be done now."""
        deadline, self.deadline = self.deadline, 0.0
        end = time.monotonic() + 25
        try:
            while time.monotonic() < end:
                try:
                    self.assertFalse(self.step(migration, step))
                except exceptions.DriverBusy as busy:
                    return busy
                time.sleep(0.1)
        finally:
            self.deadline = deadline
        raise AssertionError(f'{step} is not busy')

    def assert_unreachable(self, busy: exceptions.DriverBusy) -> None:
        self.assertEqual(['source_host_unreachable'], [f.code for f in busy.findings])

    def test_cut_in_the_first_phase(self) -> None:
        migration = self.slow()
        self.machines.link('down')
        for _ in range(4):  # more often than a step may fail
            self.assert_unreachable(self.busy(migration, 'continue'))
        self.machines.link('up')
        self.change(linux_rate_limit=0)
        self.assert_complete(migration, self.run_to(migration, 'complete'))
        self.assert_equal_trees(self.closed(migration), self.target(migration))


@base.only_full
class BtrfsBrokenTest(BrokenMixin, SshBtrfsCase):
    """Send and receive."""

    def test_sshd_killed_in_the_first_phase(self) -> None:
        migration = self.slow()
        self.machines.stop()
        self.assert_unreachable(self.busy(migration, 'continue'))
        self.machines.start()
        self.change(linux_rate_limit=0)
        self.finish(migration, 'continue')

    def test_cut_in_the_fence(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'continue')
        self.change(linux_rate_limit=2)
        (self.source(migration) / 'late').write_bytes(os.urandom(6 * MIB))
        fenced = self.pools['alpha'].server(migration.source['identifier'])
        cut = threading.Thread(
            target=lambda: (self.until(fenced.fence), time.sleep(1), self.machines.link('down'))
        )
        cut.start()
        busy = self.busy(migration, 'fence')
        cut.join()
        self.assert_unreachable(busy)
        self.until(lambda: fenced.fence() is None)
        self.assert_served(migration, source=True)
        (self.source(migration) / 'meanwhile').write_text('x')
        self.step(migration, 'unfence')
        self.machines.link('up')
        self.change(linux_rate_limit=0)
        self.finish(migration, 'fence')
        self.assert_complete(migration, self.finish(migration, 'complete'))
        self.assert_equal_trees(self.closed(migration), self.target(migration))

    def test_refresh_and_cancel_without_the_source(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'continue')
        self.machines.stop()
        self.assert_unreachable(self.busy(migration, 'refresh'))
        self.step(migration, 'unfence')
        self.step(migration, 'cancel')
        self.assertFalse(self.place(migration).path.exists())
        self.assert_served(migration, source=True)

    def test_source_that_may_be_closed_is_waited_for(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'fence')
        self.machines.stop()
        self.assert_unreachable(self.busy(migration, 'unfence'))
        self.machines.start()
        self.step(migration, 'unfence')
        self.assert_served(migration, source=True)

    def test_answer_is_lost_whether_the_source_stays_closed(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'continue')
        self.breaking(confirm=True, reopen=False)
        self.assert_unreachable(self.busy(migration, 'fence'))
        server = self.pools['alpha'].server(migration.source['identifier'])
        self.assertTrue(fence.is_confirmed(server.fence()))
        self.breaking(close=False, reopen=False)
        self.assert_unreachable(self.busy(migration, 'fence'))
        self.machines.stop()
        for step in ('unfence', 'cancel'):
            self.assert_unreachable(self.busy(migration, step))
        self.assertTrue(fence.is_confirmed(server.fence()))
        self.breaking()
        self.machines.start()
        self.step(migration, 'cancel')
        self.assert_served(migration, source=True)

    def test_destination_opens_without_a_source_that_stays_closed(self) -> None:
        migration = self.migration_of()
        self.run_to(migration, 'fence')
        self.machines.stop()
        self.finish(migration, 'fence')
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_cancelled_while_the_source_is_gone_that_opens_by_itself(self) -> None:
        migration, source = self.migration_of(), self.pools['alpha']
        self.run_to(migration, 'continue')
        self.change(linux_rate_limit=2)
        (self.source(migration) / 'late').write_bytes(os.urandom(6 * MIB))
        server = source.server(migration.source['identifier'])
        closing = threading.Thread(target=self.quietly, args=(migration, 'fence'))
        closing.start()
        self.until(lambda: server.fence() and fence.is_watched(server))
        self.machines.stop()
        closing.join()
        self.step(migration, 'cancel')
        self.assertFalse(self.place(migration).path.exists())
        self.assertFalse(self.serves(migration.source, migration.shares[0]))
        # the machine was started anew, its service looks after what there is
        for _ in range(2):
            self.drivers['alpha'].get_share_stats()
        self.until(lambda: server.fence() is None)
        self.assert_served(migration, source=True)

    def quietly(self, migration: kit.Migration, step: str) -> None:
        with contextlib.suppress(exceptions.DriverBusy):
            self.step(migration, step)


@base.only_full
class DirectoryBrokenTest(BrokenMixin, SshDirectoryCase):
    """rsync."""

    def unreachable(self, migration: kit.Migration) -> str:
        found = self.check(migration)
        self.assertEqual({'source_host_unreachable'}, set(found))
        return found['source_host_unreachable']

    def test_check_says_why_the_source_can_not_be_reached(self) -> None:
        migration = self.migration_of()
        self.assertEqual({}, self.check(migration))
        directory = self.machines.directory
        self.change(linux_ssh_key=f'{directory}/other_key')
        self.assertIn('Permission denied', self.unreachable(migration))
        self.change(linux_ssh_known_hosts=f'{directory}/nothing')
        self.assertIn('Host key verification failed', self.unreachable(migration))
        self.change(linux_ssh_port=23)
        self.assertIn('Connection refused', self.unreachable(migration))
        self.change(linux_ssh_command='no-such-agent')
        self.assertIn('not found', self.check(migration)['source_agent_failed'])
        self.machines.link('down')
        begun = time.monotonic()
        self.change()
        self.unreachable(migration)
        self.assertLess(time.monotonic() - begun, 15)
