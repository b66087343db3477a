# SPDX-License-Identifier: Apache-2.0

"""Read-only snapshots of shares in a migration's source, by which rounds are sent.

Functions of the agent, for the storage ``btrfs``. They lie in ``sent`` of the share server, so
that they go with it if nothing else removes them.
"""

from __future__ import annotations

import pathlib
import time
from typing import Any

from ssm.drivers.linux import btrfs, pool
from ssm.drivers.linux.command import Commands
from ssm.drivers.linux.refusal import refusal

_SHOWN = 10


def freeze(
    side: dict[str, str], path: str, migration: str, share: str, number: int, *, final: bool
) -> dict[str, Any]:
    """Make the snapshot of a round; one that is there is taken, unless it is the final round.

    Returns ``path``, ``identity`` (see :class:`ssm.drivers.linux.btrfs.Subvolume`) and ``time``,
    the source's clock just before. Earlier rounds but the last one are removed.

    :param path: where the share lies
    :raises DriverRefused: there are subvolumes in the share
    """
    commands = Commands()
    refuse_nested(share, btrfs.nested(commands, pathlib.Path(path)))
    sent = pool.Pool(side['pool']).server(side['server']).sent
    place = pool.make_directory(sent / migration / share, pool.PRIVATE)
    frozen = place / str(number)
    if final:
        btrfs.remove(commands, frozen)
    else:
        _remove_old(commands, sent, migration, place, number)
        pool.sync_filesystem(path)
    now = time.time()
    if not frozen.is_dir():
        btrfs.snapshot(commands, pathlib.Path(path), frozen, read_only=True)
    return {'path': str(frozen), 'identity': btrfs.info(frozen).identity, 'time': now}


def _remove_old(
    commands: Commands, sent: pathlib.Path, migration: str, place: pathlib.Path, number: int
) -> None:
    """Remove rounds before the last one, and what migrations left that could not clean up."""
    old = [entry for entry in place.iterdir() if int(entry.name) < number - 1]
    for entry in (*old, *(other for other in sent.iterdir() if other.name != migration)):
        btrfs.remove(commands, entry)


def refuse_nested(share: str, found: list[str]) -> None:
    """Nothing, if there are no subvolumes in a share.

    :raises DriverRefused: there are; they would not be sent
    """
    if found:
        raise refusal(
            'nested_subvolumes',
            f'{share} has {len(found)} subvolumes in it, which would not be copied: '
            f'{", ".join(found[:_SHOWN])}.',
            'Make directories of them, on the host of the source.',
        )


def thaw(side: dict[str, str], migration: str) -> None:
    """Remove all snapshots of a migration's rounds; those that are gone are no error."""
    sent = pool.Pool(side['pool']).server(side['server']).sent
    btrfs.remove(Commands(), sent / migration)


def identity(path: str) -> str:
    """What a copy of a snapshot has to say it was received from."""
    return btrfs.info(path).identity


def weigh(roots: list[str]) -> list[int]:
    """Bytes that have to be sent of each of a share's snapshots, and of the share.

    Each counts what it got since the one made before it.
    """
    commands = Commands()
    sizes, before = {}, 0
    for path, found in btrfs.by_age(roots).items():
        sizes[path] = btrfs.written(commands, pathlib.Path(path), before)
        before = found.generation
    return [sizes[path] for path in roots]


def nested(roots: list[str]) -> list[str]:
    """Names of the subvolumes inside of shares."""
    commands = Commands()
    return [name for path in roots for name in btrfs.nested(commands, pathlib.Path(path))]
