# SPDX-License-Identifier: Apache-2.0

"""How long a source stays closed: provisionally at first, for good once that is confirmed.

A provisional fence has a ``nonce`` and a ``lease``. A sentry (:mod:`ssm.drivers.linux.sentry`) on
the host of the source opens the server again when the destination gives no sign of life for so
long; the fence is ``lapsed`` then. When all is copied and proved the destination confirms the
fence, in one step and before it opens. From then on only it ends the fence (decision 16).
Functions of the agent, and what drivers need of it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from typing import Any

from ssm.drivers.linux import command, pool, process


def provisional(
    side: dict[str, str], migration: str, epoch: int, nonce: str, lease: float
) -> dict[str, Any]:
    """A fence that ends by itself.

    :param nonce: of this attempt to close the server
    :param lease: seconds without a sign of life after which it lapses
    """
    own = process.status(os.getpid())
    assert own is not None
    return {
        'migration_id': migration,
        'epoch': epoch,
        'side': side,
        'nonce': nonce,
        'lease': lease,
        'agent': [os.getpid(), own.start],
    }


def is_confirmed(fence: dict[str, Any]) -> bool:
    """Whether a fence stays until the destination ends it."""
    return 'nonce' not in fence


def post_sentry(server: pool.Server) -> None:
    """Start the sentry of a server, which ends at once if there is nothing to watch."""
    environment = {**os.environ, **command.ENVIRONMENT}
    environment.pop(process.MARK, None)  # it does not end with the worker
    with (server.path / 'sentry.log').open('ab') as log:
        subprocess.Popen(
            [*command.python('ssm.drivers.linux.sentry'), str(server.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd='/',
            start_new_session=True,
            env=environment,
        )


def is_watched(server: pool.Server) -> bool:
    """Whether a server has a sentry."""
    with server.sentry_file.open('a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def beat(side: dict[str, str]) -> None:
    """A sign of life of the destination."""
    _server(side).sentry_file.touch()


def confirm(side: dict[str, str], migration: str, nonce: str) -> bool:
    """Make a provisional fence stay; False if it lapsed, and the source serves again."""
    server = _server(side)
    with server.locked():
        fence = server.fence()
        if fence is None or fence.get('lapsed') or fence.get('nonce') != nonce:
            return False
        kept = {'migration_id': migration, 'epoch': fence['epoch']}
        pool.write_json(server.fence_file, kept, durable=True)
    return True


def lapse(server: pool.Server, nonce: str) -> bool:
    """See to it that a fence can't be confirmed any more; False if it is another one by now."""
    with server.locked():
        fence = server.fence()
        if fence is None or fence.get('nonce') != nonce:
            return False
        pool.write_json(server.fence_file, fence | {'lapsed': True}, durable=True)
    return True


def _server(side: dict[str, str]) -> pool.Server:
    return pool.Pool(side['pool']).server(side['server'])
