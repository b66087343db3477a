# SPDX-License-Identifier: Apache-2.0

"""How far a worker is, written to a file that the service reads."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterable
from typing import Any

from ssm.common.findings import Finding
from ssm.drivers.linux import pool

_EVERY = 0.2
"""Seconds between two writes."""

_COPIED = 90
"""Per cent when all is copied; the rest is for comparing and catching up."""


@dataclasses.dataclass
class ShareProgress:
    """One share with its snapshots; bytes, and seconds a pass took."""

    bytes_total: int = 0
    bytes_done: int = 0
    round: int = 0
    dirty_bytes: int = 0
    pass_seconds: float | None = None
    done: bool = False

    def per_cent(self) -> int:
        """0 to 100; 100 only when the first phase is over for this share."""
        if self.done:
            return 100
        if self.bytes_total == 0:
            return 0
        return _COPIED * min(self.bytes_done, self.bytes_total) // self.bytes_total


class ProgressFile:
    """Collects from the threads of a worker; goes on from what an earlier worker wrote.

    :param parallel: shares copied at the same time
    :param opening: seconds of a cut-over in which nothing is copied
    """

    def __init__(
        self, migration: pool.Migration, instances: list[str], parallel: int, opening: float
    ) -> None:
        self._opening = opening
        self._file = migration.progress_file
        self._lock = threading.Lock()
        self._parallel = min(parallel, len(instances)) or 1
        self._begun: float | None = None
        self._copied = 0
        self._written = 0.0
        self._last = pool.read_json(self._file) or {'total_progress': 0, 'findings': []}
        fields = {field.name for field in dataclasses.fields(ShareProgress)}
        before = self._last.get('shares', {})
        self._shares = {
            instance: ShareProgress(
                **{k: v for k, v in before.get(instance, {}).items() if k in fields}
            )
            for instance in instances
        }

    def total(self, instance: str, size: int) -> None:
        """Set how much there is to copy."""
        with self._lock:
            self._shares[instance].bytes_total = size
            self._write(force=True)

    def copied(self, instance: str, done: int, more: int) -> None:
        """Note bytes copied.

        :param done: of the share so far, by this worker or before it
        :param more: how many of them are new
        """
        with self._lock:
            share = self._shares[instance]
            share.bytes_done = max(share.bytes_done, min(done, share.bytes_total))
            self._copied += more
            if more and self._begun is None:
                self._begun = time.monotonic()
            self._write()

    def passed(self, instance: str, size: int, seconds: float) -> None:
        """Note a pass over a share that is over."""
        with self._lock:
            share = self._shares[instance]
            share.round += 1
            share.dirty_bytes = size
            share.pass_seconds = seconds
            self._write(force=True)

    def predicted(self) -> float:
        """Seconds the cut-over would take, of the shares that are past their first pass."""
        with self._lock:
            return self._predicted([s for s in self._shares.values() if s.round > 1]) or 0.0

    def _predicted(self, shares: Iterable[ShareProgress]) -> float | None:
        passes = [share.pass_seconds for share in shares if share.pass_seconds is not None]
        return sum(passes) / self._parallel + self._opening if passes else None

    def done(self, instance: str) -> None:
        """The first phase is over for a share."""
        with self._lock:
            self._shares[instance].done = True
            self._write(force=True)

    def warn(self, findings: list[Finding]) -> None:
        """Add warnings, each code once."""
        with self._lock:
            known = {finding['code']: finding for finding in self._last['findings']}
            known |= {finding.code: finding.to_dict() for finding in findings}
            self._last['findings'] = list(known.values())
            self._write(force=True)

    def _write(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._written < _EVERY:
            return
        self._written = now
        self._last = self._sum(now - (self._begun or now))
        pool.write_json(self._file, self._last)

    def _sum(self, elapsed: float) -> dict[str, Any]:
        shares = self._shares.values()
        total = sum(share.bytes_total for share in shares)
        done = sum(share.bytes_done for share in shares)
        rate = self._copied / elapsed if elapsed > 0 else self._last.get('rate', 0.0)
        over = all(share.done for share in shares)
        weights = [(share.per_cent(), share.bytes_total + 1) for share in shares]
        mean = sum(p * w for p, w in weights) // sum(w for _, w in weights) if weights else 100
        return {
            # a total that grew under the copy must not make it look as if it went back
            'total_progress': 100 if over else max(min(mean, 99), self._last['total_progress']),
            'bytes_total': total,
            'bytes_done': done,
            'rate': rate,
            'seconds_left': (total - done) / rate if rate else (0.0 if over else None),
            'round': max((share.round for share in shares), default=0),
            'dirty_bytes': sum(share.dirty_bytes for share in shares),
            'predicted_downtime': self._predicted(shares),
            'shares': {
                instance: dataclasses.asdict(share) | {'total_progress': share.per_cent()}
                for instance, share in self._shares.items()
            },
            'findings': self._last['findings'],
        }
