# SPDX-License-Identifier: Apache-2.0

"""Nothing outlives a run, not even one that was killed.

What a deployment makes (a directory, a database, a virtual host, processes, mounts) bears a name
that tells its owner, the process that made it. The next run removes what dead owners left; other
runs at the same time keep theirs.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import pathlib
import platform
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Iterator

from ssm.drivers.linux import process
from ssm.tests.world import networks
from ssm.tests.world.servers import Broker, Database, Failed

MARK = 'SSM_TEST_WORLD'
"""Environment variable of everything a deployment starts; its value is the deployment's name."""

# Before a test gives the process a temporary directory of its own.
TEMPORARY = pathlib.Path(tempfile.gettempdir())
"""Where directories of deployments are."""
_NAME = re.compile(r'ssm_world_(?P<node>[0-9a-f]{8})_(?P<pid>\d+)_(?P<start>\d+)_[0-9a-f]{8}')


def _node() -> str:
    """Servers may be shared with other machines, whose processes can't be looked for here."""
    return f'{zlib.crc32(platform.node().encode()):08x}'


def name() -> str:
    """A new name, good for databases, directories and virtual hosts."""
    own = process.status(os.getpid())
    assert own is not None
    return f'ssm_world_{_node()}_{os.getpid()}_{own.start}_{secrets.token_hex(4)}'


def directory(owned: str) -> pathlib.Path:
    """An empty directory of that name."""
    path = TEMPORARY / owned
    path.mkdir()
    return path


def is_left(found: str) -> bool:
    """Whether a name was made here by a process that is dead."""
    match = _NAME.fullmatch(found)
    return (
        match is not None
        and match['node'] == _node()
        and not process.alive(int(match['pid']), int(match['start']))
    )


def _marked() -> Iterator[tuple[int, str]]:
    """Processes of deployments, with the name of theirs."""
    mark = f'{MARK}='.encode()
    for pid in process.pids():
        with contextlib.suppress(OSError):
            for entry in pathlib.Path(f'/proc/{pid}/environ').read_bytes().split(b'\0'):
                if entry.startswith(mark):
                    yield pid, os.fsdecode(entry.removeprefix(mark))


def processes(owned: str) -> list[int]:
    """What runs of a deployment, also what its services left running."""
    return [pid for pid, found in _marked() if found == owned]


def end_processes(owned: str) -> None:
    """kill -9 all of it."""
    while pids := processes(owned):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def remove_directory(path: pathlib.Path) -> None:
    """Stop share servers and unmount what is mounted below a directory, and remove it."""
    networks.stop_servers(path)
    mounts = pathlib.Path('/proc/self/mounts').read_text().splitlines()
    for place in sorted((line.split()[1] for line in mounts), reverse=True):
        if pathlib.Path(place).is_relative_to(path):
            subprocess.run(['umount', '--lazy', place], check=True)
    shutil.rmtree(path, ignore_errors=True)


@functools.cache
def clean_up() -> None:
    """Remove what dead owners left on this machine; once a process, one process at a time."""
    with (TEMPORARY / 'ssm_world.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for owned in {found for _pid, found in _marked() if is_left(found)}:
            end_processes(owned)
        for path in TEMPORARY.glob('ssm_world_*'):
            if is_left(path.name):
                remove_directory(path)
        networks.remove(is_left)


@functools.cache
def clean_servers(database_url: str) -> None:
    """Remove what dead owners left on a database server and on RabbitMQ; once a process.

    :raises Failed: no such server
    """
    for server in (Database(database_url), Broker()):
        for found in _left(server.names()):
            # Another run may clean up as well.
            with contextlib.suppress(Failed):
                server.drop(found)


def _left(names: Iterable[str]) -> list[str]:
    return [found for found in names if is_left(found)]
