# SPDX-License-Identifier: Apache-2.0

"""Runs services in this process until a signal ends them; green or native threads alike.

This stands in for the launcher of oslo.service, which forks in its threading mode: the
in-process transport does not cross processes (decision 23).
"""

from __future__ import annotations

import logging as std_logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

STOP_SECONDS = 4.0
"""How long services may take to stop; what still runs then is as safe as in a crash (rule 1)."""

_POLL_SECONDS = 0.1


class Service(Protocol):
    """What can be run."""

    name: str

    def start(self) -> bool:
        """Begin; False if it can't, and said why. Others go on."""

    def stop(self) -> None:
        """End."""


class _Signals:
    """Notes the first SIGTERM or SIGINT; a plain flag, as a handler may run anywhere."""

    def __init__(self) -> None:
        self.caught: int | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: object) -> None:
        self.caught = number

    def wait(self) -> None:
        """Return once there was one."""
        while self.caught is None:
            time.sleep(_POLL_SECONDS)


def run(services: Sequence[Service], ready: Callable[[list[str]], str]) -> int:
    """Start services in this order, wait for a signal, stop them all at once.

    :param ready: makes the line that is printed when all are started, of the names of those
        that are
    :returns: exit status of the process: 1 if a service failed to start, none could, or one did
        not stop in time
    """
    signals = _Signals()
    started: list[Service] = []
    for service in services:
        try:
            if signals.caught is None and service.start():
                started.append(service)
        except Exception:
            LOG.exception('%s could not start', service.name)
            _stop(started)
            return 1
    if not started:
        return 1
    print(ready([service.name for service in started]), flush=True)
    signals.wait()
    LOG.info('Stopping %s', ', '.join(service.name for service in started))
    return 0 if _stop(started) else 1


def leave(status: int) -> NoReturn:
    """End the process now, without waiting for threads that still work."""
    std_logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


def _stop(services: Sequence[Service]) -> bool:
    """Stop services at the same time, as each may have to wait for others outside."""
    until = time.monotonic() + STOP_SECONDS
    threads = [
        threading.Thread(target=_stop_one, args=(service,), daemon=True, name=service.name)
        for service in reversed(services)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    if late:
        LOG.error('Not stopped within %s s: %s', STOP_SECONDS, ', '.join(late))
    return not late


def _stop_one(service: Service) -> None:
    try:
        service.stop()
    except Exception:
        LOG.exception('%s did not stop cleanly', service.name)
