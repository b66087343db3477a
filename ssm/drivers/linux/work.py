# SPDX-License-Identifier: Apache-2.0

"""What a worker has in hand: the job, the copies of shares, and the way to the source."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ssm.common.exceptions import DriverBusy
from ssm.drivers.linux import parts, pool
from ssm.drivers.linux.command import CommandFailed, Commands, Stopped
from ssm.drivers.linux.copying import ShareCopy, State
from ssm.drivers.linux.progress import ProgressFile
from ssm.drivers.linux.storage.base import Storage, Task
from ssm.drivers.linux.transport.base import Transport

# stdlib: oslo.log takes longer to import than most steps take
LOG = logging.getLogger('worker')

_BEATS = 6
"""Signs of life in the time after which a source opens again."""


class Work:
    """A job with everything that is needed to do it."""

    def __init__(self, place: pool.Pool, migration: pool.Migration, epoch: int, lock: int) -> None:
        job = pool.read_json(migration.job_file)
        self.place = place
        self.migration = migration
        self.epoch = epoch
        self.shares: list[dict[str, Any]] = job['shares']
        self.snapshots: list[dict[str, Any]] = job['snapshots']
        self.options: dict[str, Any] = job['options']
        self.source_side: dict[str, str] = job['source']
        self.server = place.server(job['destination']['server'])
        self.moves: dict[str, Any] | None = job['moves']
        """Set if the server itself moves: whether it gets ``new_addresses``, and its ``record``,
        once that is known."""
        self.export = parts.export(job['destination'], self.server)
        self.commands = Commands(keep=[lock])
        self.storage: Storage = parts.load('storage', job['destination']['storage'])(
            place, self.commands, quotas=self.options['quotas']
        )
        way = self.way = job['way']
        self.source: Transport = parts.load('transport', way['transport'])(
            self.commands, way, self.options['parallel']
        )
        self.alone = False
        self.names = [share['name'] for share in self.shares]
        self.units = self.storage.units(self.shares)
        self.progress = ProgressFile(
            migration,
            [unit['id'] for unit in self.units],
            self.options['parallel'],
            self.storage.opening,
        )

    @functools.cached_property
    def copies(self) -> list[ShareCopy]:
        """One for each that is copied by itself."""
        state = State(self.migration)
        origin = pool.Pool(self.source_side['pool']).server(self.source_side['server'])
        return [
            ShareCopy(
                self.storage,
                Task(
                    source=self.source,
                    side=self.source_side,
                    origin=origin,
                    place=self.storage.place(origin, unit['name']),
                    migration=self.migration,
                    name=unit['name'],
                    size=unit['size'],
                    snapshots=[
                        s['name']
                        for s in (self.snapshots if unit in self.shares else [])
                        if s['share_name'] == unit['name']
                    ],
                ),
                unit,
                self.options['budget'],
                self.progress,
                state,
            )
            for unit in self.units
        ]

    def each_share(self, action: Callable[[ShareCopy], None]) -> None:
        """Do something for all shares, several at a time; the first error ends the others."""
        error = None
        with concurrent.futures.ThreadPoolExecutor(self.options['parallel']) as executor:
            futures = [executor.submit(action, copy) for copy in self.copies]
            for future in concurrent.futures.as_completed(futures):
                if error := future.exception():
                    executor.shutdown(wait=False, cancel_futures=True)
                    self.commands.stop()
                    break
        if error:
            self.source.close()
            self.commands.resume()
            raise error

    def close(self) -> None:
        """End what still runs."""
        self.source.close()

    def meet(self, step: str) -> None:
        """See that the source can be reached, and that nothing of earlier workers is at it.

        What has no need of the source goes on without.
        """
        try:
            self.source.settle(self.migration.id)
        except CommandFailed as error:
            if not self.source.lost(error) or step not in ('unfence', 'cancel', 'complete'):
                raise
            if step == 'complete':
                stands = self.migration.opening_file.exists() or self.migration.is_done('fence')
            else:
                # before that it opens by itself
                stands = not self.may_be_confirmed()
            if not stands:
                raise
            LOG.warning('Without the source: %s', error.errors)
            self.alone = True
        self.migration.lost_file.unlink(missing_ok=True)

    def may_be_confirmed(self) -> bool:
        """Whether the source may be closed for good: the answer to that may have been lost."""
        closing = pool.read_json(self.migration.closing_file)
        return bool(closing and closing['confirming'])

    def note_closing(self, *, confirming: bool) -> None:
        """Keep that the source may be closed from now on.

        :param confirming: for good
        """
        note = {'confirming': confirming}
        pool.write_json(self.migration.closing_file, note, durable=True)

    def confirm(self, nonce: str) -> None:
        """Have the source stay closed, whatever happens to this host or to the connection.

        :raises DriverBusy: it has opened again
        """
        self.note_closing(confirming=True)
        call = self.source.start(
            'confirm', side=self.source_side, migration=self.migration.id, nonce=nonce
        )
        if not call.result():
            raise self.opened_again()

    def opened_again(self) -> DriverBusy:
        """The error that the source did not wait any longer."""
        lease = self.options['fence_lease']
        return DriverBusy(
            f'The source opened again, because it heard nothing of this migration for {lease} s.'
        )

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Meanwhile give the source signs of life, so that it stays closed."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(self.options['fence_lease'] / _BEATS):
                # one may be lost, and the transport closed under it; confirm tells what came of it
                with contextlib.suppress(CommandFailed, Stopped, OSError, ValueError):
                    self.source.start('beat', side=self.source_side).result()

        threading.Thread(target=beat, daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def lease(self) -> float | None:
        """Seconds in which clients have to have their server back, None if they lose it anyway."""
        if self.moves is None or self.moves['new_addresses']:
            return None
        lease: float = self.source.start('versions', side=self.source_side).result()['lease']
        return lease

    def reopen(self) -> bool:
        """Let the source serve again; whether this migration had it closed."""
        if self.alone:
            return False
        undone: bool = self.source.start(
            'reopen',
            side=self.source_side,
            shares=self.names,
            migration=self.migration.id,
            epoch=self.epoch,
        ).result()
        self.migration.closing_file.unlink(missing_ok=True)
        return undone

    def forget(self) -> None:
        """Remove what copying left at the source; what stays goes with the server."""
        if not self.alone:
            self.storage.forget(self.source, self.source_side, self.migration.id)
