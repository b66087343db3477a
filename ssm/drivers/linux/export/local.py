# SPDX-License-Identifier: Apache-2.0

"""A share's export location is its path; rules are kept, not enforced."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding, Severity
from ssm.drivers.linux import holders, pool
from ssm.drivers.linux.export import base
from ssm.drivers.linux.refusal import refusal

if TYPE_CHECKING:
    from ssm.drivers.base import ExportLocation

_SHOWN = 10


class LocalExport(base.Export):
    """Publishing and withdrawing is renaming the share's directory (decision 27)."""

    access_types = frozenset({'ip', 'user', 'cert'})

    def publish(self, name: str) -> list[ExportLocation]:
        path = self.server.share(name)
        if self.server.closed_share(name).is_dir():
            pool.move(self.server.closed_share(name), path)
        return [{'path': str(path), 'is_admin_only': False, 'metadata': {}}]

    def withdraw(
        self, names: Iterable[str], *, timeout: float
    ) -> tuple[dict[str, str], list[Finding]]:
        closed = {name: str(self.server.closed_share(name)) for name in names}
        for name in closed:
            pool.move(self.server.share(name), self.server.closed_share(name))
        deadline = time.monotonic() + timeout
        while found := holders.find(holders.inodes(closed.values())):
            if time.monotonic() >= deadline:
                raise _held(found)
            time.sleep(0.05)
        return closed, [_unproven(found)] if found.unseen or found.partial else []


def _held(found: holders.Holders) -> DriverRefused:
    parts = []
    if found.pids:
        count = len(found.pids)
        parts.append(f'{count} processes hold files of the shares open{_pids(found.pids)}')
    if found.mounts:
        parts.append(f'the shares are mounted at {", ".join(sorted(found.mounts)[:_SHOWN])}')
    return refusal(
        'clients_hold_files',
        f'{" and ".join(parts)}; the source was opened again.',
        'Stop them, or raise linux_fence_timeout, and complete again.',
    )


def _pids(pids: set[int]) -> str:
    """The first ones in brackets; nothing for none."""
    shown = [str(pid) for pid in sorted(pids)[:_SHOWN]]
    more = ', …' if len(pids) > _SHOWN else ''
    return f' (pid {", ".join(shown)}{more})' if shown else ''


def _unproven(found: holders.Holders) -> Finding:
    what = f'{len(found.unseen)} processes could not be looked into{_pids(found.unseen)}'
    if found.partial:
        what += ', and others may not be visible from here'
    return Finding(
        code='fence_unproven',
        message=f'Not all programs that may hold files of the source open can be seen: {what}.',
        hint="Run the service as root, in the machine's own process namespace, or make sure "
        'that no other user has files of the shares open.',
        severity=Severity.WARNING,
    )
