# SPDX-License-Identifier: Apache-2.0

"""How the pool of a migration's source is reached from the destination."""

from __future__ import annotations

import abc
import json
import select
import subprocess
from typing import Any

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux.command import CommandFailed, Commands

_AGENT = 'ssm.drivers.linux.agent'


class Call:
    """A function of an agent that runs; see :meth:`Transport.start`."""

    def __init__(self, transport: Transport, agent: subprocess.Popen[bytes], name: str) -> None:
        self._transport = transport
        self._agent = agent
        self._name = name

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the answer.

        :param timeout: seconds
        :raises DriverRefused: the function refused
        :raises CommandFailed: it failed
        :raises TimeoutError: it took longer; it goes on until the transport is closed
        """
        stream = self._agent.stdout
        assert stream is not None
        if timeout is not None and not select.select([stream], [], [], timeout)[0]:
            raise TimeoutError
        line = stream.readline()
        if not line:
            raise CommandFailed([self._name], self._agent.wait(), 'it ended without an answer')
        self._transport.idle.append(self._agent)
        answer = json.loads(line)
        if 'failed' in answer:
            raise CommandFailed([self._name], 1, answer['failed'])
        if 'refused' in answer:
            findings = [Finding.from_dict(finding) for finding in answer['findings']]
            raise DriverRefused(answer['refused'], findings=findings)
        return answer['value']


class Transport(abc.ABC):
    """Runs agents where the source's pool is, and lets rsync read there."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._agents: list[subprocess.Popen[bytes]] = []
        self.idle: list[subprocess.Popen[bytes]] = []
        """Agents that wait for another call."""

    @abc.abstractmethod
    def python(self, module: str) -> list[str]:
        """A command line of this host that runs a module of ours where the pool is."""

    @abc.abstractmethod
    def command(self, argv: list[str]) -> list[str]:
        """A command line of this host that runs a program where the pool is."""

    @abc.abstractmethod
    def rsync(self, path: str) -> list[str]:
        """Arguments of rsync that name the content of a directory as its source."""

    def start(self, function: str, **arguments: Any) -> Call:
        """Start a function of :mod:`ssm.drivers.linux.agent` there; several may run at a time.

        :param arguments: plain data
        """
        agent = self.idle.pop() if self.idle else self._spawn()
        request = json.dumps({'function': function, 'arguments': arguments})
        assert agent.stdin is not None
        try:
            agent.stdin.write(request.encode('ascii') + b'\n')
            agent.stdin.flush()
        except BrokenPipeError:
            raise CommandFailed([function], agent.wait(), 'the agent is gone') from None
        return Call(self, agent, function)

    def _spawn(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        agent = self._commands.start(self.python(_AGENT), stdin=pipe, stdout=pipe)
        self._agents.append(agent)
        return agent

    def close(self) -> None:
        """End all agents, also those at work."""
        self.idle.clear()
        while self._agents:
            agent = self._agents.pop()
            agent.kill()
            with agent:  # closes the pipes and waits
                pass
