# SPDX-License-Identifier: Apache-2.0

"""A client that goes on writing by NFS through a migration, see :mod:`ssm.tests.world.writer`.

Run as ``python -m ssm.tests.world.nfs_writer URL SHARE_ID ACKNOWLEDGED NAMESPACE VERSION``; ends
on SIGTERM. It asks the API from where it was started, and writes from the namespace. With the
version ``open`` it is one of NFSv4.0 that opens its file once and never again.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, TextIO

from ssm.drivers.linux import privileged
from ssm.tests.world.nfs_client import url as nfs_url
from ssm.tests.world.nfs_client import wait_for_state
from ssm.tests.world.writer import FILE, PAUSE, export_location, record

CONNECT_TIMEOUT = 0.3
OPERATION_TIMEOUT = 0.5
"""Seconds; a server that moves does not answer."""

ASK_PAUSE = 0.05
OPEN = 'open'
OPEN_TIMEOUT = 20.0
"""The same of a client that keeps its file open."""

_NETWORK = 0x40000000


class Locator:
    """Asks the API in a thread of its own, which stays where it is.

    :param url: of the API
    """

    def __init__(self, url: str, share_id: str) -> None:
        self._questions: queue.Queue[None] = queue.Queue()
        self._answers: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._run, args=(url, share_id), daemon=True).start()

    def _run(self, url: str, share_id: str) -> None:
        while True:
            self._questions.get()
            self._answers.put(export_location(url, share_id))

    def ask(self) -> str | None:
        """Where the share is, None while the API does not say."""
        self._questions.put(None)
        return self._answers.get()


def enter(namespace: str) -> None:
    """Take this thread, and those it starts, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (privileged.NAMESPACES / namespace).open() as file:
        if libc.setns(file.fileno(), _NETWORK):
            raise OSError(ctypes.get_errno(), 'setns')


def connect(
    location: str | None, version: str, operation_timeout: float = OPERATION_TIMEOUT
) -> Any:
    """A connection to a share.

    :raises OSError: there is none
    """
    import nfs_rs  # its threads have to be in the namespace

    if location is None:
        raise FileNotFoundError
    return nfs_rs.Client.connect(
        nfs_url(location),
        versions=[version],
        connect_timeout=CONNECT_TIMEOUT,
        operation_timeout=operation_timeout,
    )


def write_open(connection: Any, name: str, running: list[bool], log: TextIO) -> None:
    """Write until told to stop, to a file that stays open.

    :raises NfsLostOpenStateError: it did not
    """
    import nfs_rs

    number, position = 0, 0
    file = connection.open(name, 'wb')
    while running:
        data = record(number)
        try:
            # what was on its way when the server went is written once more
            file.seek(position)
            file.write(data)
        except nfs_rs.NfsLostOpenStateError:
            raise
        except (OSError, RuntimeError) as error:
            print(f'{time.monotonic():.3f} {type(error).__name__}: {error}', flush=True)
            wait_for_state(connection)
            continue
        log.write(f'{number} {time.monotonic():.6f}\n')
        number, position = number + 1, position + len(data)
        time.sleep(PAUSE)


def main() -> None:
    """Write until told to stop."""
    url, share_id, acknowledged, namespace, version = sys.argv[1:]
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    locator = Locator(url, share_id)
    enter(namespace)
    connection, location, number = None, None, 0
    name = f'{FILE}-{version}'
    with open(acknowledged, 'a', buffering=1) as log:
        if version == OPEN:
            connection = connect(locator.ask(), '4.0', OPEN_TIMEOUT)
            write_open(connection, name, running, log)
        while running:
            try:
                if connection is None:
                    location = locator.ask() or location
                    connection = connect(location, version)
                with connection.open(name, 'ab') as file:
                    file.write(record(number))
            except (OSError, RuntimeError) as error:  # of which are all of the client
                print(f'{time.monotonic():.3f} {type(error).__name__}: {error}', flush=True)
                connection = None
                time.sleep(ASK_PAUSE)
                continue
            log.write(f'{number} {time.monotonic():.6f}\n')
            number += 1
            time.sleep(PAUSE)
    # without the connection's end, which a server that went away would hold up
    os._exit(0)


if __name__ == '__main__':
    main()
