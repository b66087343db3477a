# SPDX-License-Identifier: Apache-2.0

"""Who may carry a migration forward: leases in the row, and proof that an owner is dead.

A lease runs by the database's clock. It is renewed from a native thread with a connection of its
own, so that a busy service does not lose it; a local monotonic deadline of two thirds of it stops
new effects when renewing fails (decision 19).
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import threading
import time
from collections.abc import Collection

import sqlalchemy as sa
from oslo_config import cfg

from ssm.common import concurrency, exceptions
from ssm.db import engine
from ssm.migration import claims


class Lease:
    """The right to work on one migration under one epoch.

    :param seconds: how long it lasts without being renewed
    :param since: monotonic seconds when it was asked for
    """

    def __init__(self, migration_id: str, epoch: int, seconds: float, since: float) -> None:
        self.migration_id = migration_id
        self.epoch = epoch
        self.seconds = seconds
        self._renewed = since
        self.lost = False

    def renewed(self, at: float) -> None:
        """A renewal that was begun ``at`` succeeded."""
        self._renewed = at

    def check(self) -> None:
        """Called before each effect.

        :raises LeaseLost: the lease is another's, or may be soon
        """
        if self.lost or time.monotonic() > self._renewed + self.seconds * 2 / 3:
            raise exceptions.LeaseLost(id=self.migration_id)


class Keeper:
    """Renews leases every third of their time, in a native thread.

    That thread shares nothing with the others but the dictionary of leases: it takes no lock of
    theirs and writes no log. ``trouble`` is why the last round failed, None if it did not.
    """

    def __init__(self, seconds: float) -> None:
        self.trouble: Exception | None = None
        self._seconds = seconds
        self._leases: dict[str, Lease] = {}
        self._stopped = False
        self._engine: sa.Engine | None = None

    def start(self) -> None:
        """Begin to renew; the connection is the thread's own."""
        self._engine = engine.create_engine(cfg.CONF)
        self._sleep = concurrency.native_sleep()
        concurrency.native_thread(self._run, 'lease-keeper')

    def stop(self) -> None:
        """End with the next round."""
        self._stopped = True

    def hold(self, lease: Lease) -> None:
        """Renew this lease from now on."""
        self._leases[lease.migration_id] = lease

    def drop(self, lease: Lease) -> None:
        """Renew it no longer; a later lease on the same migration stays."""
        if self._leases.get(lease.migration_id) is lease:
            del self._leases[lease.migration_id]

    def _run(self) -> None:
        while not self._stopped:
            self._sleep(self._seconds / 3)
            if self._leases:
                self.renew()

    def renew(self) -> None:
        """One round; a round that fails is left to the next, or to the leases' deadlines."""
        try:
            self._renew()
        except Exception as error:  # noqa: BLE001, S201 - the thread has to live, the engine logs it
            self.trouble = error
        else:
            self.trouble = None

    def _renew(self) -> None:
        began = time.monotonic()
        with self._engine.begin() as connection:  # type: ignore[union-attr]
            for lease in list(self._leases.values()):
                statement = claims.renewal(lease.migration_id, lease.epoch, int(lease.seconds))
                if connection.execute(statement).rowcount:
                    lease.renewed(began)
                else:
                    lease.lost = True


class Identity:
    """Who a process is as an owner, ``host@backend:boot id``, and whether other owners live.

    Each process holds a lock on a file of its own below ``state_path`` for its whole life. A
    lock that can be had proves that its owner is dead, so that a restarted service need not wait
    for old leases to run out (decision 20).
    """

    def __init__(self, host: str, boot_id: str, state_path: str) -> None:
        self.host = host
        self.owner = f'{host}:{boot_id}'
        self._directory = pathlib.Path(state_path) / 'owners'
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path(self.owner), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _path(self, owner: str) -> pathlib.Path:
        return self._directory / f'{owner.replace("/", "_")}.lock'

    def dead(self, owners: Collection[str]) -> set[str]:
        """Those of the owners that certainly do not live any more."""
        return {owner for owner in owners if owner != self.owner and self._is_dead(owner)}

    def _is_dead(self, owner: str) -> bool:
        if not owner.startswith(f'{self.host}:'):
            return False
        try:
            other = os.open(self._path(owner), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(other)
        return True

    def close(self) -> None:
        """Give up the identity: from now on this owner counts as dead."""
        os.close(self._file)


class Bell:
    """Something to wait for that can be rung early; one a running migration."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def ring(self) -> None:
        """End the present wait, or the next one."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Wait until rung, at most so many seconds."""
        self._event.wait(seconds)
        self._event.clear()
