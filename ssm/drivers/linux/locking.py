# SPDX-License-Identifier: Apache-2.0

"""Locks between threads and processes of this host; a lock goes with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
import time
from collections.abc import Iterator

from ssm.common.exceptions import DriverBusy

_TIMEOUT = 15.0
_POLL = 0.02


@contextlib.contextmanager
def exclusive(file: pathlib.Path, what: str) -> Iterator[None]:
    """Hold the lock of a file, for short work only.

    :param what: is worked on, for the reader of the error
    :raises DriverBusy: somebody else holds it for long
    :raises FileNotFoundError: there is no directory for the file
    """
    deadline = time.monotonic() + _TIMEOUT
    with file.open('w') as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise DriverBusy(f'Another process is at {what}.') from None
                time.sleep(_POLL)
        yield
