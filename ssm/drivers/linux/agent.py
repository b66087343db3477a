# SPDX-License-Identifier: Apache-2.0

"""What is done where a pool is: looking at its trees, closing and opening its share servers.

``python -m ssm.drivers.linux.agent`` reads requests from stdin, each a line with a JSON object
``{"function": …, "arguments": {…}}``, and prints a line for each: ``{"value": …}``,
``{"refused": message, "findings": […]}`` or ``{"failed": message}``. A mistake in it ends it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ssm.common.exceptions import DriverRefused
from ssm.drivers.linux import parts, pool, rounds, tree
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.refusal import refusal


def survey(roots: list[str], since: float | None = None, devices: bool = True) -> list[Any]:
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
    side: dict[str, str], shares: list[str], migration: str, epoch: int, timeout: float
) -> dict[str, Any]:
    """Fence a share server and take its shares from all clients.

    Returns ``paths``, where each share lies now, and ``warnings``. The fence is on the disk before
    the first share is withdrawn (decision 16).

    :raises DriverRefused: another migration fenced it, a share is missing, or clients hold files
    """
    server = _server(side)
    _own(server, migration, epoch)
    if missing := [name for name in shares if not server.data(name).is_dir()]:
        raise refusal(
            'source_share_missing',
            f'Shares are not where they belong: {", ".join(missing)}.',
            f'Look for them below {server.path}.',
        )
    fence = {'migration_id': migration, 'epoch': epoch}
    # what the source's service began is over then, and it begins nothing more
    with server.locked():
        pool.write_json(server.fence_file, fence, durable=True)
    paths, warnings = parts.export(side, server).withdraw(shares, timeout=timeout)
    return {'paths': paths, 'warnings': [warning.to_dict() for warning in warnings]}


def reopen(side: dict[str, str], shares: list[str], migration: str, epoch: int) -> bool:
    """Undo :func:`close`, whole or half done; returns whether there was something to undo.

    The fence goes last: what is served is served whole. A fence of another migration stays.
    """
    server = _server(side)
    fence = server.fence()
    if fence is None or fence['migration_id'] != migration:
        return False
    _own(server, migration, epoch)
    export = parts.export(side, server)
    export.start()
    for name in shares:
        if server.data(name).is_dir():
            export.publish(name)
    server.fence_file.unlink()
    pool.sync_directory(server.path)
    return True


def fenced_by(side: dict[str, str]) -> str | None:
    """Id of the migration that has closed the server, None if it is open."""
    fence = _server(side).fence()
    return fence['migration_id'] if fence else None


def _server(side: dict[str, str]) -> pool.Server:
    return pool.Pool(side['pool']).server(side['server'])


def _own(server: pool.Server, migration: str, epoch: int) -> None:
    """Nothing, if the server is open or fenced by this migration under no higher epoch."""
    fence = server.fence()
    if fence is None:
        return
    if fence['migration_id'] != migration or fence['epoch'] > epoch:
        raise refusal(
            'source_fenced',
            f'The source is closed by migration {fence["migration_id"]}, epoch {fence["epoch"]}.',
            'Only that migration, or the removal of the server, ends this.',
        )


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        survey,
        manifest,
        digests,
        mark,
        close,
        reopen,
        fenced_by,
        rounds.freeze,
        rounds.thaw,
        rounds.identity,
        rounds.weigh,
        rounds.nested,
    )
}


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return {'value': _FUNCTIONS[request['function']](**request['arguments'])}
    except DriverRefused as error:
        findings = [finding.to_dict() for finding in error.findings]
        return {'refused': error.message, 'findings': findings}
    except (OSError, CommandFailed) as error:
        return {'failed': f'{type(error).__name__}: {error}'}


def main() -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin.buffer:
        answer = json.dumps(_answer(json.loads(line)))
        sys.stdout.buffer.write(answer.encode('ascii') + b'\n')
        sys.stdout.buffer.flush()


if __name__ == '__main__':
    main()
