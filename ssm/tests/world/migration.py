# SPDX-License-Identifier: Apache-2.0

"""One migration of a share server, as an administrator drives it through the API."""

from __future__ import annotations

import pathlib
import urllib.error
from typing import Any

from ssm.drivers.linux import pool
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.servers import Failed
from ssm.tests.world.wait import until

FINISHED = frozenset({'migration_success', 'migration_cancelled', 'migration_error', 'overridden'})
COPYING = 'migration_driver_in_progress'
PHASE1_DONE = 'migration_driver_phase1_done'
SUCCESS = 'migration_success'
CANCELLED = 'migration_cancelled'
ERROR = 'migration_error'


class Migration:
    """A migration of ``server`` to a back end; :meth:`start` begins it."""

    nondisruptive = False

    def __init__(self, world: Deployment, server: str, back_end: str) -> None:
        self.world = world
        self.server = server
        self.back_end = back_end
        self.pool = pool.Pool(world.path / back_end)
        self.id = ''

    def _action(self, name: str, value: Any = None) -> Any:
        return self.world.request('POST', f'/share-servers/{self.server}/action', {name: value})

    def _wish(self) -> dict[str, Any]:
        return {
            'host': f'node1@{self.back_end}',
            'writable': True,
            'nondisruptive': self.nondisruptive,
            'preserve_snapshots': True,
        }

    # What the administrator asks for

    def check(self) -> Any:
        """The answer of check."""
        return self._action('migration_check', self._wish())

    def start(self) -> Migration:
        """Begin the first phase."""
        self._action('migration_start', self._wish())
        if not self.find():
            raise Failed(f'The migration of {self.server} has started, and there is none')
        return self

    def find(self) -> bool:
        """Look for the unfinished migration of the server; whether there is one."""
        rows = self.world.get('/share-server-migrations')['share_server_migrations']
        for row in rows:
            if row['source_share_server_id'] == self.server and row['state'] not in FINISHED:
                self.id = row['id']
                return True
        return False

    def complete(self) -> str:
        """Ask for the cut-over; returns the id of the destination server."""
        return self._action('migration_complete')['destination_share_server_id']

    def cancel(self) -> None:
        """Ask for the way back."""
        self._action('migration_cancel')

    def get_progress(self) -> Any:
        """The answer of get_progress."""
        return self._action('migration_get_progress')

    # What there is to see

    def row(self) -> Any:
        """All that the API shows of it."""
        return self.world.get(f'/share-server-migrations/{self.id}')['share_server_migration']

    def wait_for(self, *states: str, seconds: float = 90) -> Any:
        """Wait for one of some states; returns the row.

        :raises Failed: it ended in another one
        """

        def arrived() -> Any:
            row = self.row()
            if row['state'] in states:
                return row
            if row['state'] in FINISHED:
                raise Failed(f'Migration ended: {row}')
            return None

        try:
            return until(arrived, f'migration to be in {" or ".join(states)}', seconds)
        except Failed as failed:
            raise Failed(f'{failed}; {self.row()}') from None

    def wait_until_copying(self, entries: int = 30) -> None:
        """Wait until the worker has copied that many files, and is not through."""
        copy = self.place.path / 'copy'
        until(lambda: sum(1 for _ in copy.rglob('*')) >= entries, 'files in the copy')
        if self.row()['state'] != COPYING:
            raise Failed('The copy was faster than the test')

    @property
    def place(self) -> pool.Migration:
        """Where the destination keeps it."""
        return self.pool.migration(self.id)

    def server_shown(self, server: str | None = None) -> Any:
        """A server as the API shows it, None if there is none; by default the source."""
        try:
            return self.world.get(f'/share-servers/{server or self.server}')['share_server']
        except urllib.error.HTTPError as exc:
            with exc:
                if exc.code == 404:
                    return None
            raise

    def state_of(self, server: str | None = None) -> str:
        """``status/task_state`` of a server, by default of the source."""
        shown = self.server_shown(server)
        return f'{shown["status"]}/{shown["task_state"]}' if shown else 'gone'


def left_in(world: Deployment, back_end: str) -> list[pathlib.Path]:
    """What share servers and migrations have in a pool, whole or half removed."""
    place = pool.Pool(world.path / back_end)
    return [
        *place.servers.iterdir(),
        *place.migrations.iterdir(),
        *place.guards.iterdir(),
        *place.private.glob('removed-*'),
        *place.moved.glob('*'),
    ]
