# SPDX-License-Identifier: Apache-2.0

"""The share servers of a pool that may be served; what the parts of the driver stand on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ssm.drivers import base
from ssm.drivers.linux import parts, pool
from ssm.drivers.linux.export.base import Export
from ssm.drivers.linux.refusal import refusal
from ssm.drivers.linux.storage.base import Storage


def server_name(share_server: base.ShareServer | None) -> str:
    """What a share server is called on the storage.

    :raises DriverRefused: there is no server
    """
    if share_server is None:
        raise refusal('no_share_server', 'The linux driver needs a share server per share.')
    return share_server['identifier'] or share_server['id']


def check_open(server: pool.Server) -> None:
    """Nothing, if no migration has closed a server.

    :raises DriverRefused: one has
    """
    if fence := server.fence():
        raise refusal(
            'server_fenced', f'The share server is closed by migration {fence["migration_id"]}.'
        )


class Servers(base.ShareDriver):
    """A back end's pool, its storage, and what serves its share servers."""

    place: pool.Pool
    storage: Storage

    def _export(self, server: pool.Server) -> Export:
        backend = self.backend
        side = {'export': backend.linux_export, 'isolation': backend.linux_isolation}
        return parts.export(side, server)

    def _record(self, name: str, network_info: list[base.NetworkInfo]) -> dict[str, Any]:
        """What is kept of a server beside its shares.

        :raises DriverRefused: a server can't have that network here
        """
        addresses = [
            allocation['ip_address']
            for info in network_info
            for allocation in info['network_allocations']
        ]
        record = {'identifier': name, 'addresses': addresses, 'lease': self.backend.linux_nfs_lease}
        if self.storage.moves_servers:
            # clients of later versions do not go on after a move
            record['nfs_minors'] = '0'
        isolation = self._export(self.place.server(name)).isolation
        return record | isolation.plan(network_info, self.backend.linux_bridge)

    @contextlib.contextmanager
    def _serving(self, server: pool.Server) -> Iterator[Export]:
        """Hold a server that may be served; meanwhile no migration closes it."""
        with server.locked():
            check_open(server)
            if not self.storage.is_open(server):
                self.storage.open(server)
            yield self._export(server)

    def _remaining(self, share_server: base.ShareServer | None) -> pool.Server | None:
        """As :meth:`_server`, None if it is removed already."""
        if not self.place.server(server_name(share_server)).path.is_dir():
            return None
        return self._server(share_server)

    def _server(self, share_server: base.ShareServer | None) -> pool.Server:
        """The place of a server that may be served.

        :raises DriverRefused: it does not exist or a migration has closed it
        """
        server = self.place.server(server_name(share_server))
        if not server.record.exists():
            raise refusal('server_missing', f'There is no share server at {server.path}.')
        check_open(server)
        if not self.storage.is_open(server):
            with self._serving(server):  # which opens it
                pass
        return server
