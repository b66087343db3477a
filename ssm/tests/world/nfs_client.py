# SPDX-License-Identifier: Apache-2.0

"""An NFS client in a network namespace, as a process.

``nsenter --net=… python -m ssm.tests.world.nfs_client`` reads requests from stdin, each a line
with a JSON list of the name of a function and its arguments, and prints a line for each:
``{"value": …}`` or ``{"error": words, "errno": number or null}``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from ssm.drivers.linux import privileged

CONNECT_TIMEOUT = 1.0
OPERATION_TIMEOUT = 3.0
GRACE_TIMEOUT = 20.0
"""Seconds; a server that was restarted gives those time first who had files open."""


class Refused(Exception):
    """The server, or the network, said no.

    :param errno: of the error, None if it has none
    """

    def __init__(self, words: str, number: int | None) -> None:
        super().__init__(words)
        self.errno = number


class Client:
    """The process, and the calls to it.

    :param namespace: where it lives
    """

    def __init__(self, namespace: str) -> None:
        argv = ['nsenter', f'--net={privileged.NAMESPACES / namespace}']
        self._process = subprocess.Popen(
            [*argv, sys.executable, '-W', 'ignore', '-m', 'ssm.tests.world.nfs_client'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of this module; returns its value.

        :raises Refused: it failed
        """
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([function, *arguments]) + '\n')
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if 'error' in answer:
            raise Refused(answer['error'], answer['errno'])
        return answer['value']

    def write(self, location: str, path: str, text: str) -> None:
        """Make a text the content of a file."""
        self.call('write', location, path, text)

    def read(self, location: str, path: str) -> str:
        """The content of a file."""
        found: str = self.call('read', location, path)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        with self._process:
            pass


# In the process


def url(location: str) -> str:
    """What the client calls an export location."""
    host, _, path = location.rpartition(':')
    return f'nfs://{host}{path}'


@contextlib.contextmanager
def mounted(location: str, version: str = '4.1', timeout: float = CONNECT_TIMEOUT) -> Iterator[Any]:
    """A connection to a share."""
    import nfs_rs  # not on machines that run no tests of NFS

    with nfs_rs.Client.connect(
        url(location),
        versions=[version],
        connect_timeout=timeout,
        operation_timeout=OPERATION_TIMEOUT,
    ) as connection:
        yield connection


def write(location: str, path: str, text: str) -> None:
    """See :class:`Client`."""
    with mounted(location) as connection, connection.open(path, 'wb') as file:
        file.write(text.encode())


def read(location: str, path: str) -> str:
    """See :class:`Client`."""
    with mounted(location) as connection, connection.open(path, 'rb') as file:
        text: bytes = file.read()
    return text.decode()


def write_for(location: str, path: str, seconds: float) -> list[float]:
    """Write durably to an open file, again and again; returns how long each time took."""
    taken = []
    with mounted(location, '4.0') as connection, connection.open(path, 'wb') as file:
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            file.write(b'x' * 4096)
            taken.append(time.monotonic() - begun)
    return taken


def walk(location: str, count: int) -> None:
    """Make many files and look at each of them."""
    with mounted(location, '4.0') as connection:
        for number in range(count):
            connection.touch(f'file{number}')
        for number in range(count):
            connection.stat(f'file{number}')


def wait(location: str, seconds: float) -> None:
    """Wait until a share can be reached."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with mounted(location):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise


_FUNCTIONS = {function.__name__: function for function in (write, read, write_for, walk, wait)}


def _answer(name: str, arguments: list[Any]) -> dict[str, Any]:
    deadline = time.monotonic() + GRACE_TIMEOUT
    while True:
        try:
            return {'value': _FUNCTIONS[name](*arguments)}
        except (OSError, RuntimeError) as error:  # of these are all of the client
            number = getattr(error, 'errno', None)
            if number != errno.EAGAIN or time.monotonic() > deadline:
                return {'error': f'{type(error).__name__}: {error}', 'errno': number}
            time.sleep(0.2)


def main() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(_answer(name, arguments)), flush=True)


if __name__ == '__main__':
    main()
