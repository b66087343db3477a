# SPDX-License-Identifier: Apache-2.0

"""Subvolumes of btrfs: everything that calls the program ``btrfs`` or asks its file system.

What changes something needs root; all of that is here, so that one place has to be wrapped for a
service without root.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pathlib
import stat
import struct
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from typing import IO

from ssm.drivers.linux.command import CommandFailed, Commands

_ROOT_INODE = 256
"""Inode number of the root of every subvolume."""

_FS_INFO = 0x8400941F
_FS_INFO_SIZE = 1024
_FSID = slice(16, 32)

_UUID_AT = 0x10020
"""Where the first superblock has it."""

_SUBVOL_INFO = 0x81F8943C
# id, name, parent, directory, generation, flags, three UUIDs, then the transaction it changed in
# last and the one it was made in; see struct btrfs_ioctl_get_subvol_info_args
_SUBVOL_FORMAT = struct.Struct('=Q256s4Q16s16s16s2Q144x')
_READ_ONLY = 1

_GET_FLAGS, _SET_FLAGS = 0x80089419, 0x4008941A
_FLAGS_FORMAT = struct.Struct('=Q')
_FLAG_READ_ONLY = 2
_NO_UUID = str(uuid.UUID(int=0))

# The stream of send: name and version, then commands of length, kind, checksum, and attributes of
# kind, length, value each; see fs/btrfs/send.h of the kernel
_STREAM_HEADER = 17
_COMMAND = struct.Struct('<IH4x')
_ATTRIBUTE = struct.Struct('<HH')
_UPDATE_EXTENT, _SIZE = 22, 4

_RESCAN_TIMEOUT = 10.0

_ALL_LEVELS = '8'
"""Height of trees that no tree reaches."""


@dataclasses.dataclass(frozen=True)
class Subvolume:
    """What the file system says of a subvolume.

    :param generation: transaction in which it changed last
    :param made: transaction in which it was made
    :param received: UUID of what it was received from, empty if it was not, or not wholly
    """

    generation: int
    made: int
    read_only: bool
    uuid: str
    received: str

    @property
    def identity(self) -> str:
        """What a copy of it says it was received from."""
        return self.received or self.uuid


def file_system(path: str | os.PathLike[str]) -> str | None:
    """UUID of the btrfs a path lies on, None if it is another file system."""
    answer = bytearray(_FS_INFO_SIZE)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, _FS_INFO, answer)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return str(uuid.UUID(bytes=bytes(answer[_FSID])))


def read_uuid(file: str | os.PathLike[str]) -> str:
    """UUID of the btrfs in a file, which need not be mounted."""
    with open(file, 'rb') as stream:
        stream.seek(_UUID_AT)
        return str(uuid.UUID(bytes=stream.read(16)))


def is_subvolume(path: str | os.PathLike[str]) -> bool:
    """Whether a path of a btrfs is the root of a subvolume."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return status.st_ino == _ROOT_INODE and stat.S_ISDIR(status.st_mode)


def info(path: str | os.PathLike[str]) -> Subvolume:
    """What a subvolume is like.

    :raises OSError: there is none
    """
    answer = bytearray(_SUBVOL_FORMAT.size)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _SUBVOL_INFO, answer)
    finally:
        os.close(descriptor)
    fields = _SUBVOL_FORMAT.unpack(answer)
    own, _, received = (str(uuid.UUID(bytes=field)) for field in fields[6:9])
    return Subvolume(
        generation=fields[4],
        made=fields[10],
        read_only=bool(fields[5] & _READ_ONLY),
        uuid=own,
        received='' if received == _NO_UUID else received,
    )


def subvolumes(path: str | os.PathLike[str], *, inside: bool = False) -> list[str]:
    """Roots of subvolumes at and below a path, inner ones first.

    :param inside: look into subvolumes, too
    """
    top = os.fspath(path)
    found = [top] if is_subvolume(top) else []
    if found and not inside:
        return found
    for directory, names, _ in os.walk(top):
        roots = {name for name in names if is_subvolume(f'{directory}/{name}')}
        found += [f'{directory}/{name}' for name in sorted(roots)]
        if not inside:
            names[:] = [name for name in names if name not in roots]
    return found[::-1]


def create(commands: Commands, path: pathlib.Path) -> None:
    """Make an empty subvolume."""
    commands.run(['btrfs', 'subvolume', 'create', str(path)])


def snapshot(
    commands: Commands, source: pathlib.Path, target: pathlib.Path, *, read_only: bool
) -> None:
    """Make a snapshot; what programs wrote before is in it."""
    option = ['-r'] if read_only else []
    commands.run(['btrfs', 'subvolume', 'snapshot', *option, str(source), str(target)])


def remove(commands: Commands, path: pathlib.Path) -> None:
    """Remove a tree with all subvolumes in it; one that is gone is no error.

    Names are gone on return, space is freed later.
    """
    if not os.path.lexists(path):
        return
    try:
        _delete(commands, subvolumes(path))
    except CommandFailed:
        # somebody with access to this host made subvolumes inside of a share
        _delete(commands, subvolumes(path, inside=True))
    if os.path.lexists(path):
        commands.run(['rm', '-rf', '--', str(path)])


def _delete(commands: Commands, paths: list[str]) -> None:
    if paths:
        commands.run(['btrfs', 'subvolume', 'delete', *paths])


def wait_for_space(commands: Commands, path: str | os.PathLike[str], timeout: float) -> None:
    """Wait until the file system of a path has the space of what was removed, or for so long."""
    with contextlib.suppress(subprocess.TimeoutExpired, CommandFailed):
        # else it begins with the next transaction, which may be half a minute away
        commands.run(['btrfs', 'filesystem', 'sync', os.fspath(path)])
        commands.run(['btrfs', 'subvolume', 'sync', os.fspath(path)], timeout=timeout)


def nested(commands: Commands, path: pathlib.Path) -> list[str]:
    """Names of the subvolumes directly inside of a subvolume, from the top of the file system."""
    lines = commands.run(['btrfs', 'subvolume', 'list', '-o', str(path)]).splitlines()
    return [line.partition(' path ')[2] for line in lines]


def content(commands: Commands, path: pathlib.Path, since: int = 0) -> int:
    """Bytes of content of a subvolume, holes not counted.

    :param since: count only what was written after a transaction, with more or less of what lies
        around it on the disk
    """
    argv = ['btrfs', 'subvolume', 'find-new', str(path), str(since + 1)]
    total = 0
    with _printed(commands, argv) as lines:
        for line in lines:
            # inode N file offset N len N disk start N offset N gen N flags FLAGS NAME
            fields = line.split(b' ', 17)
            if fields[0] == b'inode' and (fields[9] != b'0' or b'INLINE' in fields[15]):
                total += int(fields[6])
    return total


def difference(commands: Commands, path: pathlib.Path, parent: pathlib.Path) -> int:
    """Bytes of content that would be sent of a read-only snapshot, given an earlier one."""
    argv = ['btrfs', '-q', 'send', '--no-data', '-p', str(parent), str(path)]
    total = 0
    with _printed(commands, argv) as stream:
        stream.read(_STREAM_HEADER)
        while header := stream.read(_COMMAND.size):
            length, command = _COMMAND.unpack(header)
            attributes = stream.read(length)
            while command == _UPDATE_EXTENT and attributes:
                kind, size = _ATTRIBUTE.unpack_from(attributes)
                value, attributes = attributes[4 : 4 + size], attributes[4 + size :]
                total += int.from_bytes(value, 'little') if kind == _SIZE else 0
    return total


@contextlib.contextmanager
def _printed(commands: Commands, argv: list[str]) -> Iterator[IO[bytes]]:
    """What a program prints, read as it comes.

    :raises CommandFailed: it ended with an error
    """
    process = commands.start(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    with process:
        yield process.stdout
    if process.returncode:
        raise CommandFailed(argv, process.returncode, '')


def send(path: str | os.PathLike[str], parent: str | os.PathLike[str] | None) -> list[str]:
    """A command line that prints a read-only subvolume, or what changed since another one."""
    option = ['-p', os.fspath(parent)] if parent else []
    return ['btrfs', '-q', 'send', *option, os.fspath(path)]


def receive(directory: str | os.PathLike[str]) -> list[str]:
    """A command line that makes a subvolume in a directory of what :func:`send` printed.

    It has the name of the original. An interrupted one leaves a part of it, which has no
    ``received`` UUID.
    """
    return ['btrfs', '-q', 'receive', os.fspath(directory)]


def set_time(path: str | os.PathLike[str], time: int) -> None:
    """Give the top of a read-only subvolume a modification time, nanoseconds.

    Receive leaves another one than that of the original: it makes each new file in the top first.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags = bytearray(_FLAGS_FORMAT.size)
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
        (found,) = _FLAGS_FORMAT.unpack(flags)
        fcntl.ioctl(descriptor, _SET_FLAGS, _FLAGS_FORMAT.pack(found & ~_FLAG_READ_ONLY))
        os.utime(descriptor, ns=(os.fstat(descriptor).st_atime_ns, time))
        fcntl.ioctl(descriptor, _SET_FLAGS, _FLAGS_FORMAT.pack(found | _FLAG_READ_ONLY))
    finally:
        os.close(descriptor)


def limit(commands: Commands, path: pathlib.Path, size: int) -> None:
    """Let a subvolume refer to so many bytes at most; needs quotas."""
    commands.run(['btrfs', 'qgroup', 'limit', str(size), str(path)])


def used(commands: Commands, path: pathlib.Path) -> int:
    """Bytes a subvolume refers to, as its limit counts them; needs quotas.

    What is not written out yet is not counted.
    """
    argv = ['btrfs', 'qgroup', 'show', '--raw', '-f', str(path)]
    return int(commands.run(argv).splitlines()[-1].split()[1])


def _quota_state(path: str | os.PathLike[str]) -> pathlib.Path:
    return pathlib.Path('/sys/fs/btrfs', file_system(path) or '', 'qgroups')


def has_quotas(path: str | os.PathLike[str]) -> bool:
    """Whether quotas are switched on in the file system of a path."""
    return _quota_state(path).is_dir()


def quotas_hold(path: str | os.PathLike[str]) -> bool:
    """Whether the file system knows what each subvolume uses; needs quotas."""
    return (_quota_state(path) / 'inconsistent').read_text(encoding='ascii').strip() == '0'


def enable_quotas(commands: Commands, path: str | os.PathLike[str]) -> None:
    """Switch quotas on; they hold once the kernel looked through all there is.

    It is waited for as long as an empty file system takes.
    """
    if not has_quotas(path):
        commands.run(['btrfs', 'quota', 'enable', os.fspath(path)])
        with contextlib.suppress(subprocess.TimeoutExpired):
            commands.run(
                ['btrfs', 'quota', 'rescan', '-w', os.fspath(path)], timeout=_RESCAN_TIMEOUT
            )
    # Else the removal of a high tree makes the kernel stop counting. Kernels that never do so
    # have no such file.
    with contextlib.suppress(FileNotFoundError):
        (_quota_state(path) / 'drop_subtree_threshold').write_text(_ALL_LEVELS)


def by_age(paths: Iterable[str]) -> dict[str, Subvolume]:
    """What some subvolumes are like, the oldest first."""
    found = {path: info(path) for path in paths}
    return dict(sorted(found.items(), key=lambda item: item[1].made))
