# SPDX-License-Identifier: Apache-2.0

"""What this process may do in a pool, found out by trying."""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import pathlib
import stat
import struct
import tempfile
from typing import Any

_FICLONE = 0x40049409
_ACL = 'system.posix_acl_access'
# version 2, then user, group and others with rwx, r-x, r-x; the id is unused
_ACL_VALUE = struct.pack('<I', 2) + b''.join(
    struct.pack('<HHI', tag, rights, 0xFFFFFFFF) for tag, rights in ((1, 7), (4, 5), (32, 5))
)
_NOBODY = 65534
_NULL_DEVICE = os.makedev(1, 3)


@dataclasses.dataclass(frozen=True)
class Abilities:
    """What can be kept of a file when it is copied into a pool.

    :param owners: owner and group of any user
    :param devices: device nodes
    :param xattrs: extended attributes; without root those of the namespace ``user``
    :param acls: POSIX access control lists
    :param reflinks: copies that share their blocks
    """

    owners: bool
    devices: bool
    xattrs: bool
    acls: bool
    reflinks: bool

    def to_dict(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return dataclasses.asdict(self)


def _may(action: Any, *arguments: Any) -> bool:
    """Whether a system call works; whatever it answers otherwise, it is not to be used."""
    try:
        action(*arguments)
    except OSError:
        return False
    return True


def _reflink(source: pathlib.Path, target: pathlib.Path) -> None:
    with source.open('rb') as reader, target.open('wb') as writer:
        fcntl.ioctl(writer, _FICLONE, reader.fileno())


def probe(directory: pathlib.Path) -> Abilities:
    """Try everything in a directory of the pool; leaves nothing behind.

    :raises OSError: not even a file can be written there
    """
    with tempfile.TemporaryDirectory(prefix='probe-', dir=directory) as name:
        place = pathlib.Path(name)
        file = place / 'file'
        file.write_bytes(b'x' * 4096)
        return Abilities(
            owners=_may(os.chown, file, _NOBODY, _NOBODY) and _may(os.chown, file, 0, 0),
            devices=_may(os.mknod, place / 'device', stat.S_IFCHR | 0o600, _NULL_DEVICE),
            xattrs=_may(os.setxattr, file, 'user.ssm', b'x'),
            acls=_may(os.setxattr, file, _ACL, _ACL_VALUE),
            reflinks=_may(_reflink, file, place / 'clone'),
        )


def is_full(error: OSError) -> bool:
    """Whether an error says that the pool, or a limit in it, is exhausted."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
