# SPDX-License-Identifier: Apache-2.0

"""Running rsync, reading what it did, telling what its errors mean."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from ssm.drivers.linux.abilities import Abilities
from ssm.drivers.linux.command import CommandFailed, Commands
from ssm.drivers.linux.refusal import disk_full, says_full
from ssm.drivers.linux.stream import Report

_PROTOCOL, _PARTIAL, _VANISHED = 2, 23, 24

_TIMEOUT = 1800
"""Seconds without any traffic between its processes after which rsync gives up."""

_RUNS = 4
"""Times a run is repeated that a client's changes made rsync stumble over."""

_UNDER_WRITER = ['--no-inc-recursive']
"""With an incremental list of files rsync hangs when files with hard links vanish."""

_STUMBLED = 'Invalid packet at end of run'
"""A file with hard links vanished; all but the end of the work was done."""

# what a sender says of files that a client removes or cuts while they are read
_WRITER = re.compile(
    r'file has vanished|directory has vanished'
    r'|\[sender\] (?!change_dir).*No such file or directory \(2\)'
    r'|read errors mapping|failed verification -- update (discarded|put into)'
    r'|^rsync error:|^rsync warning:|IO error encountered -- skipping file deletion|^\s*$'
)
_BYTES = re.compile(rb'\s*(\d+)\s+\d+%')
_ESCAPED = re.compile(rb'\\#([0-7]{3})')


@dataclasses.dataclass
class Transfer:
    """What one run did.

    :param size: bytes of the files it copied
    :param touched: regular files it copied, as paths below the root
    """

    size: int = 0
    touched: list[str] = dataclasses.field(default_factory=list)


def keep(abilities: Abilities) -> list[str]:
    """Options that keep all of a file that can be kept: hard links, holes, attributes.

    Times are compared in nanoseconds: a second is long enough for two changes.
    """
    options = ['-rlptHS', '--specials', '--numeric-ids', '--modify-window=-1']
    options += ['-o', '-g'] if abilities.owners else []
    options += ['--devices'] if abilities.devices else []
    options += ['-X'] if abilities.xattrs else []
    options += ['-A'] if abilities.acls else []
    return options


def _unescape(name: bytes) -> str:
    """A path as rsync prints it in the locale C, where it writes odd bytes as ``\\#ooo``."""
    return os.fsdecode(_ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), name))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """What is printed, piece by piece; progress ends in a carriage return, names in a newline."""
    rest = b''
    while chunk := os.read(stream.fileno(), 65536):
        *lines, rest = (rest + chunk).replace(b'\r', b'\n').split(b'\n')
        yield from lines
    if rest:
        yield rest


class Rsync:
    """Runs rsync towards one pool.

    :param pool: the destination's root, named when it is full
    """

    def __init__(self, commands: Commands, abilities: Abilities, pool: str) -> None:
        self._commands = commands
        self._keep = keep(abilities)
        self._pool = pool

    def copy(
        self,
        source: list[str],
        target: str,
        *options: str,
        strict: bool,
        report: Report | None = None,
        only: Iterable[str] | None = None,
    ) -> Transfer:
        """Make a directory like another.

        :param source: arguments that name the source, as the transport gives them
        :param strict: nothing writes to the source, so any complaint is an error
        :param report: told how many bytes are copied
        :param only: copy these paths and nothing else; what is gone is left alone
        :raises DriverRefused: the destination is full
        :raises CommandFailed: anything else went wrong
        """
        argv = ['rsync', *self._keep, f'--timeout={_TIMEOUT}', '--out-format=%i %l %n', *options]
        argv += [] if strict else _UNDER_WRITER
        argv += ['--delete'] if only is None else ['--files-from=-', '--from0', '--no-recursive']
        if report is not None:
            argv += ['--info=progress2', '--no-human-readable', '--outbuf=L']
        argv += [*source, f'{target}/']
        # directories above them come with them, but the root only if it is named
        paths = b'' if only is None else b'\0'.join(map(os.fsencode, ('.', *only)))
        transfer = Transfer()
        for _ in range(_RUNS):
            code, errors = self._run(argv, paths, transfer, report)
            if self._judge(argv, code, errors, strict):
                return transfer
        raise CommandFailed(argv, code, errors)

    def _run(
        self, argv: list[str], paths: bytes, transfer: Transfer, report: Report | None
    ) -> tuple[int, str]:
        """Run rsync; returns its exit code and what it complained about."""
        with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as errors:
            names.write(paths)
            names.seek(0)
            process = self._commands.start(argv, stdin=names, stdout=subprocess.PIPE, stderr=errors)
            assert process.stdout is not None
            with process.stdout as stdout:
                try:
                    self._read(stdout, transfer, report)
                except BaseException:
                    process.kill()
                    raise
                finally:
                    code = process.wait()
            errors.seek(0)
            return code, errors.read().decode('utf-8', 'replace')

    @staticmethod
    def _read(stream: IO[bytes], transfer: Transfer, report: Report | None) -> None:
        for line in _lines(stream):
            if line[:2] in (b'>f', b'cf'):
                _, size, name = line.split(b' ', 2)
                transfer.size += int(size)
                transfer.touched.append(_unescape(name))
            elif report is not None and (match := _BYTES.match(line)):
                report(int(match[1]))

    def _judge(self, argv: list[str], code: int, errors: str, strict: bool) -> bool:
        """Whether all was done; False is worth another run.

        Under a writer it also was if only the writer's doing shows.
        """
        if code == 0:
            return True
        if full := says_full(errors):
            raise disk_full(self._pool, full)
        if not strict and code in (_VANISHED, _PARTIAL):
            unexpected = [line for line in errors.split('\n') if not _WRITER.search(line)]
            if not unexpected:
                return True
        if not strict and code == _PROTOCOL and _STUMBLED in errors:
            return False
        raise CommandFailed(argv, code, errors)
