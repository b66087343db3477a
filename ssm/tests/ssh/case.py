# SPDX-License-Identifier: Apache-2.0

"""Two machines: the source in a namespace with sshd, the destination's ssh in another one.

They share the file system, so that tests can look at both pools. Daemons live in the namespace, by
which the next run finds those of a run that was killed. Where the source serves clients its sshd is
one of this machine instead: the bridge of its share servers is there.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import time
from typing import Any, ClassVar

import fixtures

from ssm.drivers import base
from ssm.drivers.linux import command, privileged
from ssm.tests.btrfs.case import BtrfsCase
from ssm.tests.unit.drivers import harness, kit
from ssm.tests.unit.drivers.linux.case import MigrationCase
from ssm.tests.world import leftovers, networks
from ssm.tests.world.deployment import free_port

SOURCE, DESTINATION = '10.78.0.1', '10.78.0.2'
"""Addresses of the machines, in a network that leads nowhere."""

_SSHD = """
Port {port}
ListenAddress {address}
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PidFile none
ClientAliveInterval 1
ClientAliveCountMax 3
"""


class Sshd(fixtures.Fixture):
    """Keys, and an sshd of this machine that only this machine reaches.

    :param directory: for files; it is made
    """

    address = '127.0.0.1'
    inside: tuple[str, ...] = ()
    """Beginning of command lines on the machine of the source."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.port = free_port()

    def _setUp(self) -> None:
        self.directory.mkdir()
        for name in ('host_key', 'key', 'other_key'):
            argv = ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', f'{self.directory}/{name}']
            subprocess.run(argv, check=True)
        public = self._public('host_key')
        known = f'{self.address},[{self.address}]:{self.port}'
        (self.directory / 'known_hosts').write_text(f'{known} {public}\n')
        self.authorize('')
        text = _SSHD.format(address=self.address, port=self.port, directory=self.directory)
        (self.directory / 'sshd_config').write_text(text)
        pathlib.Path('/run/sshd').mkdir(mode=0o755, exist_ok=True)
        self.start()

    def _public(self, name: str) -> str:
        return (self.directory / f'{name}.pub').read_text().strip()

    def authorize(self, options: str) -> None:
        """Let the key in, with options of authorized_keys."""
        line = f'{options} {self._public("key")}\n'.lstrip()
        (self.directory / 'authorized_keys').write_text(line)

    def start(self) -> None:
        """Start sshd, and wait until it listens."""
        log = (self.directory / 'sshd.log').open('ab')
        # it does not outlive a run that is killed
        argv = [*self.inside, 'setpriv', '--pdeathsig', 'KILL', '/usr/sbin/sshd', '-D', '-e']
        argv += ['-f', f'{self.directory}/sshd_config']
        with log:
            self.sshd = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(self.sshd.wait)
        self.addCleanup(self.sshd.kill)
        end = time.monotonic() + 10
        while not subprocess.run(
            [*self.inside, 'ss', '-Htln', f'sport = :{self.port}'], capture_output=True, check=True
        ).stdout:
            if time.monotonic() > end:
                raise AssertionError((self.directory / 'sshd.log').read_text())
            time.sleep(0.02)


class Machines(Sshd):
    """The same with a network of their own, which can be cut.

    :param owned: name of the owner, see :mod:`ssm.tests.world.leftovers`
    """

    address = SOURCE

    def __init__(self, directory: pathlib.Path, owned: str) -> None:
        super().__init__(directory)
        self.port = 22
        self._network = networks.Network(owned)

    def _setUp(self) -> None:
        self.addCleanup(self._network.remove)
        self._network.make()
        self.source = self._network.client(f'{SOURCE}/24')
        self.destination = self._network.client(f'{DESTINATION}/24')
        self.inside = ('nsenter', f'--net={privileged.NAMESPACES / self.source}')
        super()._setUp()
        self._stub()

    def stop(self) -> None:
        """Kill all that runs on the machine of the source: sshd, sessions, agents."""
        privileged.kill(privileged.inhabitants(self.source), 5)
        self.sshd.wait()

    def link(self, state: str) -> None:
        """Cut the connection, or join it again: ``down`` or ``up``."""
        privileged.ip([f'link set eth0 {state}'], self.source)

    def _stub(self) -> None:
        """Have ssh run on the machine of the destination."""
        stub = self.directory / 'bin' / 'ssh'
        stub.parent.mkdir()
        place = privileged.NAMESPACES / self.destination
        stub.write_text(f'#!/bin/sh\nexec nsenter --net={place} {shutil.which("ssh")} "$@"\n')
        stub.chmod(0o755)
        self.useFixture(fixtures.EnvironmentVariable('PATH', f'{stub.parent}:{os.environ["PATH"]}'))

    def running(self) -> list[str]:
        """Command lines of what runs on the machine of the source, less sshd itself."""
        found = []
        for running in privileged.inhabitants(self.source):
            text = pathlib.Path(f'/proc/{running.pid}/cmdline').read_bytes().replace(b'\0', b' ')
            if running.pid != self.sshd.pid:
                found.append(text.decode())
        return found


class SshMixin:
    """Mix-in: the destination reaches the source by ssh."""

    machines: Sshd
    ssh: ClassVar[dict[str, Any]] = {}
    """Further options of both stanzas."""

    def make_machines(self, machines: Sshd) -> None:
        """Make the machines, once both pools are there."""
        self.machines = self.useFixture(machines)  # type: ignore[attr-defined]
        agent = machines.directory / 'ssm-linux-agent'
        self.agent = str(agent)
        self.breaking()
        agent.chmod(0o755)

    def breaking(self, **functions: bool) -> None:
        """Have connections break at requests for some functions, at no others.

        :param functions: by name whether it is carried out before
        """
        program = f"""
import os, sys
from ssm.drivers.linux import agent

for name, carried_out in {functions!r}.items():
    def broken(_function=agent._FUNCTIONS[name], _carried_out=carried_out, **arguments):
        if _carried_out:
            _function(**arguments)
        os._exit(255)  # as ssh says it of a connection that broke

    agent._FUNCTIONS[name] = broken
sys.exit(agent.main())
"""
        path = command.ENVIRONMENT['PYTHONPATH']
        words = shlex.join([*command.python('')[:-2], '-c', program])
        pathlib.Path(self.agent).write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {words} "$@"\n')

    def make_driver(self, stanza: str, **options: Any) -> base.ShareDriver:
        directory = self.machines.directory
        values = {
            'linux_transport': 'ssh',
            'linux_ssh_host': self.machines.address,
            'linux_ssh_port': self.machines.port,
            'linux_ssh_user': 'root',
            'linux_ssh_key': f'{directory}/key',
            'linux_ssh_known_hosts': f'{directory}/known_hosts',
            'linux_ssh_command': self.agent,
            'linux_ssh_timeout': 3,
            'linux_fence_lease': 3,
        }
        made: base.ShareDriver = self.make_linux(stanza, **values | self.ssh | options)  # type: ignore[attr-defined]
        return made

    def change(self, **options: Any) -> None:
        """Other options of both stanzas from now on."""
        for stanza in (harness.SOURCE, harness.DESTINATION):
            self.drivers[stanza] = self.make_driver(stanza, **options)  # type: ignore[attr-defined]

    def check(self, migration: kit.Migration) -> dict[str, str]:
        """Messages of a check by code."""
        driver = self.drivers[harness.DESTINATION]  # type: ignore[attr-defined]
        answer = driver.share_server_migration_check_compatibility(
            self.context,  # type: ignore[attr-defined]
            migration.source,
            'node1@beta',
            {'id': 'network'},
            {'id': 'network'},
            {'shares_size': 1, 'snapshots_size': 0, 'shares_req_spec': []},
        )
        return {f.code: f.message for f in answer['findings']}


class SshBtrfsCase(SshMixin, BtrfsCase):
    """Two btrfs pools on two machines."""

    def make_pool(self, stanza: str) -> pathlib.Path:
        path = super().make_pool(stanza)
        if stanza == harness.DESTINATION:
            self.make_machines(Machines(self.loops.path / 'ssh', self.loops.name))
        return path


class SshDirectoryCase(SshMixin, MigrationCase):
    """Two directories on two machines."""

    def make_pool(self, stanza: str) -> pathlib.Path:
        path = super().make_pool(stanza)
        if stanza == harness.DESTINATION:
            leftovers.clean_up()
            self.make_machines(Machines(path.parent / 'ssh', leftovers.name()))
        return path
