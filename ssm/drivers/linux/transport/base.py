# SPDX-License-Identifier: Apache-2.0

"""How the pool of a migration's source is reached from the destination."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import json
import select
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux.command import CommandFailed, Commands
from ssm.drivers.linux.stream import Pace, Sender

_NOTHING: Mapping[str, Any] = {}


@dataclasses.dataclass
class Agent:
    """A process that answers requests; see :mod:`ssm.drivers.linux.agent`.

    :param errors: what it wrote to stderr
    """

    argv: Sequence[str]
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def ask(self, function: str, arguments: Mapping[str, Any]) -> None:
        """Send a request.

        :raises CommandFailed: it is gone
        """
        request = json.dumps({'function': function, 'arguments': arguments})
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(request.encode('ascii') + b'\n')
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.failure() from None

    def failure(self) -> CommandFailed:
        """Why it ended; waits for its end."""
        code = self.process.wait()
        self.errors.seek(0)
        words = self.errors.read().decode('utf-8', 'replace').strip()
        return CommandFailed(self.argv, code, words or 'it ended without an answer')

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        with contextlib.suppress(BrokenPipeError), self.process:  # closes the pipes and waits
            pass
        self.errors.close()


class Call:
    """A function of an agent that runs; see :meth:`Transport.start`."""

    def __init__(self, transport: Transport, agent: Agent, name: str) -> None:
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
        stream = self._agent.process.stdout
        assert stream is not None
        if not select.select([stream], [], [], timeout)[0]:
            raise TimeoutError
        line = stream.readline()
        if not line.endswith(b'\n'):
            raise self._agent.failure()
        self._transport.idle.append(self._agent)
        answer = json.loads(line)
        if 'failed' in answer:
            raise CommandFailed([self._name], 1, answer['failed'])
        if 'refused' in answer:
            findings = [Finding.from_dict(finding) for finding in answer['findings']]
            raise DriverRefused(answer['refused'], findings=findings)
        return answer['value']


class Transport(abc.ABC):
    """Runs agents where the source's pool is, and brings bytes from there.

    :param way: how to get there, as :func:`ssm.drivers.linux.check.way` says
    :param parallel: shares copied at the same time, which have to share what is limited
    """

    def __init__(
        self, commands: Commands, way: Mapping[str, Any] = _NOTHING, parallel: int = 1
    ) -> None:
        self.way = way
        self.compression: int = way.get('compression', 0)
        self.pace = Pace(way.get('rate_limit', 0) << 20)
        self._parallel = parallel
        self._commands = commands
        self._agents: list[Agent] = []
        self.idle: list[Agent] = []
        """Agents that wait for another call."""

    @classmethod
    def unusable(cls, compression: int) -> str | None:  # noqa: ARG003
        """Why this part can't be used on this host, None if it can.

        :param compression: the option ``linux_compression``
        """
        return None

    @property
    def place(self) -> str:
        """What the host of the source is called in messages."""
        return 'this host'

    @abc.abstractmethod
    def agent(self) -> list[str]:
        """A command line of this host that runs an agent where the pool is."""

    @abc.abstractmethod
    def send(self, migration: str, path: str, parent: str | None) -> Sender:
        """Start to send a read-only subvolume; see :func:`ssm.drivers.linux.btrfs.send`."""

    @abc.abstractmethod
    def rsync(self, path: str) -> list[str]:
        """Arguments of rsync that name the content of a directory as its source."""

    def lost(self, error: CommandFailed) -> Finding | None:
        """What to say if an error means that the connection to the source is broken."""
        return None

    def settle(self, migration: str) -> None:
        """End what an earlier worker of a migration may have left running at the source."""

    def limits(self) -> list[str]:
        """Options of rsync for compression and rate."""
        options: list[str] = []
        if self.pace.rate:
            options += [f'--bwlimit={max(1, self.pace.rate // self._parallel >> 10)}']
        if self.compression:
            options += ['--compress', '--compress-choice=zstd']
            options += [f'--compress-level={self.compression}']
        return options

    def start(self, function: str, **arguments: Any) -> Call:
        """Start a function of :mod:`ssm.drivers.linux.agent` there; several may run at a time.

        :param arguments: plain data
        """
        agent = self._free()
        agent.ask(function, arguments)
        return Call(self, agent, function)

    def _free(self) -> Agent:
        with contextlib.suppress(IndexError):
            return self.idle.pop()
        argv = self.agent()
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        pipe = subprocess.PIPE
        process = self._commands.start(argv, stdin=pipe, stdout=pipe, stderr=errors)
        agent = Agent(argv, process, errors)
        self._agents.append(agent)
        return agent

    def close(self) -> None:
        """End all agents, also those at work."""
        self.idle.clear()
        while self._agents:
            self._agents.pop().end()
