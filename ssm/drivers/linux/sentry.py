# SPDX-License-Identifier: Apache-2.0

"""The process that opens a closed source again when its destination is silent.

``python -m ssm.drivers.linux.sentry SERVER``, started on the host of the source when a migration
closes a server, and by the source's driver if it is gone. There is one per server; it ends with
the provisional fence. Only the monotonic clock of this host counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pathlib
import sys
import time
from typing import Any

from ssm.common.exceptions import DriverError
from ssm.drivers.linux import agent, fence, pool, process
from ssm.drivers.linux.command import CommandFailed

# stdlib: oslo.log takes long to import
LOG = logging.getLogger('sentry')

_POLL = 0.2
_AGAIN = 5.0
"""Seconds between two attempts to open the server."""


def _watched(server: pool.Server) -> dict[str, Any] | None:
    """The fence, as long as it may end by itself."""
    found = server.fence()
    return None if found is None or fence.is_confirmed(found) else found


def watch(server: pool.Server) -> None:
    """Wait until the fence is confirmed or gone, or has to be ended, and end it."""
    sign, since = None, 0.0
    while found := _watched(server):
        last = found['nonce'], server.sentry_file.stat().st_mtime_ns
        if last != sign:
            sign, since = last, time.monotonic()
        if found.get('lapsed') or time.monotonic() - since > found['lease']:
            _open(server, found)
        time.sleep(_POLL)


def _open(server: pool.Server, found: dict[str, Any]) -> None:
    migration = found['migration_id']
    try:
        if not fence.lapse(server, found['nonce']):
            return
        # it may still be closing, in which case it would go on
        process.kill(*found['agent'])
        while process.alive(*found['agent']):
            time.sleep(0.02)
        names = [file.stem for file in server.exports.glob('*.json')]
        agent.reopen(found['side'], names, migration, found['epoch'], lapsed=True)
        LOG.warning(
            'Migration %s was silent for %g s; the server is open again.',
            migration,
            found['lease'],
        )
    except (DriverError, CommandFailed, OSError) as error:
        LOG.warning('Migration %s: the server does not open: %s', migration, error)
        time.sleep(_AGAIN)


def main(argv: list[str]) -> int:
    """The program; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(levelname)s %(message)s')
    server = pool.Server(pathlib.Path(argv[0]))
    descriptor = os.open(server.sentry_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # behind the one of an earlier fence, which ends soon
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with contextlib.suppress(FileNotFoundError):  # the server is removed
        watch(server)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
