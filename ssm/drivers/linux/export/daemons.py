# SPDX-License-Identifier: Apache-2.0

"""Daemons that serve shares: where they keep what a reboot may take, and how they come up."""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterable

from ssm.drivers.linux import process
from ssm.drivers.linux.privileged import Running

RUN = pathlib.Path('/run/ssm')
"""What is of no use after a reboot; a path of a pool may be too long for a socket."""

_POLL = 0.005
_TAIL = 1500


def wait(
    running: Running,
    condition: Callable[[], bool],
    deadline: float,
    *,
    failed: Callable[[], Exception],
    slow: Callable[[], Exception],
) -> None:
    """Wait until a daemon that was started is ready.

    :param deadline: of the monotonic clock, seconds
    :param failed: made and raised if it ends
    :param slow: made and raised if it is not ready then
    """
    while not condition():
        if process.ended(*running):
            raise failed()
        if time.monotonic() > deadline:
            raise slow()
        time.sleep(_POLL)


def listens(running: Running, table: str, socket: str) -> bool:
    """Whether there is a socket in the network namespace of a daemon.

    :param table: ``tcp`` or ``tcp6``
    :param socket: what ``/proc/<pid>/net/<table>`` says of it
    """
    try:
        return socket in pathlib.Path(f'/proc/{running.pid}/net/{table}').read_text('ascii')
    except (FileNotFoundError, ProcessLookupError):
        return False


def last_words(logs: Iterable[pathlib.Path]) -> str:
    """The ends of some logs, in one line; those that do not exist say nothing."""
    words = []
    for file in logs:
        with contextlib.suppress(FileNotFoundError):
            words += file.read_text(encoding='utf-8', errors='replace')[-_TAIL:].split()
    return ' '.join(words)
