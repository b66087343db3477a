# SPDX-License-Identifier: Apache-2.0

"""A witness who looks on all the time, and says what must never be."""

from __future__ import annotations

import contextlib
import pathlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ssm.drivers.linux import process
from ssm.tests.world import leftovers
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.tenant import Tenant

Seen = dict[Any, set[Any]]


class Watch:
    """Looks again and again until :meth:`stop` whether things that exclude each other are there.

    A look takes time, so that what is seen first may be gone when the last thing is seen. Two
    things were there at once if one of them was seen before and after the other.

    :param what: what is looked for, in the plural
    :param look: returns what is there, by what it belongs to
    :param pause: seconds between two looks
    """

    def __init__(self, what: str, look: Callable[[], Seen], pause: float) -> None:
        self._what = what
        self._look = look
        self._pause = pause
        self._wrong: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name='watch', daemon=True)
        self._thread.start()

    def stop(self) -> list[str]:
        """Stop looking; returns what was wrong."""
        self._over.set()
        self._thread.join()
        return self._wrong

    def _run(self) -> None:
        try:
            while not self._over.wait(self._pause):
                self._compare()
        except Exception as exc:  # noqa: BLE001 - whoever stops it has to know
            self._wrong.append(f'{self._what} could not be looked at: {exc!r}')

    def _compare(self) -> None:
        before, between = self._look(), self._look()
        if all(len(before.get(key, set()) | there) < 2 for key, there in between.items()):
            return
        after = self._look()
        for key, there in between.items():
            for one in before.get(key, set()) & after.get(key, set()):
                self._wrong += [
                    f'{self._what} of {key} at once: {one} and {other}' for other in there - {one}
                ]


def watch_openness(tenant: Tenant) -> Watch:
    """No share is ever open at two places."""
    return Watch('open places', tenant.open_at, 0.005)


def watch_workers(world: Deployment) -> Watch:
    """No worker of one epoch ever lives beside one of another."""
    return Watch('epochs', lambda: _worker_epochs(world), 0.03)


def _worker_epochs(world: Deployment) -> Seen:
    found: Seen = {}
    for _pid, migration, epoch in _workers(world):
        found.setdefault(migration, set()).add(epoch)
    return found


def workers(world: Deployment, migration: str) -> dict[int, int]:
    """Workers of a migration with what they started: their epochs by pid."""
    return {pid: epoch for pid, found, epoch in _workers(world) if found == migration}


def _workers(world: Deployment) -> Iterator[tuple[int, str, int]]:
    mark = f'{process.MARK}='
    for pid in leftovers.processes(world.name):
        with contextlib.suppress(OSError):
            environment = pathlib.Path(f'/proc/{pid}/environ').read_text(errors='replace')
            for entry in environment.split('\0'):
                if entry.startswith(mark):
                    migration, _, epoch = entry.removeprefix(mark).rpartition(':')
                    yield pid, migration, int(epoch)
