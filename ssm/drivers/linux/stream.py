# SPDX-License-Identifier: Apache-2.0

"""What one program prints, fed to another and counted."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import IO

from ssm.drivers.linux.command import CommandFailed, Commands

Report = Callable[[int], None]
"""Called now and then with the bytes that one run has copied so far."""

_PIPE = 1 << 20
"""Bytes a pipe holds, and is moved at a time; less makes the programs wait for each other."""


class SenderFailed(CommandFailed):
    """The program that printed failed, not the one at the end."""


def run(
    commands: Commands, sender: Sequence[str], receiver: Sequence[str], report: Report | None
) -> int:
    """Run both to their ends; returns how many bytes went from one to the other.

    :param report: told how many it were so far
    :raises CommandFailed: one of them failed; the cause is told from what follows from it
    """
    with tempfile.TemporaryFile() as complaints, tempfile.TemporaryFile() as others:
        source = commands.start(
            sender, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        )
        try:
            sink = commands.start(
                receiver, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=others
            )
        except BaseException:
            _end(source)
            raise
        try:
            size, whole = _move(source, sink, report)
        except BaseException:
            _end(source)
            _end(sink)
            raise
        codes = source.wait(), sink.wait()
        if codes[0] and whole:
            raise SenderFailed(sender, codes[0], _read(complaints))
        if codes[1] or not whole:
            raise CommandFailed(receiver, codes[1], _read(others))
    return size


def _move(
    source: subprocess.Popen[bytes], sink: subprocess.Popen[bytes], report: Report | None
) -> tuple[int, bool]:
    """Bytes moved, and whether the receiver took all there were; closes both pipes."""
    assert source.stdout is not None and sink.stdin is not None
    size = 0
    with source.stdout as reader, contextlib.closing(sink.stdin) as writer:
        for pipe in (reader, writer):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
        try:
            # the kernel hands pages on; their content never comes here
            while moved := os.splice(reader.fileno(), writer.fileno(), _PIPE):
                size += moved
                if report is not None:
                    report(size)
        except BrokenPipeError:
            return size, False
    return size, True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode('utf-8', 'replace')
