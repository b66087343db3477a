# SPDX-License-Identifier: Apache-2.0

"""The simulated storage: a JSON file shared by all processes and threads that use it.

What is asked of the state are plain functions over its dictionary, so that a test can prove
with :func:`served_by` that a share is open on one server only, and with :func:`write` and
:func:`read` that nothing acknowledged was lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from typing import NotRequired, TypedDict

from ssm.drivers.base import AccessRule


class ShareState(TypedDict):
    """A share on one server; ``files`` is its simulated content, text by name."""

    open: bool
    files: dict[str, str]
    rules: list[AccessRule]


class SnapshotState(TypedDict):
    """A snapshot on one server."""

    share_instance_id: str
    files: dict[str, str]


class ServerState(TypedDict):
    """A share server; ``fenced_by`` is the id of the migration that closed it.

    ``details`` are what the driver answered when it was set up.
    """

    details: NotRequired[dict[str, str]]
    fenced_by: str | None
    shares: dict[str, ShareState]
    snapshots: dict[str, SnapshotState]


class MigrationState(TypedDict):
    """How far a migration is, under the highest epoch seen so far."""

    epoch: int
    attempt: int
    step: str
    progress: int
    destination: str


class State(TypedDict):
    """The whole file. ``failures`` counts by back end, method and failure."""

    servers: dict[str, ServerState]
    migrations: dict[str, MigrationState]
    failures: dict[str, int]


def server(state: State, server_id: str) -> ServerState:
    """The record of a server; one the state does not know is taken in."""
    return state['servers'].setdefault(
        server_id, ServerState(fenced_by=None, shares={}, snapshots={})
    )


def identified(state: State, identifier: str) -> tuple[str | None, dict[str, str]]:
    """Id and details of the server that was set up under an identifier, None if there is none."""
    for server_id, record in state['servers'].items():
        details = record.get('details', {})
        if details.get('identifier') == identifier:
            return server_id, details
    return None, {}


def share(state: State, server_id: str, share_id: str, *, open: bool = True) -> ShareState:
    """The record of a share on a server; one the state does not know is taken in.

    :param share_id: id of the share instance
    :param open: whether a share taken in now is open for clients
    """
    return server(state, server_id)['shares'].setdefault(
        share_id, ShareState(open=open, files={}, rules=[])
    )


def copy(
    state: State,
    source_id: str,
    destination_id: str,
    share_ids: Iterable[str],
    snapshot_shares: dict[str, str],
) -> None:
    """Make closed copies of shares and snapshots, or bring the copies up to date.

    :param snapshot_shares: share instance id by snapshot instance id
    """
    for share_id in share_ids:
        content = share(state, source_id, share_id)['files']
        share(state, destination_id, share_id, open=False)['files'] = dict(content)
    known = server(state, source_id)['snapshots']
    for snapshot_id, share_id in snapshot_shares.items():
        files = known[snapshot_id]['files'] if snapshot_id in known else {}
        server(state, destination_id)['snapshots'][snapshot_id] = SnapshotState(
            share_instance_id=share_id, files=dict(files)
        )


def served_by(state: State, share_id: str) -> set[str]:
    """Ids of the servers that would accept a write to a share instance right now."""
    return {
        server_id
        for server_id, record in state['servers'].items()
        if record['fenced_by'] is None
        and share_id in record['shares']
        and record['shares'][share_id]['open']
    }


def write(state: State, server_id: str, share_id: str, name: str, text: str) -> None:
    """Write a file as a client of that server would.

    :raises PermissionError: the server does not serve the share
    """
    if server_id not in served_by(state, share_id):
        raise PermissionError(f'Server {server_id} does not serve share {share_id}.')
    state['servers'][server_id]['shares'][share_id]['files'][name] = text


def read(state: State, server_id: str, share_id: str) -> dict[str, str]:
    """What a share holds on a server, open or not: text by file name."""
    return dict(state['servers'][server_id]['shares'][share_id]['files'])


class StateFile:
    """A state kept in a file, safe for several processes and threads.

    The lock is held for the time of reading and writing the file only and nothing in between
    may sleep: a green thread that does would stop its whole process.

    :param path: of the JSON file; next to it lies the lock
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> State:
        """The present state; changing it changes nothing."""
        try:
            with open(self.path, encoding='utf-8') as file:
                return json.load(file)
        except FileNotFoundError:
            return State(servers={}, migrations={}, failures={})

    @contextlib.contextmanager
    def change(self) -> Iterator[State]:
        """The present state for changing; stored at the end unless an exception ends it."""
        # Each opening is a lock holder of its own, so this parts threads as well.
        with open(f'{self.path}.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self.read()
            yield state
            # A killed process must leave the old file or the new one, never half of one.
            with open(f'{self.path}.new', 'w', encoding='utf-8') as file:
                json.dump(state, file)
            os.replace(f'{self.path}.new', self.path)
