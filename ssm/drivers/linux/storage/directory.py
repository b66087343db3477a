# SPDX-License-Identifier: Apache-2.0

"""A share is a directory, a snapshot a copy of it; any file system will do."""

from __future__ import annotations

import functools
import pathlib
import time
from typing import Any

from ssm.drivers.linux import pool
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.rsync import Rsync
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

_SHARE_MODE = 0o777
"""Who may do what is for clients and the access rules to say."""


class DirectoryStorage(Storage):
    """Copies by rsync; snapshots by reflinks or by hard links to the snapshot before.

    Nothing holds a share to its size.
    """

    program = 'rsync'

    @functools.cached_property
    def _rsync(self) -> Rsync:
        return Rsync(self.commands, self.abilities, str(self.pool.path))

    def create(self, path: pathlib.Path, size: int) -> None:
        pool.make_directory(path, _SHARE_MODE)

    def delete(self, path: pathlib.Path) -> None:
        argv = ['rm', '-rf', '--', str(path)]
        try:
            self.commands.run(argv)
        except CommandFailed:
            # without root, directories that are not writable keep their content
            grant = ['-type', 'd', '-exec', 'chmod', 'u+rwx', '{}', ';']
            self.commands.run(['find', str(path), *grant])
            self.commands.run(argv)

    def snapshot(self, source: pathlib.Path, target: pathlib.Path) -> None:
        pool.make_directory(target.parent, pool.PRIVATE)
        # when it was renamed to its name is when a snapshot was made
        earlier = sorted(
            (path for path in target.parent.iterdir() if not path.name.startswith('.')),
            key=lambda path: path.stat().st_ctime_ns,
        )
        self.commands.run(['sync', '-f', str(source)])  # in the service, so not by a system call
        self._whole_copy(source, target, earlier[-1] if earlier else None)

    def clone(self, source: pathlib.Path, target: pathlib.Path, size: int) -> None:
        self._whole_copy(source, target, None)

    def resize(self, path: pathlib.Path, old: int, new: int) -> None:
        if new < old:
            lines = self.commands.run(['du', '-s', '--block-size=1', '--', str(path)])
            refuse_loss(path.name, int(lines.split()[0]), new)

    def _whole_copy(
        self, source: pathlib.Path, target: pathlib.Path, previous: pathlib.Path | None
    ) -> None:
        """Copy a tree of this pool; it has its name when it is complete.

        :param previous: a tree whose files are shared where they are equal
        """
        if target.is_dir():
            return
        part = target.with_name(f'.{target.name}.part')
        self.delete(part)
        if not (self.abilities.reflinks and self._reflink(source, part)):
            link = [f'--link-dest={previous}'] if previous else []
            self._rsync.copy([f'{source}/'], str(part), *link, strict=False)
        part.rename(target)
        pool.sync_directory(target.parent)

    def _reflink(self, source: pathlib.Path, target: pathlib.Path) -> bool:
        try:
            self.commands.run(['cp', '-aT', '--reflink=always', str(source), str(target)])
        except CommandFailed:
            # a client removed something meanwhile; rsync copes with that
            self.delete(target)
            return False
        return True

    # As the destination of a migration

    def look(self, transport: Transport, trees: Paths, timeout: float) -> Measured:
        snapshots = [snapshot for of_share in trees.values() for snapshot in of_share]
        found = transport.start(
            'survey', roots=[*trees, *snapshots], devices=self.abilities.devices
        ).result(timeout=timeout)
        bad = [s['first_uncopyable'] for s in found if s['first_uncopyable']]
        return Measured(
            used=sum(s['used'] for s in found),
            files=sum(s['files'] for s in found),
            shares={
                pathlib.Path(path).name: s['used'] for path, s in zip(trees, found, strict=False)
            },
            snapshots=len(snapshots),
            uncopyable=sum(s['uncopyable'] for s in found),
            first_uncopyable=bad[0] if bad else '',
            foreign=sum(s['foreign'] for s in found),
        )

    def measure(self, task: Task) -> list[int]:
        originals = [task.original(number) for number in range(len(task.snapshots))]
        roots = [str(root) for root in (*originals, task.place)]
        found = task.source.start('survey', roots=roots).result()
        return [survey['size'] for survey in found]

    def copy_snapshot(
        self, task: Task, number: int, *, checksum: bool = False, report: Report
    ) -> None:
        target = task.copy(number)
        target.parent.mkdir(parents=True, exist_ok=True)
        options = [f'--link-dest={task.copy(number - 1)}'] if number else []
        options += ['--checksum'] if checksum else []
        origin = task.source.rsync(str(task.original(number)))
        self._rsync.copy(origin, str(target), *options, strict=True, report=report)

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
        begun = time.monotonic()
        transport, target = task.source, task.target
        target.parent.mkdir(parents=True, exist_ok=True)
        now = 0.0 if strict else transport.start('mark', path=str(path)).result()
        if strict:
            kept = self.abilities.to_dict()
            looking = transport.start('manifest', roots=[str(path)], kept=kept, since=since)
        else:
            looking = transport.start('survey', roots=[str(path)], since=since)
        origin = transport.rsync(str(path))
        # directories that were renamed may have hidden files from the pass before
        checksum = checksum or bool(since and since['moved'])
        options = ['--checksum'] if checksum else []
        done = self._rsync.copy(origin, str(target), *options, strict=strict, report=report)
        manifest, survey = looking.result()[0] if strict else ({}, looking.result()[0])
        touched = set(done.touched)
        # changed since the last pass, yet equal in size and time stamp: only the content tells
        if unsure := [] if checksum else sorted(set(survey['changed']) - touched):
            more = self._rsync.copy(origin, str(target), '--checksum', strict=strict, only=unsure)
            done.size += more.size
        moved = survey['moved'] and not checksum
        if moved and strict:
            whole = self._rsync.copy(origin, str(target), '--checksum', strict=True)
            done.size += whole.size
            touched |= set(whole.touched)
        pool.sync_filesystem(target)

        def look() -> tuple[Manifest, set[str]]:
            return manifest, touched.union(unsure)

        return Pass(
            since={'time': now, 'directories': survey['directories'], 'moved': moved},
            size=done.size,
            seconds=time.monotonic() - begun,
            # at both ends
            look=2 * survey['seconds'],
            trees=Trees(str(path), str(target), look) if strict else None,
        )
