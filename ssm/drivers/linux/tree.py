# SPDX-License-Identifier: Apache-2.0

"""Looking at directory trees: how much there is, what each file is like, what it contains.

Trees may change while they are looked at: what vanishes meanwhile is left out. Names are strings
with surrogates for bytes that are no UTF-8, as :func:`os.fsdecode` makes them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_CLOCK_SLACK = 0.1
"""Seconds by which the time stamps of files may lag behind the clock."""

Entry = list[Any]
"""Mode, size or device, owner, group, time of change in ns, target, attributes, links, content."""

Manifest = dict[str, Entry]
"""All files of a tree by path below its root; the root itself is ``.``."""

CONTENT = 8
"""Index of the digest in an entry."""

_PIECE = 1 << 20
"""Bytes of a large file that get a digest of their own."""

_FIELDS = (
    'mode',
    'size',
    'owner',
    'group',
    'modification time',
    'link target',
    'extended attributes',
    'hard links',
    'content',
)


@dataclasses.dataclass
class Survey:
    """How much there is below a root.

    :param files: entries of all kinds
    :param size: bytes of content of regular files, each inode once
    :param used: bytes on the disk, each inode once
    :param uncopyable: entries this process can't read or make, ``first_uncopyable`` is one
    :param foreign: entries that belong to another user than this process
    :param changed: regular files that changed since the look before
    :param moved: a directory was renamed since then, as far as that can be seen
    :param directories: inode by path of those that were looked into
    :param seconds: how long it took to look
    """

    files: int = 0
    size: int = 0
    used: int = 0
    uncopyable: int = 0
    first_uncopyable: str = ''
    foreign: int = 0
    changed: list[str] = dataclasses.field(default_factory=list)
    moved: bool = False
    directories: dict[str, int] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0

    def refuse(self, path: str) -> None:
        """Count an entry that can't be copied."""
        self.uncopyable += 1
        self.first_uncopyable = self.first_uncopyable or path


class Since:
    """A look before: what may have changed since then.

    :param known: ``time``, when it began (epoch), and ``directories``, as in :class:`Survey`, None
        if nothing was renamed meanwhile; None if there was no look before
    """

    def __init__(self, known: Mapping[str, Any] | None) -> None:
        self._time: float | None = None
        self._places: dict[int, str] | None = None
        if known is not None:
            self._time = known['time'] - _CLOCK_SLACK
            if known['directories'] is not None:
                self._places = {inode: path for path, inode in known['directories'].items()}

    def has_changed(self, status: os.stat_result) -> bool:
        """Whether an entry is a regular file with a new time of its inode.

        Programs can't set that. A rename gives the file a new one, but none to what is below a
        directory.
        """
        return (
            self._time is not None
            and stat.S_ISREG(status.st_mode)
            and status.st_ctime >= self._time
        )

    def was_moved(
        self, path: str, status: os.stat_result, entries: Iterable[os.stat_result]
    ) -> bool:
        """Whether a directory seems to have been renamed; files in it may have been missed."""
        # the root is renamed by whoever closes the share, and by nobody else
        if not path or self._time is None or self._places is None:
            return False
        if status.st_ctime < self._time:
            return False
        if (before := self._places.get(status.st_ino)) is not None:
            # it may have been away for a while
            return before != path or status.st_ctime_ns != status.st_mtime_ns
        # else it was made since
        old = (entry.st_ctime < self._time for entry in entries if stat.S_ISREG(entry.st_mode))
        return status.st_mtime < self._time or any(old)


def walk(root: str, survey: Survey, before: Since) -> Iterator[tuple[str, str, os.stat_result]]:
    """Every entry below and including the root: path below it, whole path, status.

    :param survey: gets the directories, whether some were renamed, and those that can't be read
    """
    todo = ['']
    top = os.lstat(root)
    yield '.', root, top
    while todo:
        below = todo.pop()
        try:
            directory, entries = _entries(f'{root}/{below}')
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            survey.refuse(below or '.')
            continue
        if directory.st_dev == top.st_dev:
            survey.directories[below] = directory.st_ino
        survey.moved |= before.was_moved(below, directory, (status for _, status in entries))
        for name, status in entries:
            path = below + name
            if stat.S_ISDIR(status.st_mode):
                todo.append(f'{path}/')
            yield path, f'{root}/{path}', status


def _entries(path: str) -> tuple[os.stat_result, list[tuple[str, os.stat_result]]]:
    """Status of a directory, and of all in it; of this one, whatever gets its name meanwhile."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = []
        for entry in os.scandir(descriptor):
            with contextlib.suppress(FileNotFoundError):
                found.append((entry.name, entry.stat(follow_symlinks=False)))
        return os.fstat(descriptor), found
    finally:
        os.close(descriptor)


def survey(
    roots: Iterable[str], *, since: Mapping[str, Any] | None = None, devices: bool = True
) -> list[Survey]:
    """Measure trees; an inode that several of them share counts for the first.

    :param since: also tell what changed, see :class:`Since`
    :param devices: whether device nodes can be copied
    """
    seen: set[tuple[int, int]] = set()
    privileged, user = os.geteuid() == 0, os.geteuid()
    found, before = [], Since(since)
    for root in roots:
        begun = time.monotonic()
        result = Survey()
        for path, whole, status in walk(root, result, before):
            result.files += 1
            mode = status.st_mode
            if stat.S_ISREG(mode):
                if not privileged and not os.access(whole, os.R_OK):
                    result.refuse(path)
                if before.has_changed(status):
                    result.changed.append(path)
            elif not devices and (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)):
                result.refuse(path)
            result.foreign += status.st_uid != user
            if (status.st_dev, status.st_ino) not in seen:
                if status.st_nlink > 1:
                    seen.add((status.st_dev, status.st_ino))
                result.size += status.st_size if stat.S_ISREG(mode) else 0
                result.used += status.st_blocks * 512
        result.seconds = time.monotonic() - begun
        found.append(result)
    return found


def _attributes(path: str, kept: dict[str, bool]) -> str:
    """A digest of the extended attributes that a copy keeps, empty if there are none."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return ''
    if not names:
        return ''
    spaces: tuple[str, ...] = ()
    if kept['xattrs']:
        spaces = ('user.', 'security.', 'trusted.') if os.geteuid() == 0 else ('user.',)
    if kept['acls']:
        spaces += ('system.posix_acl_',)
    digest = hashlib.sha256()
    names = sorted(name for name in names if name.startswith(spaces))
    for name in names:
        value = os.getxattr(path, name, follow_symlinks=False)
        digest.update(f'{name}\0{len(value)}\0'.encode('utf-8', 'surrogateescape') + value)
    return digest.hexdigest() if names else ''


def _number(status: os.stat_result) -> int:
    """Size of a file or a link's target, number of a device; nothing for a directory."""
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        return status.st_rdev
    return 0 if stat.S_ISDIR(status.st_mode) else status.st_size


class Reader:
    """Makes manifests of trees and digests of files; an inode is read once.

    :param lineage: all trees descend from each other, so that a file with the same inode number
        and the same time of its inode, which programs can't set, is the same file
    """

    def __init__(self, *, lineage: bool = False) -> None:
        self._lineage = lineage
        self._digests: dict[tuple[int, ...], str] = {}

    def digest(self, path: str) -> str | None:
        """SHA-256 of a regular file, None for anything else or if it is gone."""
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        key: tuple[int, ...] = (status.st_dev, status.st_ino)
        if self._lineage:
            key = (status.st_ino, status.st_ctime_ns, status.st_size)
        if key not in self._digests:
            # not through a link, and not waiting for a fifo, that took its name meanwhile
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(descriptor, 'rb', buffering=0) as stream:
                self._digests[key] = hashlib.file_digest(stream, 'sha256').hexdigest()
        return self._digests[key]

    def manifest(
        self,
        root: str,
        kept: dict[str, bool],
        *,
        content: bool | Iterable[str] = False,
        since: Mapping[str, Any] | None = None,
    ) -> tuple[Manifest, Survey]:
        """What every file of a tree is like, as far as a copy keeps it.

        :param kept: the abilities of the destination
        :param content: include digests of all regular files, or of these paths
        :param since: as in :func:`survey`
        """
        begun, before = time.monotonic(), Since(since)
        every = content is True
        some = set() if isinstance(content, bool) else set(content)
        result = Survey()
        manifest: Manifest = {}
        linked: dict[tuple[int, int], list[str]] = {}
        for path, whole, status in walk(root, result, before):
            mode = status.st_mode
            owner = (status.st_uid, status.st_gid) if kept['owners'] else (0, 0)
            manifest[path] = [
                mode,
                _number(status),
                *owner,
                status.st_mtime_ns,
                os.readlink(whole) if stat.S_ISLNK(mode) else '',
                _attributes(whole, kept),
                '',
                self.digest(whole) if every or path in some else None,
            ]
            if status.st_nlink > 1 and not stat.S_ISDIR(mode):
                linked.setdefault((status.st_dev, status.st_ino), []).append(path)
            if before.has_changed(status):
                result.changed.append(path)
        for paths in linked.values():
            # named by its first member; links that lead out of the tree do not count
            for path in paths if len(paths) > 1 else ():
                manifest[path][7] = min(paths)
        result.files = len(manifest)
        result.seconds = time.monotonic() - begun
        return manifest, result


def regular(manifest: Manifest) -> Iterator[str]:
    """Paths of all regular files."""
    return (path for path, entry in manifest.items() if stat.S_ISREG(entry[0]))


def differences(source: Manifest, copy: Manifest) -> Iterator[str]:
    """A sentence for each path in which a copy differs from its source."""
    for path in sorted(source.keys() | copy.keys()):
        if path not in copy:
            yield f'{path!a} is missing in the copy'
        elif path not in source:
            yield f'{path!a} is in the copy only'
        elif source[path] != copy[path]:
            pairs = zip(_FIELDS, source[path], copy[path], strict=True)
            yield f'{path!a} differs in {", ".join(f for f, a, b in pairs if a != b)}'


def fingerprint(path: str, budget: int | None, at: Iterable[int] | None = None) -> dict[str, Any]:
    """What the content of a large file is like.

    Returns ``size``, and ``pieces``, pairs of offset and SHA-256, of pieces of 1 MiB. Pieces of
    zeros are left out, whether they lie on the disk or not.

    :param budget: bytes to look at, spread over all there is; None: all
    :param at: look at these pieces instead
    """
    with open(path, 'rb', buffering=0) as file:
        if at is None:
            at = _data(file.fileno())
            if budget is not None:
                offsets = list(at)
                count = max(budget // _PIECE, 1)
                at = {0, *offsets[:: max(1, len(offsets) // count)]}
        pieces = []
        for offset in sorted(at):
            piece = os.pread(file.fileno(), _PIECE, offset)
            if piece.count(0) != len(piece):
                pieces.append([offset, hashlib.sha256(piece).hexdigest()])
        return {'size': os.fstat(file.fileno()).st_size, 'pieces': pieces}


def _data(descriptor: int) -> Iterator[int]:
    """Offsets of all pieces of a file that are not wholly holes."""
    offset = 0
    while True:
        try:
            begin = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError:  # there is no more
            return
        end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        first = max(begin // _PIECE * _PIECE, offset)
        yield from range(first, end, _PIECE)
        offset = max(-(-end // _PIECE) * _PIECE, first + _PIECE)
