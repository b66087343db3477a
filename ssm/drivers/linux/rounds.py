# SPDX-License-Identifier: Apache-2.0

"""Read-only snapshots of shares in a migration's source, by which rounds are sent.

Functions of the agent, for the storage ``btrfs``. They lie in ``sent`` of the share server, so
that they go with it if nothing else removes them.
"""

from __future__ import annotations

import os
import pathlib
import time
from typing import Any

from ssm.drivers.linux import btrfs, pool
from ssm.drivers.linux.command import Commands
from ssm.drivers.linux.refusal import refusal

LAST = 'last'
"""Name of the round that is sent from the closed source; the others are numbers."""

_SHOWN = 10


def freeze(
    side: dict[str, str], path: str, migration: str, share: str, name: str
) -> dict[str, Any]:
    """Make the snapshot of a round; one that is there is taken, unless it is the last round.

    Returns ``path``, ``time``, the source's clock just before, and what :func:`identity` says of
    it. Rounds that no later one is sent against any more are removed.

    :param path: where the share lies
    :raises DriverRefused: there are subvolumes in the share
    """
    commands = Commands()
    refuse_nested(share, btrfs.nested(commands, pathlib.Path(path)))
    sent = pool.Pool(side['pool']).server(side['server']).sent
    place = pool.make_directory(sent / migration / share, pool.PRIVATE)
    frozen = place / name
    if name == LAST:
        btrfs.remove(commands, frozen)
    else:
        # also what migrations left that could not clean up
        others = (entry for entry in sent.iterdir() if entry.name != migration)
        for entry in (*outdated(place, int(name) - 1), *others):
            btrfs.remove(commands, entry)
        pool.sync_filesystem(path)
    now = time.time()
    if not frozen.is_dir():
        btrfs.snapshot(commands, pathlib.Path(path), frozen, read_only=True)
    return {'path': str(frozen), 'time': now} | identity(str(frozen))


def outdated(place: pathlib.Path, number: int) -> list[pathlib.Path]:
    """Rounds in a directory that are not needed once those from a number on are there."""
    if not place.is_dir():
        return []
    return [entry for entry in place.iterdir() if entry.name == LAST or int(entry.name) < number]


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


def identity(path: str) -> dict[str, Any]:
    """By what a copy of a snapshot is known.

    Returns ``identity``, what it has to say it was received from (see
    :class:`ssm.drivers.linux.btrfs.Subvolume`), and ``top_time``, nanoseconds, when its top was
    modified.
    """
    return {'identity': btrfs.info(path).identity, 'top_time': os.stat(path).st_mtime_ns}


def weigh(snapshots: list[str], share: str) -> list[int]:
    """Bytes that have to be sent of each of a share's snapshots, and of the share.

    Each counts what is not in the one made before it. What the share got since, while clients
    write to it, is a rough figure.
    """
    commands = Commands()
    sizes: dict[str, int] = {}
    before, generation = None, 0
    for path, found in btrfs.by_age(snapshots).items():
        place = pathlib.Path(path)
        if before:
            sizes[path] = btrfs.difference(commands, place, before)
        else:
            sizes[path] = btrfs.content(commands, place)
        before, generation = place, found.generation
    last = btrfs.content(commands, pathlib.Path(share), generation)
    return [*(sizes[path] for path in snapshots), last]


def weigh_all(shares: dict[str, list[str]]) -> dict[str, Any]:
    """Look at all shares of a server.

    Returns ``sizes``, for each share what :func:`weigh` says of its snapshots and of itself,
    ``contents``, bytes of content of each share, and ``nested``, names of inner subvolumes.

    :param shares: snapshots of each share, all by their paths
    """
    commands = Commands()
    roots = {path: pathlib.Path(path) for path in shares}
    return {
        'sizes': {path: weigh(snapshots, path) for path, snapshots in shares.items()},
        'contents': {path: btrfs.content(commands, root) for path, root in roots.items()},
        'nested': [name for root in roots.values() for name in btrfs.nested(commands, root)],
    }
