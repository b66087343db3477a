# SPDX-License-Identifier: Apache-2.0

"""An NFS client in a network namespace, as a process.

``nsenter --net=… python -m ssm.tests.world.nfs_client VERSION`` reads requests from stdin, each a
line with a JSON list of the name of a function and its arguments, and prints a line for each:
``{"value": …}`` or ``{"error": words, "errno": number or null}``.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from ssm.drivers.linux import privileged
from ssm.tests.world import nfs_raw

CONNECT_TIMEOUT = 1.0
OPERATION_TIMEOUT = 3.0
GRACE_TIMEOUT = 20.0
"""Seconds; a server that was restarted gives those time first who had files open."""


RECORD = 8
"""Bytes of what is written to a file that is held."""

RENEWAL_TIMEOUT = 6.5
"""Seconds in which a client renews its lease of 16 s or less once."""

HOLD_TIMEOUT = 20.0
"""Seconds to wait for more records, and for one to be acknowledged."""


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
    :param version: of NFS
    """

    def __init__(self, namespace: str, version: str = '4.1') -> None:
        argv = ['nsenter', f'--net={privileged.NAMESPACES / namespace}']
        self._process = subprocess.Popen(
            [*argv, sys.executable, '-W', 'ignore', '-m', 'ssm.tests.world.nfs_client', version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, 'SSM_CONCURRENCY': 'threading'},  # its threads have to be threads
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
def mounted(
    location: str,
    version: str = '',
    timeout: float = CONNECT_TIMEOUT,
    operation_timeout: float = OPERATION_TIMEOUT,
) -> Iterator[Any]:
    """A connection to a share.

    :param version: of NFS; by default that of the client
    """
    import nfs_rs  # not on machines that run no tests of NFS

    with nfs_rs.Client.connect(
        url(location),
        versions=[version or sys.argv[1]],
        connect_timeout=timeout,
        operation_timeout=operation_timeout,
    ) as connection:
        yield connection


def wait_for_state(connection: Any) -> None:
    """Wait until a client that was cut off has got its state back, or might have.

    nfs-rs finds out by a renewal that its server is another process. A write of its own that comes
    upon the new one at that moment still has the old state. For that it gives its file up (0.8.7),
    where RFC 7530, 9.6.2 has it get its state back.
    """
    deadline = time.monotonic() + RENEWAL_TIMEOUT
    for healthy in (False, True):
        while connection.health.lease_healthy is not healthy and time.monotonic() < deadline:
            time.sleep(0.0002)  # it may be a millisecond


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


class Holder(threading.Thread):
    """Opens a file once and writes small records to it, each once more until it is acknowledged."""

    def __init__(self, location: str, path: str) -> None:
        super().__init__(daemon=True)
        self._location = location
        self._path = path
        self.times: list[float] = []
        """When each was acknowledged."""
        self.told = 0
        self.error = ''

    def run(self) -> None:
        with (
            mounted(self._location, operation_timeout=HOLD_TIMEOUT) as connection,
            connection.open(self._path, 'wb') as file,
        ):
            while True:
                try:
                    file.seek(len(self.times) * RECORD)
                    file.write(b'%0*d\n' % (RECORD - 1, len(self.times)))
                except (OSError, RuntimeError) as error:
                    self.error = f'{type(error).__name__}: {error}'
                    wait_for_state(connection)
                else:
                    time.sleep(0.005)
                    self.times.append(time.monotonic())
                    self.error = ''

    def wait(self, more: int) -> None:
        """Wait until it wrote so many records more.

        :raises RuntimeError: it does not
        """
        wanted, deadline = len(self.times) + more, time.monotonic() + HOLD_TIMEOUT
        while len(self.times) < wanted:
            if time.monotonic() > deadline:
                raise RuntimeError(f'{len(self.times)} records were written; {self.error}')
            time.sleep(0.01)


_held: dict[str, Holder] = {}


def hold(location: str, path: str) -> None:
    """Keep a file open and write to it, from now on."""
    _held[path] = Holder(location, path)
    _held[path].start()
    _held[path].wait(20)


def held(path: str) -> tuple[int, float]:
    """How many records a file that is held has at least, and the longest time between two of late.

    Since the last call, that is.

    :raises RuntimeError: no more are written
    """
    found = _held[path]
    found.wait(20)
    times = found.times[found.told :]
    found.told += len(times) - 1
    return found.told + 1, max(b - a for a, b in itertools.pairwise(times))


_idle: dict[str, socket.socket] = {}


def connect(location: str) -> None:
    """Make a connection to the server of a share, and ask nothing."""
    _idle[location] = socket.create_connection((location.rpartition(':')[0], nfs_raw.PORT), 5)


def ending(location: str) -> str:
    """How the connection ends: ``reset``, or ``end`` as if the server had closed it."""
    with _idle.pop(location) as connection:
        connection.settimeout(HOLD_TIMEOUT)
        try:
            connection.sendall(b'\x80\0\0\0')  # an empty request
            return 'end' if not connection.recv(1) else 'answer'
        except ConnectionResetError:
            return 'reset'


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


_FUNCTIONS = {
    function.__name__: function
    for function in (
        *(write, read, write_for, walk, wait, hold, held, connect, ending),
        *(nfs_raw.handle, nfs_raw.knows),
    )
}


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
