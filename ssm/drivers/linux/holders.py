# SPDX-License-Identifier: Apache-2.0

"""Who still has a way into a directory that was taken from its path.

A rename stops nobody who has a file open, stands in a directory, maps a file or has the directory
mounted elsewhere. All of these are found by device and inode, not by path: a process in a
container or behind a bind mount sees other paths.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
from collections.abc import Iterable, Iterator

from ssm.drivers.linux import process

Inode = tuple[int, int]

_PROC = pathlib.Path('/proc')
_OCTAL = re.compile(r'\\([0-7]{3})')
_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""Inode of the namespace that sees all processes of the machine; fixed in the kernel."""


@dataclasses.dataclass
class Holders:
    """What was found.

    :param pids: processes that hold something
    :param mounts: mount points that show something
    :param unseen: processes that could not be looked into
    :param partial: there may be processes that /proc does not show at all
    """

    pids: set[int] = dataclasses.field(default_factory=set)
    mounts: set[str] = dataclasses.field(default_factory=set)
    unseen: set[int] = dataclasses.field(default_factory=set)
    partial: bool = False

    def __bool__(self) -> bool:
        return bool(self.pids or self.mounts)


def inodes(roots: Iterable[str]) -> set[Inode]:
    """All files and directories of trees; no file is opened and none is asked for its status."""
    found = set()
    for root in roots:
        status = os.stat(root)
        found.add((status.st_dev, status.st_ino))
        todo = [root]
        while todo:
            try:
                entries = list(os.scandir(todo.pop()))
            except FileNotFoundError:
                continue
            for entry in entries:
                found.add((status.st_dev, entry.inode()))
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
    return found


def _descriptors(pid: int) -> Iterator[pathlib.Path]:
    place = _PROC / str(pid)
    yield place / 'cwd'
    yield place / 'root'
    for name in os.listdir(place / 'fd'):
        yield place / 'fd' / name


def _maps(pid: int) -> Iterator[Inode]:
    """Device and inode of each mapped file."""
    text = (_PROC / str(pid) / 'maps').read_text(encoding='utf-8', errors='surrogateescape')
    for line in text.split('\n'):
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or fields[4] == '0':
            continue
        major, minor = (int(part, 16) for part in fields[3].split(':'))
        if major:
            yield os.makedev(major, minor), int(fields[4])
        else:
            # file systems without a device of their own, like btrfs, show another number here
            with contextlib.suppress(OSError):
                status = os.stat(f'/proc/{pid}/root{fields[5]}')
                yield status.st_dev, status.st_ino


def _holds(pid: int, wanted: set[Inode]) -> bool:
    """Whether a process holds one of the inodes.

    :raises PermissionError: it can't be looked into
    """
    for descriptor in _descriptors(pid):
        try:
            status = descriptor.stat()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # a file without a name is out of reach for everybody else, also for the copy
        if (status.st_dev, status.st_ino) in wanted and status.st_nlink:
            return True
    return any(inode in wanted for inode in _maps(pid))


def _mounts(pid: int, devices: set[str]) -> Iterator[str]:
    """Paths, through /proc, of mounts that show a part of one of the file systems."""
    text = (_PROC / str(pid) / 'mountinfo').read_text(encoding='utf-8', errors='surrogateescape')
    for line in text.split('\n'):
        fields = line.split()
        if len(fields) < 5 or fields[3] == '/':
            continue
        if fields[2] in devices or fields[2].startswith('0:'):
            point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4])
            yield f'/proc/{pid}/root{point}'


def find(wanted: set[Inode]) -> Holders:
    """Look through all processes, and the mounts of each of their mount namespaces."""
    found = Holders(
        partial=os.stat('/proc/self/ns/pid').st_ino != _FIRST_PID_NAMESPACE
        or process.status(1) is None
    )
    devices = {f'{os.major(device)}:{os.minor(device)}' for device, _ in wanted}
    namespaces: set[str] = set()
    for pid in process.pids():
        if pid == os.getpid():
            continue
        try:
            if _holds(pid, wanted):
                found.pids.add(pid)
            namespace = os.readlink(_PROC / str(pid) / 'ns' / 'mnt')
            if namespace not in namespaces:
                namespaces.add(namespace)
                found.mounts.update(_showing(_mounts(pid, devices), wanted))
        except (FileNotFoundError, ProcessLookupError):
            continue
        except PermissionError:
            found.unseen.add(pid)
    return found


def _showing(points: Iterable[str], wanted: set[Inode]) -> Iterator[str]:
    for point in points:
        try:
            status = os.stat(point)
        except OSError:
            continue
        if (status.st_dev, status.st_ino) in wanted:
            yield point
