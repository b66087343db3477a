# SPDX-License-Identifier: Apache-2.0

"""What one program prints, fed to another and counted."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO

from ssm.drivers.linux.command import CommandFailed, Commands

Report = Callable[[int], None]
"""Called now and then with the bytes that one run has copied so far."""

_PIPE = 1 << 20
"""Bytes a pipe holds, and is moved at a time; less makes the programs wait for each other."""

_GATHER = 0.001
"""Seconds in which more may come; to move every page by itself takes time from both programs."""

_EVERY = 0.05
"""Seconds between two reports of bytes that do not pass here; one may end the copy that late."""


class SenderFailed(CommandFailed):
    """The program that printed failed, not the one at the end."""


class Pace:
    """Lets bytes pass at a rate; all threads of a migration share it.

    :param rate: bytes a second, 0 for any
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._lock = threading.Lock()
        self._free = 0.0

    @property
    def piece(self) -> int:
        """Bytes to move at a time."""
        return min(_PIPE, max(self.rate // 10, 4096)) if self.rate else _PIPE

    def passed(self, size: int) -> None:
        """Wait for as long as so many bytes take."""
        if not self.rate:
            return
        with self._lock:
            now = time.monotonic()
            self._free = max(self._free, now) + size / self.rate
            wait = self._free - now
        time.sleep(wait)


class Sender:
    """A program that prints a stream, and one that decodes it, if there is one.

    :param errors: what the first wrote to stderr
    :param counted: the kernel knows how much it printed: it writes nothing else
    """

    def __init__(
        self,
        argv: Sequence[str],
        process: subprocess.Popen[bytes],
        errors: IO[bytes],
        *,
        counted: bool = False,
    ) -> None:
        self.argv = argv
        self.errors = errors
        self.counted = counted
        self._first = self.last = process

    def decoded(self, commands: Commands) -> Sender:
        """The same, behind ``zstd``."""
        assert self._first.stdout is not None
        with self._first.stdout as stdout:
            try:
                self.last = commands.start(
                    ['zstd', '-dcq'],
                    stdin=stdout,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,  # the first one has the cause
                )
            except BaseException:
                self.end()
                raise
        return self

    def finish(self) -> None:
        """Wait for the end.

        :raises SenderFailed: not all was printed
        """
        codes = self._first.wait(), self.last.wait()
        self._close()
        code = codes[0] or codes[1]
        if code:
            words = _read(self.errors) or ('' if codes[0] else 'the stream can not be decoded')
            raise SenderFailed(self.argv, code, words)

    def end(self) -> None:
        """Kill it."""
        for process in (self._first, self.last):
            process.kill()
            process.wait()
        self._close()

    def _close(self) -> None:
        if self._first.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._first.stdin.close()


def start(commands: Commands, argv: Sequence[str]) -> Sender:
    """Start a program of this host whose output, all it writes, is to be fed to another one."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115
    process = commands.start(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    return Sender(argv, process, errors, counted=True)


def run(
    commands: Commands,
    sender: Sender,
    receiver: Sequence[str],
    report: Report | None,
    pace: Pace | None = None,
) -> int:
    """Run both to their ends; returns how many bytes went from one to the other.

    :param report: told how many it were so far
    :raises CommandFailed: one of them failed; the cause is told from what follows from it
    """
    pace = pace or Pace(0)
    # what passes here takes a tenth longer
    direct = sender.counted and not pace.rate
    stdin = sender.last.stdout if direct else subprocess.PIPE
    with sender.errors, tempfile.TemporaryFile() as others:
        try:
            sink = commands.start(receiver, stdin=stdin, stdout=subprocess.DEVNULL, stderr=others)
        except BaseException:
            sender.end()
            raise
        try:
            if direct:
                size, whole = _follow(sender.last, report)
            else:
                size, whole = _move(sender.last, sink, report, pace)
        except BaseException:
            sender.end()
            _end(sink)
            raise
        if whole:
            # before the receiver, whose input ended early if this one failed
            try:
                sender.finish()
            except SenderFailed:
                sink.wait()
                raise
        else:
            sender.end()
        if sink.wait() or not whole:
            raise CommandFailed(receiver, sink.returncode, _read(others))
    return size


def _move(
    source: subprocess.Popen[bytes],
    sink: subprocess.Popen[bytes],
    report: Report | None,
    pace: Pace,
) -> tuple[int, bool]:
    """Bytes moved, and whether the receiver took all there were; closes both pipes."""
    assert source.stdout is not None and sink.stdin is not None
    size = 0
    with source.stdout as reader, contextlib.closing(sink.stdin) as writer:
        for pipe in (reader, writer):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        try:
            # the kernel hands pages on; their content never comes here
            while moved := os.splice(reader.fileno(), writer.fileno(), pace.piece):
                size += moved
                pace.passed(moved)
                if report is not None:
                    report(size)
                if moved < _PIPE // 2:
                    time.sleep(_GATHER)
        except BrokenPipeError:
            return size, False
    return size, True


def _follow(source: subprocess.Popen[bytes], report: Report | None) -> tuple[int, bool]:
    """The same, if the receiver reads from the sender's own pipe."""
    assert source.stdout is not None
    source.stdout.close()  # else the sender would not notice that the receiver ended
    descriptor = os.pidfd_open(source.pid)
    try:
        ended = False
        while not ended:
            ended = bool(select.select([descriptor], [], [], _EVERY)[0])
            size = _written(source.pid)
            if report is not None:
                report(size)
    finally:
        os.close(descriptor)
    # the end of a sender whose receiver ended first
    return size, source.wait() != -signal.SIGPIPE


def _written(process: int) -> int:
    """Bytes that a program has written, also if it ended and was not waited for."""
    lines = pathlib.Path(f'/proc/{process}/io').read_text(encoding='ascii').splitlines()
    return int(dict(line.split(': ') for line in lines)['wchar'])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode('utf-8', 'replace')
