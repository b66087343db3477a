# SPDX-License-Identifier: Apache-2.0

"""Locks of share managers: waited for, renewed while held, safe against other processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from oslo_concurrency import lockutils
from oslo_log import log as logging
from oslo_utils import uuidutils

from ssm.common import exceptions, loops
from ssm.db import locks

LOG = logging.getLogger(__name__)

SECONDS = 60
"""How long a lock outlives a holder that died."""

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Held(exceptions.Conflict):
    """Somebody else holds the lock, and the caller would not wait."""

    code = 'lock_held'
    template = '{holder} holds lock {name}.'


@contextlib.contextmanager
def held(name: str, purpose: str, owner: str, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock for the time of a block.

    :param purpose: why, for the logs of those that wait
    :param owner: the process; each use is a holder of its own
    :param wait: False gives up at once
    :raises Held: only without ``wait``
    """
    holder = f'{owner}:{uuidutils.generate_uuid()[:8]}'
    with _local(name, wait=wait):
        _acquire(name, purpose, holder, wait=wait)
        renewal = loops.Periodic(
            f'lock {name}',
            lambda: _renew(name, purpose, holder),
            SECONDS / 3,
            at_once=False,
        )
        renewal.start()
        try:
            yield
        finally:
            renewal.stop()
            locks.release(name, holder)


@contextlib.contextmanager
def _local(name: str, *, wait: bool) -> Iterator[None]:
    """The same lock within this process, so that only one thread asks the database for it."""
    try:
        with lockutils.lock(name, do_log=False, blocking=wait):
            yield
    except lockutils.AcquireLockFailedException as error:
        raise Held(holder='This process', name=name) from error


def _acquire(name: str, purpose: str, holder: str, *, wait: bool) -> None:
    pause = _FIRST_PAUSE
    while not locks.acquire(name, purpose, holder, SECONDS):
        other = locks.holder(name)
        if not wait:
            raise Held(holder=other and ' for '.join(other), name=name)
        if pause == _FIRST_PAUSE:
            LOG.info('%s waits for lock %s, held by %s', purpose, name, other)
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _renew(name: str, purpose: str, holder: str) -> None:
    if not locks.acquire(name, purpose, holder, SECONDS):
        LOG.error('Lock %s was lost by %s, to %s', name, purpose, locks.holder(name))
