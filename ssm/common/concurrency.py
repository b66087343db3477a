# SPDX-License-Identifier: Apache-2.0

"""The one switch between eventlet and native threads.

Nothing else imports eventlet. Entry points call :func:`setup` before they import anything that
opens sockets or starts threads. ``SSM_CONCURRENCY=threading`` runs the same code on native
threads. The default flips to threading when oslo drops eventlet.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

from oslo_service import backend

EVENTLET = 'eventlet'
THREADING = 'threading'


def mode() -> str:
    """``eventlet`` (default) or ``threading``, from the environment variable SSM_CONCURRENCY.

    :raises ValueError: the variable holds anything else
    """
    value = os.environ.get('SSM_CONCURRENCY', EVENTLET)
    if value not in (EVENTLET, THREADING):
        raise ValueError(f'SSM_CONCURRENCY is {value!r}, must be eventlet or threading')
    return value


def setup(force: str | None = None) -> str:
    """Choose the run time of this process; returns which one it is.

    :param force: overrides the environment (the API always runs on native threads)
    """
    chosen = force or mode()
    if chosen == EVENTLET:
        import eventlet

        eventlet.monkey_patch()
    backend.init_backend(backend.BackendType(chosen))
    return chosen


def native_thread(target: Callable[[], None], name: str) -> Any:
    """Start a real operating system thread, also where threads are patched to be green.

    What runs in it must not touch locks, sockets or connections of other threads.
    """
    thread_class = threading.Thread
    if backend.get_backend_type() is backend.BackendType.EVENTLET:
        from eventlet import patcher

        thread_class = patcher.original('threading').Thread
    thread = thread_class(target=target, name=name, daemon=True)
    thread.start()
    return thread


def native_sleep() -> Callable[[float], None]:
    """``time.sleep`` of the operating system, for use in a native thread; seconds."""
    if backend.get_backend_type() is backend.BackendType.EVENTLET:
        from eventlet import patcher

        return patcher.original('time').sleep
    import time

    return time.sleep
