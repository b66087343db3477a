# SPDX-License-Identifier: Apache-2.0

"""Processes by pid and start time, so that a pid used again never stands for the old one."""

from __future__ import annotations

import os
import pathlib
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

MARK = 'SSM_LINUX_WORKER'
"""Environment variable by which children of a worker are known; value of :func:`mark`."""

_PROC = pathlib.Path('/proc')


def mark(migration_id: str, epoch: int) -> str:
    """The value of the variable MARK for the worker of one migration and epoch."""
    return f'{migration_id}:{epoch}'


class Status(NamedTuple):
    """What /proc/<pid>/stat says; ``start`` is in clock ticks since boot."""

    state: str
    group: int
    start: int


def status(pid: int) -> Status | None:
    """State of a process, None if there is none with this pid."""
    try:
        text = (_PROC / str(pid) / 'stat').read_text(encoding='utf-8', errors='replace')
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the name of the program may hold anything, so count from its closing bracket
    fields = text.rpartition(')')[2].split()
    return Status(fields[0], int(fields[2]), int(fields[19]))


def alive(pid: int, start: int) -> bool:
    """Whether this very process still runs; one that waits to be reaped does not."""
    found = status(pid)
    return found is not None and found.start == start and found.state not in 'ZX'


def ended(pid: int, start: int) -> bool:
    """Whether no thread of this very process runs any more; the first one may end before others."""
    found = status(pid)
    if found is None or found.start != start:
        return True
    try:
        return found.state in 'ZX' and len(os.listdir(_PROC / str(pid) / 'task')) < 2
    except FileNotFoundError:
        return True


def pids() -> Iterator[int]:
    """All processes of this machine."""
    for name in os.listdir(_PROC):
        if name.isdigit():
            yield int(name)


def _has_mark(pid: int, value: str) -> bool:
    try:
        environment = (_PROC / str(pid) / 'environ').read_bytes()
    except OSError:
        return False
    return f'{MARK}={value}'.encode() in environment.split(b'\0')


def _members(group: int, leader_start: int, value: str) -> Iterator[tuple[int, int]]:
    """Pid and start of what is left of a worker's group, the worker itself included."""
    for pid in pids():
        found = status(pid)
        if found is None or found.group != group or found.state in 'ZX':
            continue
        if (pid, found.start) == (group, leader_start) or _has_mark(pid, value):
            yield pid, found.start


def kill(pid: int, start: int) -> None:
    """Kill exactly this process; the descriptor rules out that the pid changes hands between."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if alive(pid, start):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def end_group(group: int, leader_start: int, value: str, *, timeout: float = 10.0) -> bool:
    """Kill a worker and its children, also where only children are left.

    :param group: process group, which is also the worker's pid
    :param leader_start: start time of the worker
    :param value: the mark of the worker, which its children inherit
    :param timeout: seconds to wait until all are gone
    :returns: whether all are gone
    """
    deadline = time.monotonic() + timeout
    while members := list(_members(group, leader_start, value)):
        for pid, start in members:
            kill(pid, start)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end_marked(value: str) -> None:
    """Kill all processes whose variable MARK has a value."""
    for pid in pids():
        if _has_mark(pid, value) and (found := status(pid)):
            kill(pid, found.start)
