# SPDX-License-Identifier: Apache-2.0

"""How the pool of a migration's source is reached from the destination."""

from __future__ import annotations

import abc
import contextlib
import json
import subprocess
from typing import Any

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux import command

AGENT = 'ssm.drivers.linux.agent'


class Call:
    """A function of the agent that runs; see :meth:`Transport.start`."""

    def __init__(self, process: subprocess.Popen[bytes], argv: list[str], data: bytes) -> None:
        self._process = process
        self._argv = argv
        assert process.stdin is not None
        # the agent reads everything before it answers; one that died is reported by result
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(data)
        process.stdin = None

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the answer.

        :raises DriverRefused: the function refused
        :raises CommandFailed: it failed
        :raises subprocess.TimeoutExpired: it took longer than ``timeout`` seconds
        """
        answer = json.loads(command.finish(self._process, self._argv, timeout=timeout))
        if 'refused' in answer:
            findings = [Finding.from_dict(finding) for finding in answer['findings']]
            raise DriverRefused(answer['refused'], findings=findings)
        return answer['value']


class Transport(abc.ABC):
    """Runs programs where the source's pool is, and lets rsync read there."""

    def __init__(self, commands: command.Commands) -> None:
        self.commands = commands

    @abc.abstractmethod
    def argv(self, argv: list[str]) -> list[str]:
        """A command line of this host that runs another one where the pool is."""

    @abc.abstractmethod
    def rsync(self, path: str) -> list[str]:
        """Arguments of rsync that name the content of a directory as its source."""

    @abc.abstractmethod
    def python(self) -> str:
        """The interpreter to run there."""

    def run(self, *argv: str, timeout: float | None = None) -> str:
        """Run a program there; returns what it printed."""
        return self.commands.run(self.argv(list(argv)), timeout=timeout)

    def start(self, function: str, **arguments: Any) -> Call:
        """Start a function of :mod:`ssm.drivers.linux.agent` there.

        :param arguments: plain data
        """
        pipe = subprocess.PIPE
        argv = self.argv([self.python(), '-P', '-m', AGENT, function])
        process = self.commands.start(argv, stdin=pipe, stdout=pipe, stderr=pipe)
        return Call(process, argv, json.dumps(arguments).encode('ascii'))
