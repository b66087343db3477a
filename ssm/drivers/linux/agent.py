# SPDX-License-Identifier: Apache-2.0

"""What is done where a pool is: looking at its trees, closing and opening its share servers.

The program ``ssm-linux-agent`` reads requests from stdin, each a line with a JSON object
``{"function": …, "arguments": {…}}``, and prints a line for each: ``{"value": …}``,
``{"refused": message, "findings": […]}`` or ``{"failed": message}``. A mistake in it ends it. After
the request ``send`` it prints the stream, and ends. It also ends when nobody listens any more.

``ssm-linux-agent rsync --server --sender …`` is the reading side of rsync. For a key of ssh that
is restricted to this program, ``--pool POOL`` restricts it to paths in that pool, and ``--for
COMMAND`` takes the arguments from the command that was asked for, after the name of this program.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import platform
import select
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ssm.common.exceptions import DriverError, DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux import btrfs, command, fence, parts, pool, process, rounds, tree
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.export import ganesha_daemon
from ssm.drivers.linux.refusal import refusal

PROTOCOL = 2
"""Counts changes of what an agent can be asked; both hosts need the same."""

_NAME = 'ssm-linux-agent'
_SENDER = ['rsync', '--server', '--sender']


def describe(side: dict[str, str], programs: list[str]) -> dict[str, Any]:
    """What there is of a share server; changes nothing.

    Returns ``protocol``, ``pool`` (its id, None if it was never used), ``exists``, ``fence`` (None
    if it is open), ``shares`` (by name ``snapshots``, their names, and ``record``, its ``share_id``
    and ``size``, None if there is none), and ``missing``, those of some programs that are not
    installed here.
    """
    place, server = pool.Pool(side['pool']), _server(side)
    return {
        'protocol': PROTOCOL,
        'pool': place.id(),
        'exists': server.shares.is_dir(),
        'fence': server.fence(),
        'shares': {
            name: {
                'snapshots': pool.visible(server.snapshots / name),
                'record': _record(server, name),
            }
            for name in pool.visible(server.shares)
        },
        'missing': [name for name in programs if not shutil.which(name)],
    }


def _record(server: pool.Server, name: str) -> dict[str, Any] | None:
    """What others may know of a share; its access rules may have passwords in them."""
    record = pool.read_json(server.export(name))
    return record and {key: record[key] for key in ('share_id', 'size')}


def survey(
    roots: list[str], since: dict[str, Any] | None = None, devices: bool = True
) -> list[Any]:
    """See :func:`ssm.drivers.linux.tree.survey`; returns the fields of each survey."""
    return [dataclasses.asdict(s) for s in tree.survey(roots, since=since, devices=devices)]


def manifest(
    roots: list[str], kept: dict[str, bool], lineage: bool = False, **options: Any
) -> list[Any]:
    """Manifest and survey of each root; see :class:`ssm.drivers.linux.tree.Reader`."""
    reader = tree.Reader(lineage=lineage)
    found = []
    for root in roots:
        entries, result = reader.manifest(root, kept, **options)
        found.append([entries, dataclasses.asdict(result)])
    return found


def digests(root: str, paths: list[str]) -> list[str | None]:
    """Digest of each file below a root, None for what is no regular file."""
    reader = tree.Reader()
    return [reader.digest(f'{root}/{path}') for path in paths]


def mark(path: str) -> float:
    """The time; afterwards write out what is dirty in the file system of a path.

    A page of a mapped file that is dirty already can be changed once more without a new time
    stamp, one that was written out can't.
    """
    now = time.time()
    pool.sync_filesystem(path)
    return now


def close(
    side: dict[str, str],
    shares: list[str],
    migration: str,
    epoch: int,
    timeout: float,
    nonce: str,
    lease: float,
) -> dict[str, Any]:
    """Fence a share server provisionally, and take its shares from all clients.

    Returns ``paths``, where what is copied lies now, and ``warnings``. The fence is on the disk
    before the first share is withdrawn (decision 16).

    :raises DriverRefused: another migration fenced it, a share is missing, or clients hold files
    """
    server, storage = _server(side), parts.storage(side)
    _own(server, migration, epoch)
    is_open = storage.is_open(server)  # else an agent that died came so far
    if missing := [name for name in shares if is_open and not server.data(name).is_dir()]:
        raise refusal(
            'source_share_missing',
            f'Shares are not where they belong: {", ".join(missing)}.',
            f'Look for them below {server.path}.',
        )
    # what the source's service began is over then, and it begins nothing more
    with server.locked():
        raised = fence.provisional(side, migration, epoch, nonce, lease)
        pool.write_json(server.fence_file, raised, durable=True)
    fence.post_sentry(server)
    paths: dict[str, str] = {}
    warnings: list[Finding] = []
    if is_open:
        paths, warnings = parts.export(side, server).withdraw(shares, timeout=timeout)
    paths |= storage.close(server, timeout)
    return {'paths': paths, 'warnings': [warning.to_dict() for warning in warnings]}


def reopen(
    side: dict[str, str], shares: list[str], migration: str, epoch: int, lapsed: bool = False
) -> bool:
    """Undo :func:`close`, whole or half done; returns whether there was something to undo.

    The fence goes last: what is served is served whole. A fence of another migration stays.

    :param lapsed: leave all other fences than a lapsed one
    """
    server = _server(side)
    if server.fence() is None:
        return False
    with server.locked():
        found = server.fence()
        if found is None or found['migration_id'] != migration:
            return False
        if lapsed and not found.get('lapsed'):
            return False
        _own(server, migration, epoch)
        parts.storage(side).open(server)
        export = parts.export(side, server)
        export.start()
        for name in shares:
            if server.data(name).is_dir():
                export.publish(name)
        server.fence_file.unlink()
        pool.sync_directory(server.path)
    return True


def versions(side: dict[str, str]) -> dict[str, Any]:
    """What the handles and the recovery of clients of a server depend on.

    Returns ``nfs``, the version of the NFS server, ``kernel``, two numbers, ``lease``, how many
    seconds clients keep their state without a sign of life, and ``minors``, the versions of NFSv4
    they may use; None if that is not known.
    """
    record = pool.read_json(_server(side).record) or {}
    return {
        'nfs': ganesha_daemon.version(),
        'kernel': [int(number) for number in platform.release().split('.')[:2]],
        'lease': record.get('lease'),
        'minors': record.get('nfs_minors'),
    }


def retire(side: dict[str, str], migration: str) -> bool:
    """Put a server that has moved away where its own back end removes it after a while.

    Returns whether there was one; one of another migration, or an open one, stays.
    """
    place, server = pool.Pool(side['pool']), _server(side)
    found = server.fence()
    if found is None or found['migration_id'] != migration:
        return False
    parts.export(side, server).stop()
    parts.storage(side).close(server)
    for guard in place.guards_of(server.path.name):
        shutil.rmtree(guard)  # of how it came here
    server.moved_file.touch()
    pool.make_directory(place.moved, pool.PRIVATE)
    pool.move(server.path, place.moved / pool.component(migration))
    return True


def fenced_by(side: dict[str, str]) -> str | None:
    """Id of the migration that has closed the server for good, None if it is or may be open."""
    found = _server(side).fence()
    return found['migration_id'] if found and fence.is_confirmed(found) else None


def settle(migration: str) -> None:
    """End what still sends for a migration, because a connection broke and nobody noticed."""
    process.end_marked(_sending(migration))


def _sending(migration: str) -> str:
    return f'send:{migration}'


def _send(migration: str, path: str, parent: str | None, compression: int) -> int:
    """Print the stream of a read-only subvolume; returns the exit code.

    :param compression: level of zstd, 0 for none
    """
    environment = {**os.environ, **command.ENVIRONMENT, process.MARK: _sending(migration)}
    argv = btrfs.send(path, parent)
    if not compression:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, env=environment).returncode
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment
    ) as sender:
        encoder = ['zstd', '-cq', f'-{compression}']
        done = subprocess.run(encoder, stdin=sender.stdout, env=environment)
    return sender.returncode or done.returncode


def _server(side: dict[str, str]) -> pool.Server:
    return pool.Pool(side['pool']).server(side['server'])


def _own(server: pool.Server, migration: str, epoch: int) -> None:
    """Nothing, if the server is open or fenced by this migration under no higher epoch."""
    found = server.fence()
    if found is None:
        return
    if found['migration_id'] != migration or found['epoch'] > epoch:
        raise refusal(
            'source_fenced',
            f'The source is closed by migration {found["migration_id"]}, epoch {found["epoch"]}.',
            'Only that migration, or the removal of the server, ends this.',
        )


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        describe,
        survey,
        manifest,
        digests,
        tree.fingerprint,
        mark,
        close,
        reopen,
        versions,
        retire,
        fenced_by,
        fence.beat,
        fence.confirm,
        settle,
        rounds.freeze,
        rounds.thaw,
        rounds.identity,
        rounds.weigh,
        rounds.weigh_all,
    )
}

_LOOKING = frozenset({'survey', 'manifest', 'digests', 'fingerprint', 'weigh', 'weigh_all'})
"""What takes long and changes nothing: no use when nobody listens any more."""


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {'value': _FUNCTIONS[request['function']](**request['arguments'])}
    except DriverRefused as error:
        findings = [finding.to_dict() for finding in error.findings]
        return {'refused': error.message, 'findings': findings}
    except (OSError, CommandFailed, DriverError) as error:
        return {'failed': f'{type(error).__name__}: {error}'}


class _Listener:
    """Whoever asks; while a function only looks, their end is the end of this process."""

    def __init__(self) -> None:
        self.looking = False
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(sys.stdin.fileno(), select.POLLRDHUP)
        while True:
            poll.poll()
            if self.looking:
                os._exit(1)
            time.sleep(0.2)  # what changes something comes to its end


def _strings(value: Any) -> Iterator[str]:
    """All texts in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings([*value, *value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _outside(value: Any, place: str) -> str | None:
    """A path in plain data that leads out of a pool, None if there is none."""
    root = pathlib.Path(place).resolve()
    for text in _strings(value):
        if '..' in text.split('/'):
            return text
        if text.startswith('/') and not pathlib.Path(text).resolve().is_relative_to(root):
            return text
    return None


def _serve(place: str) -> int:
    """Answer requests until there are no more; returns the exit code."""
    listener = _Listener()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if place and (wrong := _outside(request['arguments'], place)):
            answer = {'failed': f'{wrong!a} is not in the pool {place}'}
        elif request['function'] == 'send':
            return _send(**request['arguments'])
        else:
            listener.looking = request['function'] in _LOOKING
            answer = _answer(request)
            listener.looking = False
        try:
            sys.stdout.buffer.write(json.dumps(answer).encode('ascii') + b'\n')
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            os._exit(1)
    return 0


def _rsync(arguments: list[str], place: str) -> int:
    """Run the reading side of rsync; returns its exit code."""
    *options, path = arguments
    # an option with a value could name a file to be read or written
    allowed = all(o.startswith('-') and '/' not in o for o in options[1:-1])
    if arguments[:3] != _SENDER or options[-1] != '.' or not allowed:
        print('only rsync --server --sender OPTIONS . PATH is known', file=sys.stderr)
        return 2
    if place and (wrong := _outside([path], place)):
        print(f'{wrong!a} is not in the pool {place}', file=sys.stderr)
        return 2
    return subprocess.run(arguments, env={**os.environ, **command.ENVIRONMENT}).returncode


def main(argv: list[str] | None = None) -> int:
    """The program; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    place = ''
    while len(arguments) > 1 and arguments[0] in ('--pool', '--for'):
        option, value, *rest = arguments
        if option == '--pool':
            place, arguments = value, rest
        else:
            words = shlex.split(value)
            names = [os.path.basename(word) for word in words]
            arguments = words[names.index(_NAME) + 1 :] if _NAME in names else []
            break
    if not arguments:
        return _serve(place)
    return _rsync(arguments, place)


if __name__ == '__main__':
    sys.exit(main())
