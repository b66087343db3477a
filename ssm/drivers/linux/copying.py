# SPDX-License-Identifier: Apache-2.0

"""Copying one share and its snapshots: rounds under a writer, then the last pass and the proof."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ssm.common.findings import Finding, Severity
from ssm.drivers.linux import pool, tree
from ssm.drivers.linux.progress import ProgressFile
from ssm.drivers.linux.refusal import refusal
from ssm.drivers.linux.storage.base import Pass, Storage, Task, Trees

# the worker's, into its log
LOG = logging.getLogger('worker')

_ROUNDS = 6
"""Passes at most, once the cut-over fits its budget, until the rest is left to later ones."""

_PATIENCE = 12
"""Passes at most while it does not fit, even if each is smaller than the one before."""

_SMALL = 4 << 20
"""Bytes; a pass that copied less needs no further one."""

_QUICK = 1.0
"""Seconds; so does one that took less."""

_SHRINKING = 0.7
"""A pass that copied more than this part of the one before shows that the writer keeps up."""

_SAMPLE = 32 << 20
"""Bytes of a large file that are compared while the source is closed."""

_SHOWN = 10
"""Differences a finding names."""

_MIB = 1 << 20


@contextlib.contextmanager
def _timed(share: str, what: str) -> Iterator[None]:
    """Write into the log how long something took."""
    begun = time.monotonic()
    yield
    LOG.info('%s: %s in %.3f s', share, what, time.monotonic() - begun)


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

    :param share: ``id`` and ``share_id`` of the share
    :param budget: seconds the cut-over of all shares may take
    """

    def __init__(
        self,
        storage: Storage,
        task: Task,
        share: dict[str, Any],
        budget: float,
        progress: ProgressFile,
        state: State,
    ) -> None:
        self.storage = storage
        self.task = task
        self.name = task.name
        self.id: str = share['id']
        self.share_id: str = share['share_id']
        self.progress = progress
        self.state = state
        self._budget = budget
        self._done = 0
        self._sizes: list[int] = []
        self._look: float = state.get(self.name, 'look') or 0.0

    # First phase

    def measure(self) -> None:
        """Find out how much there is."""
        self._sizes = self.storage.measure(self.task)
        self.progress.total(self.id, sum(self._sizes))

    def first_phase(self) -> None:
        """Copy all there is, prove snapshots, compare the whole share once, catch up.

        :raises DriverRefused: a copy is not equal
        """
        self._copy_snapshots()
        self._rounds()
        if not self.state.get(self.name, 'compared'):
            done = self._pass(checksum=True)
            if done.trees:
                refuse_differences(self.name, self._differences(done.trees, everything=True))
            self.state.set(self.name, compared=True, look=self._look)
            # comparing may have taken long; this also measures what the last pass will take
            self._rounds()
        self.progress.done(self.id)

    def _copy_snapshots(self) -> None:
        proved = self.state.get(self.name, 'snapshots_compared')
        for number, size in enumerate(self._sizes[:-1]):
            if not proved:
                self.storage.copy_snapshot(self.task, number, report=self._report(size))
            self._unit_done(size)
        if self.task.snapshots and not proved:
            self._prove_snapshots()
            self.state.set(self.name, snapshots_compared=True)

    def _prove_snapshots(self) -> None:
        """Compare all files of all snapshots; what differs is copied once more by content."""
        differences = self.snapshot_differences()
        if not any(differences):
            return
        for number, wrong in enumerate(differences):
            if wrong:
                self.storage.copy_snapshot(self.task, number, checksum=True, report=self._report(0))
        refuse_differences(
            self.name, (line for wrong in self.snapshot_differences() for line in wrong)
        )

    def snapshot_differences(self) -> list[list[str]]:
        """Differences of each snapshot, all content read."""
        kept = self.storage.abilities.to_dict()
        lineage = self.storage.lineage
        numbers = range(len(self.task.snapshots))
        roots = [str(self.task.original(number)) for number in numbers]
        with _timed(self.name, 'snapshots compared'):
            call = self.task.source.start(
                'manifest', roots=roots, kept=kept, lineage=lineage, content=True
            )
            reader = tree.Reader(lineage=lineage)
            copies = [
                reader.manifest(str(self.task.copy(number)), kept, content=True)[0]
                for number in numbers
            ]
            pairs = zip(call.result(), copies, strict=True)
            return [list(tree.differences(original[0], copy)) for original, copy in pairs]

    def _rounds(self) -> None:
        """Pass after pass until what is left is small, or does not get smaller."""
        before: Pass | None = None
        rounds = 0
        while True:
            first = self.state.get(self.name, 'since') is None
            done = self._pass(report_size=self._sizes[-1] if first else 0)
            rounds += 1
            if first:
                self._unit_done(self._sizes[-1])
            late = self.progress.predicted() > self._budget
            if done.size <= _SMALL or done.seconds < _QUICK and not late:
                return
            keeps_up = before is not None and done.size > _SHRINKING * before.size
            if keeps_up or rounds >= (_PATIENCE if late else _ROUNDS):
                if late and before:
                    self.progress.warn([self._unreachable(before, done)])
                return
            before = done

    def _unreachable(self, before: Pass, done: Pass) -> Finding:
        """The finding that further rounds do not make the cut-over short enough."""
        changed = done.size / before.seconds / _MIB
        copied = done.size / done.seconds / _MIB
        return Finding(
            code='budget_unreachable',
            message=f'Clients change {changed:.1f} MiB/s of share {self.share_id}, the copy '
            f'moves {copied:.1f} MiB/s: the last round moved {done.size / _MIB:.1f} MiB in '
            f'{done.seconds:.1f} s, the one before {before.size / _MIB:.1f} MiB. The cut-over '
            f'is predicted to take {self.progress.predicted():.1f} s, the budget is '
            f'{self._budget:g} s.',
            hint='Complete when clients write less, or raise migration_downtime_budget.',
            severity=Severity.WARNING,
            object_type='share',
            object_id=self.share_id,
        )

    def _pass(
        self,
        *,
        path: pathlib.Path | None = None,
        checksum: bool = False,
        strict: bool = False,
        report_size: int = 0,
    ) -> Pass:
        done = self.storage.copy_share(
            self.task,
            path or self.task.place,
            since=self.state.get(self.name, 'since'),
            checksum=checksum,
            strict=strict,
            report=self._report(report_size) if report_size else None,
        )
        what = 'last round' if strict else 'round to compare' if checksum else 'round'
        LOG.info('%s: %s of %d bytes in %.3f s', self.name, what, done.size, done.seconds)
        if not strict:
            self.state.set(self.name, since=done.since)
            if not checksum:
                # the last pass also looks at all attributes
                look = self._look if done.look is None else done.look
                self.progress.passed(self.id, done.size, done.seconds + look)
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
        assert done.trees is not None
        wrong = self._differences(done.trees, everything=verify_all)
        if verify_all and self.task.snapshots:
            wrong += [line for lines in self.snapshot_differences() for line in lines]
        refuse_differences(self.name, wrong)

    def _differences(self, trees: Trees, *, everything: bool) -> list[str]:
        """What is not equal; also learns how long it takes to look at all attributes.

        :param everything: read the content of all files, not only of those that it is due for
        """
        with _timed(self.name, 'compared'):
            begun = time.monotonic()
            reader = tree.Reader()
            copy, _ = reader.manifest(trees.copy, self.storage.abilities.to_dict())
            original, due = trees.look()
            self._look = time.monotonic() - begun
            paths = sorted(set(tree.regular(original) if everything else due) - {*trees.large})
            call = self.task.source.start('digests', root=trees.source, paths=paths)
            for name in paths:
                if name in copy:
                    copy[name][tree.CONTENT] = reader.digest(f'{trees.copy}/{name}')
            for name, digest in zip(paths, call.result(), strict=True):
                original[name][tree.CONTENT] = digest
            wrong = list(tree.differences(original, copy))
            for name in trees.large:
                wrong += self._pieces_differ(trees, name, everything=everything)
            return wrong

    def _pieces_differ(self, trees: Trees, name: str, *, everything: bool) -> list[str]:
        """Compare a large file by digests of its pieces.

        :param everything: all of them, not only a sample
        """
        call = self.task.source.start(
            'fingerprint', path=f'{trees.source}/{name}', budget=None if everything else _SAMPLE
        )
        copy = f'{trees.copy}/{name}'
        if everything:
            found, expected = tree.fingerprint(copy, None), call.result()
        else:
            expected = call.result()
            found = tree.fingerprint(copy, None, [offset for offset, _ in expected['pieces']])
        return [] if found == expected else [f'{name!a} differs in its content']


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
