# SPDX-License-Identifier: Apache-2.0

"""The image of a share server: a btrfs in a file, which holds all shares and snapshots of it.

It lies in a subvolume of the pool, beside what file handles depend on, so that one snapshot has
all of that::

    <server>/image/disk               the file; a loop device shows it while the server is open
                   image.json         the sum that sizes of shares may reach
                   exports/           records of shares, with the numbers of their exports
                   ganesha/           memory of clients
    <server>/data/                    where the btrfs is mounted

The other directories of a server are links to these places. They lead nowhere while the image is
not mounted, so nothing is written beside it by mistake.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import time
from collections.abc import Iterator

from ssm.drivers.linux import btrfs, pool, privileged, process
from ssm.drivers.linux.command import CommandFailed, Commands
from ssm.drivers.linux.refusal import refusal

NAME = 'image'
"""Of the subvolume, and of what is copied in a migration."""

DISK = 'disk'
PROGRAMS = ('losetup', 'mkfs.btrfs', 'mount', 'umount')

_GIB = 1 << 30
_OWN = 256 << 20, 16
"""Bytes, and part of the size, that an image is larger, for what btrfs needs itself."""

_INSIDE = (('shares', pool.PUBLIC), ('closed', pool.PRIVATE), ('snapshots', pool.PRIVATE))
_BESIDE = ('exports', 'ganesha')
_SHOWN = 10
_POLL = 0.02


class Image:
    """The image of one server."""

    def __init__(self, server: pool.Server) -> None:
        self.server = server
        self.subvolume = server.path / NAME
        self.file = self.subvolume / DISK
        self.mount = server.path / 'data'
        self._about = self.subvolume / 'image.json'

    def make(self, commands: Commands, size: int, *, quotas: bool) -> None:
        """Make an empty one, unless there is one; it is open then.

        :param size: GiB that the shares may have together
        :param quotas: hold shares to their sizes
        """
        pool.make_directory(self.server.path, pool.PUBLIC)
        if not self._about.exists():
            btrfs.remove(commands, self.subvolume)
            btrfs.create(commands, self.subvolume)
            self.subvolume.chmod(pool.PRIVATE)
            with self.file.open('wb') as file:
                file.truncate(size * _GIB + _OWN[0] + size * _GIB // _OWN[1])
            with _told(self.file):
                privileged.make_image(self.file)
            pool.write_json(self._about, {'size': size}, durable=True)
        self.open()
        if quotas:
            btrfs.enable_quotas(commands, self.mount)

    @property
    def size(self) -> int:
        """GiB that the shares may have together."""
        size: int = pool.read_json(self._about)['size']
        return size

    def is_open(self) -> bool:
        """Whether it is mounted."""
        return os.path.ismount(self.mount)

    def open(self) -> None:
        """Mount it, unless it is.

        :raises DriverRefused: there is none, it can't be mounted, or a copy of it is mounted
        """
        if self.is_open():
            return
        if not self.file.exists():
            raise refusal('image_missing', f'The share server has no image at {self.file}.')
        pool.make_directory(self.mount, pool.PUBLIC)
        with _told(self.file):
            privileged.mount_image(self.file, self.mount)
        if btrfs.file_system(self.mount) != btrfs.read_uuid(self.file):
            # newer kernels then give this one a UUID for the time being, and file handles change
            self.close(0)
            raise _in_use(self.file, 'a copy of it is mounted on this host')
        self._lay_out()

    def _lay_out(self) -> None:
        for name, mode in _INSIDE:
            pool.make_directory(self.mount / name, mode)
        for name in _BESIDE:
            pool.make_directory(self.subvolume / name, pool.PRIVATE)
        places = [(name, self.mount.name) for name, _ in _INSIDE]
        for name, place in (*places, *((name, NAME) for name in _BESIDE)):
            link = self.server.path / name
            if not link.is_symlink():
                link.symlink_to(f'{place}/{name}')

    def close(self, timeout: float) -> None:
        """Unmount it, wherever it is mounted; nothing changes it afterwards.

        :param timeout: seconds to wait for who uses it
        :raises DriverRefused: somebody still does
        """
        deadline = time.monotonic() + timeout
        while devices := privileged.loops(self.file) if self.file.exists() else []:
            # where there are several mount namespaces it may be mounted in another one
            with contextlib.suppress(CommandFailed):
                privileged.unmount_image(self.mount, devices[0])
                continue
            if time.monotonic() > deadline:
                raise _in_use(self.file, _users(self.mount, devices[0]))
            time.sleep(_POLL)


@contextlib.contextmanager
def _told(file: pathlib.Path) -> Iterator[None]:
    """Say what a program said of an image."""
    try:
        yield
    except CommandFailed as error:
        raise refusal(
            'image_failed',
            f'The image {file} can not be mounted: {error.errors}',
            'See the log of the kernel, and whether there are loop devices.',
        ) from error


def _in_use(file: pathlib.Path, why: str) -> Exception:
    return refusal(
        'image_in_use',
        f'The image {file} can not be mounted or unmounted: {why}.',
        'End these programs, or unmount it where it is mounted, and try again.',
    )


def _users(mount: pathlib.Path, device: str) -> str:
    """Who uses a mounted image, as far as can be seen."""
    found = []
    for pid in process.pids():
        with contextlib.suppress(OSError):
            if _uses(pid, str(mount)) or not _same_mounts(pid) and _has_mounted(pid, device):
                found.append(str(pid))
    shown = ', '.join(found[:_SHOWN])
    return f'in use by pid {shown}' if shown else f'{device} is in use'


def _uses(pid: int, mount: str) -> bool:
    place = f'/proc/{pid}'
    links = [
        f'{place}/cwd',
        f'{place}/root',
        *(f'{place}/fd/{n}' for n in os.listdir(f'{place}/fd')),
    ]
    for link in links:
        with contextlib.suppress(OSError):
            if f'{os.readlink(link)}/'.startswith(f'{mount}/'):
                return True
    return False


def _same_mounts(pid: int) -> bool:
    return os.readlink(f'/proc/{pid}/ns/mnt') == os.readlink('/proc/self/ns/mnt')


def _has_mounted(pid: int, device: str) -> bool:
    text = pathlib.Path(f'/proc/{pid}/mounts').read_text(encoding='utf-8', errors='replace')
    return any(line.startswith(f'{device} ') for line in text.split('\n'))
