# SPDX-License-Identifier: Apache-2.0

"""Copying one share and its snapshots: rounds under a writer, then the last pass and the proof."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterable
from typing import Any

from ssm.drivers.linux import pool, tree
from ssm.drivers.linux.progress import ProgressFile
from ssm.drivers.linux.refusal import refusal
from ssm.drivers.linux.storage.base import Pass, Storage
from ssm.drivers.linux.transport.base import Transport

_ROUNDS = 6
"""Passes at most until the rest is left to later ones."""

_SMALL = 4 << 20
"""Bytes; a pass that copied less needs no further one."""

_QUICK = 1.0
"""Seconds; so does one that took less."""

_SHRINKING = 0.7
"""A pass that copied more than this part of the one before shows that the writer keeps up."""

_SHOWN = 10
"""Differences a finding names."""


class State:
    """What a later worker has to know of each share, in a file."""

    def __init__(self, migration: pool.Migration) -> None:
        self._file = migration.state_file
        self._lock = threading.Lock()
        self._shares: dict[str, dict[str, Any]] = pool.read_json(self._file) or {}

    def get(self, share: str, key: str) -> Any:
        """A value, None if it was not set."""
        with self._lock:
            return self._shares.get(share, {}).get(key)

    def set(self, share: str, **values: Any) -> None:
        """Keep values."""
        with self._lock:
            self._shares.setdefault(share, {}).update(values)
            pool.write_json(self._file, self._shares, durable=True)


class ShareCopy:
    """The copy of one share.

    :param source: reaches the source's pool
    :param origin: the share server the share comes from
    :param share: ``id`` and ``name`` of the share
    :param snapshots: names of its snapshots, oldest first
    """

    def __init__(
        self,
        migration: pool.Migration,
        storage: Storage,
        source: Transport,
        origin: pool.Server,
        share: dict[str, Any],
        snapshots: list[str],
        progress: ProgressFile,
        state: State,
    ) -> None:
        self.storage = storage
        self.source = source
        self.origin = origin
        self.id: str = share['id']
        self.name: str = share['name']
        self.target = migration.copy_of_share(self.name)
        self.progress = progress
        self.state = state
        self._done = 0
        self._sizes: list[int] = []
        self.snapshots = [
            (origin.snapshot(self.name, name), migration.copy_of_snapshot(self.name, name))
            for name in snapshots
        ]

    # First phase

    def measure(self) -> None:
        """Find out how much there is."""
        originals = [original for original, _ in self.snapshots]
        roots = [str(root) for root in (*originals, self.origin.share(self.name))]
        found = self.source.start('survey', roots=roots).result()
        self._sizes = [survey['size'] for survey in found]
        self.progress.total(self.id, sum(self._sizes))

    def first_phase(self) -> None:
        """Copy all there is, prove snapshots, compare the whole share once, catch up.

        :raises DriverRefused: the copy of a snapshot is not equal
        """
        self._copy_snapshots()
        self._rounds()
        if not self.state.get(self.name, 'compared'):
            self._pass(checksum=True)
            self.state.set(self.name, compared=True)
            # comparing may have taken long; this also measures what the last pass will take
            self._rounds()
        self.progress.done(self.id)

    def _copy_snapshots(self) -> None:
        previous = None
        for (original, copy), size in zip(self.snapshots, self._sizes, strict=False):
            if not self.state.get(self.name, 'snapshots_compared'):
                self.storage.copy_snapshot(
                    self.source, original, copy, previous=previous, report=self._report(size)
                )
            self._unit_done(size)
            previous = copy
        if self.snapshots and not self.state.get(self.name, 'snapshots_compared'):
            self._prove_snapshots()
            self.state.set(self.name, snapshots_compared=True)

    def _prove_snapshots(self) -> None:
        """Compare all files of all snapshots; what differs is copied once more by content."""
        differences = self.snapshot_differences()
        if not any(differences):
            return
        previous = None
        for (original, copy), wrong in zip(self.snapshots, differences, strict=True):
            if wrong:
                self.storage.copy_snapshot(
                    self.source,
                    original,
                    copy,
                    previous=previous,
                    checksum=True,
                    report=self._report(0),
                )
            previous = copy
        refuse_differences(
            self.name, (line for wrong in self.snapshot_differences() for line in wrong)
        )

    def snapshot_differences(self) -> list[list[str]]:
        """Differences of each snapshot, all content read."""
        kept = self.storage.abilities.to_dict()
        roots = [str(original) for original, _ in self.snapshots]
        call = self.source.start('manifest', roots=roots, kept=kept, content=True)
        reader = tree.Reader()
        copies = [reader.manifest(str(copy), kept, content=True)[0] for _, copy in self.snapshots]
        pairs = zip(call.result(), copies, strict=True)
        return [list(tree.differences(original[0], copy)) for original, copy in pairs]

    def _rounds(self) -> None:
        """Pass after pass until what is left is small, or does not get smaller."""
        size = self._sizes[-1]
        last: int | None = None
        for _ in range(_ROUNDS):
            first = self.state.get(self.name, 'since') is None
            done = self._pass(report_size=size if first else 0)
            if first:
                self._unit_done(size)
            grows = last is not None and done.size > _SHRINKING * last
            if done.seconds < _QUICK or done.size <= _SMALL or grows:
                return
            last = done.size

    def _pass(
        self,
        *,
        path: pathlib.Path | None = None,
        checksum: bool = False,
        strict: bool = False,
        report_size: int = 0,
    ) -> Pass:
        done = self.storage.copy_share(
            self.source,
            path or self.origin.share(self.name),
            self.target,
            since=self.state.get(self.name, 'since'),
            checksum=checksum,
            strict=strict,
            report=self._report(report_size) if report_size else None,
        )
        if not strict:
            self.state.set(self.name, since=done.since)
            if not checksum:
                # the last pass also looks at the copy, and at all attributes
                self.progress.passed(self.id, done.size, done.seconds + 2 * done.look)
        return done

    def _report(self, size: int) -> Any:
        """Tells progress what one run copied, on top of what is complete."""
        last = 0

        def report(copied: int) -> None:
            nonlocal last
            # a run that is repeated counts from nothing again
            more = copied - last if copied >= last else copied
            self.progress.copied(self.id, self._done + min(copied, size), more)
            last = copied

        return report

    def _unit_done(self, size: int) -> None:
        self._done += size
        self.progress.copied(self.id, self._done, 0)

    # While the first phase is over

    def refresh(self) -> None:
        """One more pass, clients writing."""
        self._pass()

    # Source closed

    def last_pass(self, path: str, *, verify_all: bool) -> None:
        """Copy the rest from the closed source and prove that the copy is equal (decision 28).

        :param path: where the share lies now
        :param verify_all: read the content of all files, of snapshots too
        :raises DriverRefused: it is not
        """
        done = self._pass(path=pathlib.Path(path), strict=True)
        assert done.manifest is not None
        paths = sorted(tree.regular(done.manifest) if verify_all else done.suspects)
        call = self.source.start('digests', root=path, paths=paths)
        kept = self.storage.abilities.to_dict()
        copy, _ = tree.Reader().manifest(str(self.target), kept, content=paths)
        for name, digest in zip(paths, call.result(), strict=True):
            done.manifest[name][tree.CONTENT] = digest
        wrong = list(tree.differences(done.manifest, copy))
        if verify_all and self.snapshots:
            wrong += [line for lines in self.snapshot_differences() for line in lines]
        refuse_differences(self.name, wrong)


def refuse_differences(share: str, wrong: Iterable[str]) -> None:
    """Nothing, if there are none.

    :raises DriverRefused: names the first ones
    """
    lines = list(wrong)
    if not lines:
        return
    shown = '; '.join(lines[:_SHOWN])
    raise refusal(
        'verification_failed',
        f'The copy of {share} is not equal to its source in {len(lines)} places: {shown}.',
        'Look for storage errors on both hosts, cancel, and start again.',
    )
