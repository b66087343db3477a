# SPDX-License-Identifier: Apache-2.0

"""Starting other programs; their messages are in English, their names of files are bytes."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any

_TAIL = 2000


def _places(*packages: str) -> str:
    """Directories where packages are, for the variable PYTHONPATH."""
    specs = (importlib.util.find_spec(name) for name in packages)
    files = [pathlib.Path(spec.origin) for spec in specs if spec and spec.origin]
    return os.pathsep.join(dict.fromkeys(str(file.parents[1]) for file in files))


ENVIRONMENT = {
    'LC_ALL': 'C',
    'PYTHONPATH': _places('ssm', 'jeepney'),
}
"""Messages in English, and where :func:`python` finds ssm and what our modules need."""


def python(module: str) -> list[str]:
    """A command line that runs a module of ours; its environment has to have ENVIRONMENT.

    Without ``site`` it starts in half the time.
    """
    return [sys.executable, '-S', '-P', '-m', module]


class CommandFailed(Exception):
    """A program ended with an error.

    :param program: its name
    :param code: exit code, negative for a signal
    :param errors: the end of what it wrote to stderr
    """

    def __init__(self, argv: Sequence[str], code: int, errors: str) -> None:
        self.program = os.path.basename(argv[0])
        self.code = code
        self.errors = errors[-_TAIL:].strip()
        last = self.errors.rpartition('\n')[2]
        super().__init__(f'{self.program} ended with {code}: {last}')


class Stopped(Exception):
    """No program is started any more, because another one failed."""


class Commands:
    """Starts programs.

    :param keep: descriptors that programs inherit, e.g. of a lock they hold with the worker
    """

    def __init__(self, keep: Iterable[int] = ()) -> None:
        self._keep = tuple(keep)
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def start(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program; options are those of ``subprocess.Popen``.

        :raises Stopped: see :meth:`stop`
        """
        with self._lock:
            if self._stopped:
                raise Stopped
            process = subprocess.Popen(
                argv, env={**os.environ, **ENVIRONMENT}, pass_fds=self._keep, **options
            )
            self._running = {p for p in self._running if p.returncode is None} | {process}
        return process

    def stop(self) -> None:
        """End all programs, and refuse new ones until :meth:`resume`."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def resume(self) -> None:
        """Take back :meth:`stop`."""
        self._stopped = False

    def run(self, argv: Sequence[str], *, timeout: float | None = None) -> str:
        """Run a program to its end; returns what it printed.

        :raises CommandFailed: it ended with an error
        :raises subprocess.TimeoutExpired: it took longer and was killed
        """
        pipe = subprocess.PIPE
        process = self.start(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        return finish(process, argv, timeout=timeout).decode('utf-8', 'surrogateescape')


def finish(
    process: subprocess.Popen[bytes], argv: Sequence[str], *, timeout: float | None = None
) -> bytes:
    """Wait for a program that was started with pipes; returns what it printed.

    :raises CommandFailed: it ended with an error
    :raises subprocess.TimeoutExpired: it took longer and was killed
    """
    try:
        output, errors = process.communicate(timeout=timeout)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise CommandFailed(argv, process.returncode, errors.decode('utf-8', 'replace'))
    return output
