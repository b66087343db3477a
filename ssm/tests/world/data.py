# SPDX-License-Identifier: Apache-2.0

"""Real files to put on shares, and the proof that they are all there afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import stat
import struct
import sysconfig
from collections.abc import Iterator

MIB = 1 << 20

_ACL = 'system.posix_acl_access'
# version 2, then user, user 1234, group, mask, others with their rights; see acl(5)
_FRIENDS = struct.pack('<I', 2) + b''.join(
    struct.pack('<HHI', tag, rights, who)
    for tag, rights, who in (
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 4, 1234),
        (0x04, 4, 0xFFFFFFFF),
        (0x10, 4, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    )
)


def fill(directory: pathlib.Path, part: int, parts: int, large: int = 48, sparse: int = 64) -> None:
    """Fill a share: a part of Python's standard library, and everything that is hard to copy.

    :param part: which of ``parts`` of the library goes here
    :param large: size of the one large file, MiB
    :param sparse: size of the file that is a hole, MiB
    """
    library = pathlib.Path(sysconfig.get_path('stdlib'))
    entries = sorted(
        entry for entry in library.iterdir() if entry.name not in ('site-packages', '__pycache__')
    )
    for entry in entries[part::parts]:
        target = directory / 'library' / entry.name
        target.parent.mkdir(exist_ok=True)
        if entry.is_dir():
            shutil.copytree(
                entry, target, symlinks=True, ignore=shutil.ignore_patterns('__pycache__')
            )
        elif entry.is_file():
            shutil.copy2(entry, target)
    hard_to_copy(directory, large, sparse)


def hard_to_copy(directory: pathlib.Path, large: int, sparse: int) -> None:
    """Odd names, links, holes, modes, times, attributes; sizes as of :func:`fill`."""
    block = os.urandom(MIB)
    with (directory / 'large.bin').open('wb') as file:
        for number in range(large):
            file.write(number.to_bytes(8, 'big') + block[8:])
    with (directory / 'sparse.img').open('wb') as file:
        file.seek(sparse * MIB)
        file.write(b'the end')
    os.link(directory / 'large.bin', directory / 'hard link to large.bin')
    odd = os.fsencode(directory)
    for name in (b'new\nline', b'bytes \xff\xfe', b' spaces ', b'quote\'"\\', b'-rf', b'*?[]'):
        pathlib.Path(os.fsdecode(os.path.join(odd, name))).write_bytes(name)
    (directory / 'empty' / 'nested').mkdir(parents=True)
    (directory / 'link to nowhere').symlink_to('nowhere')
    (directory / 'link').symlink_to('large.bin')
    os.mkfifo(directory / 'fifo')
    (directory / 'secret').write_text('for me alone')
    (directory / 'secret').chmod(0o600)
    (directory / 'setgid').mkdir()
    (directory / 'setgid').chmod(0o2755)
    os.utime(directory / 'secret', ns=(10**18 + 123456789, 10**18 + 123456789))
    # where the file system, and this user, may
    with contextlib.suppress(OSError):
        os.setxattr(directory / 'secret', 'user.colour', b'blue')
    with contextlib.suppress(OSError):
        os.chown(directory / 'setgid', 1234, 2345)
    (directory / 'for friends').touch(0o640)
    with contextlib.suppress(OSError):
        os.setxattr(directory / 'for friends', _ACL, _FRIENDS)


def change(directory: pathlib.Path, round_: int) -> None:
    """What happens between two snapshots: a new file, one that grows, one that goes."""
    (directory / f'added {round_}').write_text(f'in round {round_}\n' * 1000)
    with (directory / 'journal.txt').open('a') as file:
        file.write(f'round {round_}\n')
    with contextlib.suppress(FileNotFoundError):
        (directory / f'added {round_ - 2}').unlink()


Entry = tuple[object, ...]


def manifest(directory: pathlib.Path, without: tuple[str, ...] = ()) -> dict[bytes, Entry]:
    """Everything about each entry of a tree that a copy has to keep, by relative path.

    Hard links are told by the group of paths that share a file.

    :param without: names at the top that are left out
    """
    found: dict[bytes, Entry] = {}
    links: dict[tuple[int, int], list[bytes]] = {}
    for path in _walk(os.fsencode(directory)):
        name = os.path.relpath(path, os.fsencode(directory))
        if os.fsdecode(name) in without:
            continue
        status = os.lstat(path)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            links.setdefault((status.st_dev, status.st_ino), []).append(name)
        found[name] = (
            oct(status.st_mode),
            status.st_uid,
            status.st_gid,
            # An added entry changes its directory's time, and the top one's belongs to nobody.
            None if name == b'.' else status.st_mtime_ns,
            _content(path, status),
            _attributes(path),
        )
    for names in links.values():
        # A file may also be linked from outside the tree, e.g. from the next snapshot.
        for name in names if len(names) > 1 else ():
            found[name] += (tuple(sorted(names)),)
    return found


def _walk(top: bytes) -> Iterator[bytes]:
    yield top
    for directory, names, files in os.walk(top):
        for name in names + files:
            yield os.path.join(directory, name)


def _content(path: bytes, status: os.stat_result) -> object:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(status.st_mode):
        return None
    with open(path, 'rb') as file:
        return status.st_size, hashlib.file_digest(file, 'blake2b').hexdigest()


def _attributes(path: bytes) -> tuple:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return ()
    return tuple(
        (name, os.getxattr(path, name, follow_symlinks=False))
        for name in sorted(names)
        if name.startswith(('user.', 'system.posix_acl'))
    )


def differences(before: dict[bytes, Entry], after: dict[bytes, Entry]) -> list[str]:
    """What is not the same in two manifests, in words; empty if they are equal."""
    said = [f'missing: {name!r}' for name in sorted(before.keys() - after.keys())]
    said += [f'not there before: {name!r}' for name in sorted(after.keys() - before.keys())]
    said += [
        f'changed: {name!r}: {before[name]} -> {after[name]}'
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    return said
