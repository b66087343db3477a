# SPDX-License-Identifier: Apache-2.0

"""Making a btrfs pool on a device or in a file, and looking whether one is fit for shares.

For ``ssm-manage linux-pool``; as root.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator

from ssm.drivers.linux import btrfs
from ssm.drivers.linux.command import CommandFailed, Commands

_GIB = 1 << 30
_SYSTEM_DIRECTORIES = '/usr/sbin:/sbin'
_LOOP_OPTIONS = 'loop,nodiscard'
"""Without discard the file keeps the space that was reserved for it."""


class SetupFailed(Exception):
    """A pool could not be made; says why."""


def create(
    path: pathlib.Path,
    *,
    device: pathlib.Path | None = None,
    file: pathlib.Path | None = None,
    size: int = 0,
    quotas: bool = True,
) -> str:
    """Make a btrfs on a device without a file system, or in a new file, and mount it.

    :param path: the mount point; an empty directory, or made
    :param size: of the file, GiB; the space is reserved
    :returns: the line of /etc/fstab that mounts it again
    :raises SetupFailed: nothing is left of the attempt, but for what was written to a device
    """
    _refuse(path, device, file)
    commands = Commands()
    with contextlib.ExitStack() as undo:
        try:
            if not path.is_dir():
                path.mkdir(parents=True)
                undo.callback(path.rmdir)
            if file is not None:
                _reserve(file, size, undo)
            place, options = (device, 'defaults') if device else (file, _LOOP_OPTIONS)
            commands.run([_program('mkfs.btrfs'), '--quiet', str(place)])
            commands.run(['mount', '-t', 'btrfs', '-o', options, str(place), str(path)])
            undo.callback(commands.run, ['umount', str(path)])
            if quotas:
                btrfs.enable_quotas(commands, path)
        except CommandFailed as error:
            raise SetupFailed(f'{error}') from None
        except OSError as error:
            raise SetupFailed(f'{error.filename or file or path}: {error.strerror}') from None
        undo.pop_all()
    source = f'UUID={btrfs.file_system(path)}' if device else str(file)
    return f'{source} {path} btrfs {options} 0 0'


def _refuse(path: pathlib.Path, device: pathlib.Path | None, file: pathlib.Path | None) -> None:
    """Nothing, if a pool can be made so.

    :raises SetupFailed: it can't, or something there is in use
    """
    if os.geteuid():
        raise SetupFailed('Only root can make a pool.')
    if missing := [name for name in ('btrfs', 'mkfs.btrfs') if not _program(name)]:
        raise SetupFailed(f'Not installed: {", ".join(missing)}; install btrfs-progs.')
    if os.path.ismount(path):
        raise SetupFailed(f'{path}: something is mounted there.')
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SetupFailed(f'{path} is not an empty directory.')
    if device is not None and not (device.exists() and stat.S_ISBLK(device.stat().st_mode)):
        raise SetupFailed(f'{device} is not a block device.')
    if file is not None and os.path.lexists(file):
        raise SetupFailed(f'{file} exists.')


def _reserve(file: pathlib.Path, size: int, undo: contextlib.ExitStack) -> None:
    with file.open('xb') as stream:
        undo.callback(file.unlink)
        os.posix_fallocate(stream.fileno(), 0, size * _GIB)
    file.chmod(0o600)


def _program(name: str) -> str:
    """Path of a program, also of one for administrators; empty if it is not installed."""
    return shutil.which(name, path=f'{os.environ.get("PATH", "")}:{_SYSTEM_DIRECTORIES}') or ''


def describe(path: pathlib.Path) -> str:
    """A line about a pool that :func:`problems` can look into."""
    space = os.statvfs(path)
    free, total = (blocks * space.f_frsize / _GIB for blocks in (space.f_bavail, space.f_blocks))
    quotas = 'on' if btrfs.has_quotas(path) else 'off'
    return (
        f'{path}: btrfs {btrfs.file_system(path)}, {free:.2f} of {total:.2f} GiB free, '
        f'quotas {quotas}'
    )


def problems(path: pathlib.Path, *, quotas: bool = True) -> Iterator[str]:
    """Sentences about what keeps a directory from being a good pool; changes nothing.

    :param quotas: whether shares are to be held to their sizes
    """
    if os.geteuid():
        yield 'Only root can use and check a pool.'
        return
    if not _program('btrfs'):
        yield 'The program btrfs is not installed; install btrfs-progs.'
        return
    if not path.is_dir():
        yield f'{path} is not a directory.'
        return
    if btrfs.file_system(path) is None:
        yield f'{path} is not on a btrfs; is it mounted?'
        return
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        yield f'{path} is read-only; see the log of the kernel.'
    try:
        Commands().run(['btrfs', 'device', 'stats', '--check', str(path)])
    except CommandFailed:
        yield f'Devices of {path} had errors; see btrfs device stats {path}.'
    if quotas and not btrfs.has_quotas(path):
        yield f'Quotas are off; run btrfs quota enable {path}, or set linux_quotas = false.'
    elif quotas and not btrfs.quotas_hold(path):
        yield f'Quotas do not hold yet; run btrfs quota rescan -w {path}.'
