# SPDX-License-Identifier: Apache-2.0

"""A share is a subvolume of a btrfs, a snapshot a read-only one; both are sent and received."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from ssm.common.exceptions import DataLoss
from ssm.drivers.linux import btrfs, pool, rounds, stream
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.refusal import disk_full, refusal, says_full
from ssm.drivers.linux.storage.base import (
    Measured,
    Pass,
    Paths,
    Storage,
    Task,
    Trees,
    refuse_loss,
)
from ssm.drivers.linux.stream import Report
from ssm.drivers.linux.transport.base import Transport
from ssm.drivers.linux.tree import Manifest

_GIB = 1 << 30

_SHARE_MODE = 0o777
"""Who may do what is for clients and the access rules to say."""

_KEPT = 16 << 20, 1 << 30
"""Bytes of a pool that copies leave to others: a hundredth of it, in these limits."""

_FREED = 60.0
"""Seconds to wait for the space of what was removed."""

_SAMPLE = 64 << 20
"""Bytes of changed files whose content is compared in the last pass."""


class Room:
    """What copies may take of a pool.

    Data is not allocated when it is written, so bytes are counted here, and the file system is
    asked when it seems to be full.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._left = self._measure()

    def _measure(self) -> int:
        space = os.statvfs(self._path)
        kept = min(max(space.f_blocks * space.f_frsize // 100, _KEPT[0]), _KEPT[1])
        return space.f_bavail * space.f_frsize - kept

    def take(self, size: int) -> None:
        """Count bytes that are written.

        :raises DriverRefused: they are too many
        """
        with self._lock:
            self._left -= size
            if self._left >= 0:
                return
            pool.sync_filesystem(self._path)
            self._left = self._measure()
            if self._left < 0:
                raise disk_full(str(self._path), 'the rest is for others')


class BtrfsStorage(Storage):
    """Copies by ``btrfs send | btrfs receive``, in rounds of read-only snapshots."""

    program = 'btrfs'
    atomic_snapshots = True
    lineage = True
    large: ClassVar[tuple[str, ...]] = ()
    """Files that are compared in pieces."""

    def prepare(self) -> None:
        self._check()
        if self.quotas:
            btrfs.enable_quotas(self.commands, self.pool.path)

    def _check(self) -> None:
        """Nothing, if the pool is one.

        :raises ValueError: it is not
        """
        if os.geteuid():
            raise ValueError('storages on btrfs need root rights')
        if btrfs.file_system(self.pool.path) is None:
            raise ValueError(f'{self.pool.path} is not on a btrfs; is it mounted?')

    def create(self, path: pathlib.Path, size: int) -> None:
        def make(part: pathlib.Path) -> None:
            btrfs.create(self.commands, part)
            part.chmod(_SHARE_MODE)

        self._make(path, size, make)

    def clone(self, source: pathlib.Path, target: pathlib.Path, size: int) -> None:
        self._make(target, size, lambda part: self._writable(source, part))

    def _make(self, path: pathlib.Path, size: int, action: Callable[[pathlib.Path], None]) -> None:
        """Make a share; it has its name when it is complete."""
        if path.is_dir():
            return
        part = path.with_name(f'.{path.name}.part')
        self.delete(part)
        action(part)
        self._limit(part, size)
        part.rename(path)
        pool.sync_directory(path.parent)

    def _writable(self, source: pathlib.Path, target: pathlib.Path) -> None:
        btrfs.snapshot(self.commands, source, target, read_only=False)

    def _limit(self, path: pathlib.Path, size: int) -> None:
        if self.quotas:
            btrfs.limit(self.commands, path, size * _GIB)

    def resize(self, path: pathlib.Path, old: int, new: int) -> None:
        if new < old:
            refuse_loss(path.name, self._used(path), new)
        self._limit(path, new)
        try:
            if new < old:  # what came between the look and the limit
                refuse_loss(path.name, self._used(path), new)
        except DataLoss:
            self._limit(path, old)
            raise

    def _used(self, path: pathlib.Path) -> int:
        self.commands.run(['sync', '-f', str(path)])  # in the service, so not by a system call
        if self.quotas:
            return btrfs.used(self.commands, path)
        return btrfs.content(self.commands, path)

    def delete(self, path: pathlib.Path) -> None:
        btrfs.remove(self.commands, path)

    def snapshot(self, source: pathlib.Path, target: pathlib.Path) -> None:
        if not target.is_dir():
            pool.make_directory(target.parent, pool.PRIVATE)
            btrfs.snapshot(self.commands, source, target, read_only=True)

    # As the destination of a migration

    @functools.cached_property
    def _room(self) -> Room:
        return Room(self.pool.path)

    def look(self, transport: Transport, trees: Paths, timeout: float) -> Measured:
        found = transport.start('weigh_all', shares=trees).result(timeout=timeout)
        contents = {} if self.quotas else found['contents']
        return Measured(
            used=sum(sum(sizes) for sizes in found['sizes'].values()),
            shares={pathlib.Path(path).name: size for path, size in contents.items()},
            snapshots=sum(len(snapshots) for snapshots in trees.values()),
            nested=found['nested'],
        )

    def measure(self, task: Task) -> list[int]:
        snapshots = [str(task.original(number)) for number in range(len(task.snapshots))]
        share = str(task.place)
        sizes: list[int] = task.source.start('weigh', snapshots=snapshots, share=share).result()
        return sizes

    def copy_snapshot(
        self, task: Task, number: int, *, checksum: bool = False, report: Report
    ) -> None:
        """Copy a snapshot; what was received whole is equal, ``checksum`` or not."""
        original = str(task.original(number))
        known = task.source.start('identity', path=original).result()
        self._receive(
            task,
            known | {'path': original},
            task.original(number - 1) if number else None,
            task.copy(number),
            report,
        )

    def copy_share(
        self,
        task: Task,
        path: pathlib.Path,
        *,
        since: Any,
        checksum: bool = False,
        strict: bool = False,
        report: Report | None = None,
    ) -> Pass:
        if not strict:
            self.flush(task)
        begun = time.monotonic()
        before = since['round'] if since else 0
        # the last round has a name of its own: what was wrong with it must not get into others
        name = rounds.LAST if strict else str(before + 1)
        frozen = task.source.start(
            'freeze',
            side=task.side,
            path=str(path),
            migration=task.migration.id,
            share=task.name,
            name=name,
        ).result()
        trees = None
        received = task.migration.received(task.name)
        copy = received / name
        if strict or checksum:
            trees = self._trees(task, frozen['path'], copy, since)
        if not strict:
            # not those that a worker which dies now still needs
            for entry in rounds.outdated(received, before):
                self.delete(entry)
        parent = self._parent(task, frozen['path'], before)
        size = self._receive(task, frozen, parent, copy, report)
        if strict:
            with self._full():
                self.delete(task.target)
                task.target.parent.mkdir(parents=True, exist_ok=True)
                self._writable(copy, task.target)
                if task.size:
                    self._limit(task.target, task.size)
        pool.sync_filesystem(copy)
        return Pass(
            since={'round': before + 1, 'time': frozen['time']},
            size=size,
            seconds=time.monotonic() - begun,
            look=None,
            trees=trees,
        )

    def flush(self, task: Task) -> None:
        """Before a round, have written out what lies above the source's pool, if anything does."""

    @staticmethod
    def _parent(task: Task, frozen: str, before: int) -> pathlib.Path | None:
        """What is there at both ends to send the difference to."""
        if before:
            return pathlib.Path(frozen).with_name(str(before))
        return task.original(-1) if task.snapshots else None

    def _trees(self, task: Task, source: str, copy: pathlib.Path, since: Any) -> Trees:
        """The trees of a round; the source begins to be looked at."""
        call = task.source.start(
            'manifest',
            roots=[source],
            kept=self.abilities.to_dict(),
            # of a snapshot, so nothing was renamed while it was looked at
            since=since and {'time': since['time'], 'directories': None},
        )

        def look() -> tuple[Manifest, set[str]]:
            ((manifest, survey),) = call.result()
            return manifest, _sample(manifest, survey['changed'])

        return Trees(source, str(copy), look, self.large)

    def _receive(
        self,
        task: Task,
        source: Mapping[str, Any],
        parent: pathlib.Path | None,
        copy: pathlib.Path,
        report: Report | None,
    ) -> int:
        """Have a read-only snapshot of the source here; returns how many bytes were sent.

        :param source: its ``path``, and what :func:`ssm.drivers.linux.rounds.identity` says of it
        """
        identity = source['identity']
        if copy.is_dir():
            found = btrfs.info(copy)
            if found.received == identity and found.read_only:
                return 0
            self.delete(copy)  # a part of it, which receive would stumble over
        copy.parent.mkdir(parents=True, exist_ok=True)
        sender = task.source.send(
            task.migration.id, source['path'], os.fspath(parent) if parent else None
        )
        receiver, watch = btrfs.receive(copy.parent), self._watched(report)
        with self._full():
            size = stream.run(self.commands, sender, receiver, watch, task.source.pace)
        found = btrfs.info(copy)
        if found.read_only and copy.stat().st_mtime_ns != source['top_time']:
            btrfs.set_time(copy, source['top_time'])
            found = btrfs.info(copy)
        if found.received != identity or not found.read_only:
            raise refusal(
                'verification_failed',
                f'{copy} was received from {found.received or "nowhere"}, not from {identity}.',
                'Look into the log of the migration, cancel, and start again.',
            )
        return size

    def _watched(self, report: Report | None) -> Report:
        """The same, and the copy ends when it would take the room of others."""
        known = 0

        def watch(size: int) -> None:
            nonlocal known
            self._room.take(size - known)
            known = size
            if report is not None:
                report(size)

        return watch

    @contextlib.contextmanager
    def _full(self) -> Iterator[None]:
        """Tell a full destination from other errors."""
        try:
            yield
        except stream.SenderFailed:
            raise
        except CommandFailed as error:
            if not (full := says_full(error.errors)):
                raise
            raise disk_full(str(self.pool.path), full) from None

    def make_room(self, migration: pool.Migration) -> None:
        for path in btrfs.subvolumes(migration.copy):
            # also writable copies, which every last pass makes anew
            if not btrfs.info(path).received:
                self.delete(pathlib.Path(path))
        btrfs.wait_for_space(self.commands, self.pool.path, _FREED)

    def forget(self, source: Transport, side: dict[str, str], migration: str) -> None:
        source.start('thaw', side=side, migration=migration).result()


def _sample(manifest: Manifest, changed: list[str]) -> set[str]:
    """As many of the changed files as fit, small ones first."""
    chosen, left = set(), _SAMPLE
    for size, path in sorted((manifest[path][1], path) for path in changed):
        if (left := left - size) < 0:
            break
        chosen.add(path)
    return chosen
