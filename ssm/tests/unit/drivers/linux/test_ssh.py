# SPDX-License-Identifier: Apache-2.0

"""Command lines by ssh, and what the agent of a restricted key refuses."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ssm.common import exceptions
from ssm.drivers.linux import command
from ssm.drivers.linux.command import CommandFailed, Commands
from ssm.drivers.linux.transport.ssh import SshTransport
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import harness
from ssm.tests.unit.drivers.linux.case import MigrationCase

WAY = {
    'host': 'fd00::1',
    'port': 2222,
    'user': 'mover',
    'key': '/etc/ssm/my key',
    'known_hosts': '/etc/ssm/hosts',
    'command': 'sudo -n ssm-linux-agent',
    'timeout': 15,
    'compression': 3,
    'rate_limit': 8,
}


class CommandLinesTest(TestCase):
    """What is run here."""

    def setUp(self) -> None:
        super().setUp()
        self.transport = SshTransport(Commands(), WAY, parallel=4)

    def test_nothing_asks_and_a_dead_peer_is_noticed(self) -> None:
        argv = self.transport.agent()
        self.assertEqual(['--', 'fd00::1', 'sudo -n ssm-linux-agent'], argv[-3:])
        for option in (
            'BatchMode=yes',
            'StrictHostKeyChecking=yes',
            'ConnectTimeout=15',
            'ServerAliveInterval=5',
            'ServerAliveCountMax=3',
            'IdentityFile=/etc/ssm/my key',
            'UserKnownHostsFile=/etc/ssm/hosts',
        ):
            self.assertIn(option, argv)

    def test_rsync_goes_the_same_way_within_its_part_of_the_limit(self) -> None:
        argv = self.transport.rsync('/srv/alpha/share')
        self.assertEqual('[fd00::1]:/srv/alpha/share/', argv[-1])
        self.assertIn('--rsync-path=sudo -n ssm-linux-agent rsync', argv)
        self.assertIn("'IdentityFile=/etc/ssm/my key'", argv[argv.index('-e') + 1])
        self.assertIn('--bwlimit=2048', argv)
        self.assertIn('--compress-level=3', argv)

    def test_errors_of_the_connection_are_told_from_others(self) -> None:
        lost = self.transport.lost(CommandFailed(['ssh'], 255, 'first\nConnection refused'))
        assert lost is not None
        self.assertIn('mover@fd00::1', lost.message)
        self.assertIn('Connection refused', lost.message)
        self.assertIn('BatchMode=yes', lost.hint)
        self.assertIsNone(self.transport.lost(CommandFailed(['ssh'], 1, 'ERROR: no such file')))
        self.assertIsNone(self.transport.lost(CommandFailed(['rsync'], 23, 'partial')))


class RestrictedTest(TestCase):
    """An agent that is held to one pool."""

    def run_agent(self, *options: str, text: str = '') -> Any:
        argv = [*command.python('ssm.drivers.linux.agent'), '--pool', self.state_path, *options]
        environment = command.ENVIRONMENT | {'PATH': '/usr/bin:/bin'}
        return subprocess.run(
            argv, input=text, capture_output=True, text=True, env=environment, check=False
        )

    def ask(self, function: str, **arguments: Any) -> Any:
        request = json.dumps({'function': function, 'arguments': arguments}) + '\n'
        return json.loads(self.run_agent('--for', '', text=request).stdout)

    def test_requests(self) -> None:
        self.assertEqual([], self.ask('digests', root=self.state_path, paths=[])['value'])
        for arguments in (
            {'root': '/etc', 'paths': ['passwd']},
            {'root': self.state_path, 'paths': ['../passwd']},
        ):
            self.assertIn('not in the pool', self.ask('digests', **arguments)['failed'])

    def test_commands(self) -> None:
        begin = 'sudo ssm-linux-agent rsync --server --sender -r'
        for wrong in (
            f'{begin} . /etc/',
            f'{begin} --log-file=/etc/x . {self.state_path}/',
            f'sudo ssm-linux-agent rsync --server -r . {self.state_path}/',
            f'sudo ssm-linux-agent sh -c true . {self.state_path}/',
        ):
            self.assertEqual(2, self.run_agent('--for', wrong).returncode, wrong)
        # what names no agent is no command, but a session of requests
        self.assertEqual(0, self.run_agent('--for', 'cat /etc/passwd').returncode)


class OptionsTest(MigrationCase):
    """Where the source is."""

    def test_source_on_another_host_needs_an_address(self) -> None:
        migration = self.migration_of()
        self.drivers[harness.DESTINATION] = self.make_linux(
            harness.DESTINATION, linux_transport='ssh'
        )
        # a back end of this host needs none
        self.step(migration, 'start')
        migration.source['host'] = f'node2@{harness.SOURCE}'
        with self.assertRaises(exceptions.DriverRefused) as caught:
            self.step(migration, 'continue')
        (finding,) = caught.exception.findings
        self.assertEqual('source_stanza_missing', finding.code)
        self.assertIn('[alpha] linux_ssh_host', finding.message)
