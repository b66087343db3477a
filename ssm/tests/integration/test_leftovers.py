# SPDX-License-Identifier: Apache-2.0

"""What a killed run leaves, the next one removes; what belongs to a living run stays."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from ssm.tests import base
from ssm.tests.world import leftovers, servers

_RUN = """\
import subprocess, sys, time
from ssm.tests.world import leftovers, servers
name = leftovers.name()
path = leftovers.directory(name)
child = subprocess.Popen(['sleep', '600'], env={leftovers.MARK: name}, start_new_session=True)
if 'mount' in sys.argv:
    (path / 'pool').mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', name, str(path / 'pool')], check=True)
if 'servers' in sys.argv:
    servers.Database(servers.MYSQL_URL).create(name)
    servers.Database(servers.POSTGRES_URL).create(name)
    servers.Broker().create(name)
print(name, child.pid, flush=True)
time.sleep(600)
"""


class LeftoversTest(base.TestCase):
    def run_and_kill(self, *arguments: str) -> tuple[str, int]:
        """A run that dies; the name of what it made, and the pid of its child."""
        run = subprocess.Popen([sys.executable, '-c', _RUN, *arguments], stdout=subprocess.PIPE)
        with run:
            assert run.stdout is not None
            name, pid = run.stdout.readline().split()
            self.addCleanup(leftovers.end_processes, name.decode())
            self.clean_up()
            self.assertTrue(self.path(name.decode()).exists(), 'The run still lives')
            run.kill()
        return name.decode(), int(pid)

    @staticmethod
    def clean_up() -> None:
        """Not only once a process."""
        leftovers.clean_up.__wrapped__()

    @staticmethod
    def path(name: str) -> pathlib.Path:
        return leftovers.TEMPORARY / name

    def test_files_and_processes(self) -> None:
        name, pid = self.run_and_kill()
        self.assertEqual([pid], leftovers.processes(name))
        self.clean_up()
        self.assertEqual([], leftovers.processes(name))
        self.assertFalse(self.path(name).exists())

    @base.only_full
    def test_mounts_and_servers(self) -> None:
        name, _pid = self.run_and_kill('mount', 'servers')
        self.clean_up()
        self.assertFalse(self.path(name).exists())
        self.assertNotIn(name, pathlib.Path('/proc/self/mounts').read_text())
        for url in (servers.MYSQL_URL, servers.POSTGRES_URL):
            self.assertIn(name, servers.Database(url).names())
            leftovers.clean_servers.__wrapped__(url)
            self.assertNotIn(name, servers.Database(url).names())
        self.assertNotIn(name, servers.Broker().names())
