# SPDX-License-Identifier: Apache-2.0

"""Work that is done again and again, in a thread of its own (green or native)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from oslo_log import log as logging

LOG = logging.getLogger(__name__)

Clock = Callable[[], float]

SHORTEST_PAUSE = 0.01
"""Seconds between two calls of work that wants to go on at once: others run meanwhile."""


def within(seconds: float, work: Callable[[], object], name: str) -> bool:
    """Call a function in a thread of its own; False if it takes longer, it then goes on alone."""
    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


class Periodic:
    """Calls a function at an interval until it is stopped; at once when woken.

    An error in the function is logged and the loop goes on: this is an edge of the service.

    :param name: name of the thread, shows in logs
    :param work: returns None, or the seconds until it wants to be called again
    :param interval: seconds from the beginning of one call to the beginning of the next
    :param at_once: False waits an interval before the first call
    :param clock: seconds of a clock that only goes forward
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float | None],
        interval: float,
        *,
        at_once: bool = True,
        clock: Clock = time.monotonic,
    ) -> None:
        self.name = name
        self.work = work
        self.interval = interval
        self.at_once = at_once
        self.clock = clock
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a new thread."""
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name=self.name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Have the next call made now; during a call: right after it."""
        self._wake.set()

    def stop(self, timeout: float | None = None) -> bool:
        """End the loop and wait for the call that runs; False if it outlived the time-out.

        :param timeout: seconds, None waits as long as it takes
        """
        self._stopping = True
        self._wake.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def run_once(self) -> float:
        """Make one call now; returns the seconds to wait for the next one."""
        begun = self.clock()
        try:
            wanted = self.work()
        except Exception:
            LOG.exception('%s failed; it is tried again in %s s', self.name, self.interval)
            wanted = None
        if wanted is not None:
            return max(SHORTEST_PAUSE, wanted)
        return max(SHORTEST_PAUSE, self.interval - (self.clock() - begun))

    def _loop(self) -> None:
        delay = 0.0 if self.at_once else self.interval
        while True:
            self._wake.wait(delay)
            if self._stopping:
                return
            self._wake.clear()
            delay = self.run_once()
