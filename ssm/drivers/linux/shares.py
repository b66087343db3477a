# SPDX-License-Identifier: Apache-2.0

"""The driver's methods for shares, snapshots and access rules."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable
from typing import Any

from oslo_log import log as logging

from ssm.common.context import RequestContext
from ssm.common.exceptions import DriverError
from ssm.drivers import base
from ssm.drivers.linux import pool
from ssm.drivers.linux.refusal import refusal
from ssm.drivers.linux.serving import Servers

LOG = logging.getLogger(__name__)


class Shares(Servers):
    """Shares as directories or subvolumes of their servers."""

    def create_share(
        self,
        context: RequestContext,
        share: base.Share,
        share_server: base.ShareServer | None,
    ) -> list[base.ExportLocation]:
        server = self._server(share_server)
        self._admit(server, share)
        self.storage.create(server.share(share['name']), share['size'])
        return self._publish(server, share)

    def create_share_from_snapshot(
        self,
        context: RequestContext,
        share: base.Share,
        snapshot: base.Snapshot,
        share_server: base.ShareServer | None,
    ) -> list[base.ExportLocation]:
        server = self._server(share_server)
        self._admit(server, share)
        self.storage.clone(
            self._origin(server, snapshot),
            server.share(share['name']),
            share['size'],
        )
        return self._publish(server, share)

    def _origin(self, server: pool.Server, snapshot: base.Snapshot) -> pathlib.Path:
        """Where a snapshot lies, which may be in another server of the pool.

        :raises DriverRefused: it would not be a snapshot; links inside of shares lead anywhere
        """
        known = snapshot['provider_location']
        if not known:
            return server.snapshot(snapshot['share_name'], snapshot['name'])
        path = pathlib.Path(known)
        match path.parts[len(self.place.servers.parts) :]:
            case (name, 'snapshots', share_name, snapshot_name):
                found = self.place.server(name).snapshot(share_name, snapshot_name)
                if found == path:
                    return path
        raise refusal('bad_name', f'{known!a} is not the place of a snapshot of this pool.')

    def _admit(self, server: pool.Server, share: base.Share) -> None:
        """Have a record of a share that can be made, so that others count with it."""
        if not self._export(server).serves(share['share_proto']):
            raise refusal(
                'protocol_not_supported',
                f'Shares of the protocol {share["share_proto"]} can not be served here.',
                f'Set linux_export = samba in [{self.backend.name}], or use a share type with the '
                'extra spec storage_protocol.',
            )
        with self._serving(server) as export:
            self.storage.admit(server, share['name'], share['size'])
            export.record(share, share['access_rules'])

    def _publish(self, server: pool.Server, share: base.Share) -> list[Any]:
        with self._serving(server) as export:
            export.record(share, share['access_rules'])
            return export.publish(share['name'])

    def delete_share(
        self,
        context: RequestContext,
        share: base.Share,
        share_server: base.ShareServer | None,
    ) -> None:
        server = self._remaining(share_server)
        if server is None:
            return
        with self._serving(server) as export:
            export.forget(share['name'])
        self.storage.delete(server.share(share['name']))
        with contextlib.suppress(OSError):
            (server.snapshots / pool.component(share['name'])).rmdir()

    def extend_share(
        self,
        context: RequestContext,
        share: base.Share,
        new_size: int,
        share_server: base.ShareServer | None,
    ) -> None:
        self._resize(share, new_size, share_server)

    def shrink_share(
        self,
        context: RequestContext,
        share: base.Share,
        new_size: int,
        share_server: base.ShareServer | None,
    ) -> None:
        self._resize(share, new_size, share_server)

    def _resize(self, share: base.Share, size: int, share_server: base.ShareServer | None) -> None:
        server = self._server(share_server)
        with self._serving(server) as export:
            self.storage.admit(server, share['name'], size)
            self.storage.resize(server.share(share['name']), share['size'], size)
            export.resize(share['name'], size)

    def revert_to_snapshot(
        self,
        context: RequestContext,
        share: base.Share,
        snapshot: base.Snapshot,
        share_server: base.ShareServer | None,
    ) -> None:
        """The content is made beside the share and then takes its place in one step."""
        server = self._server(share_server)
        name, size = share['name'], snapshot['size']
        origin = self._origin(server, snapshot)
        self.storage.admit(server, name, size)
        path = server.share(name)
        part = path.with_name(f'.{name}.revert')
        self.storage.delete(part)
        self.storage.clone(origin, part, size)
        try:
            with self._serving(server) as export:
                export.suspend(name)
                try:
                    pool.exchange(part, path)
                    export.resize(name, size)
                finally:
                    export.publish(name)
        finally:
            self.storage.delete(part)

    def create_snapshot(
        self,
        context: RequestContext,
        snapshot: base.Snapshot,
        share_server: base.ShareServer | None,
    ) -> dict[str, Any]:
        server = self._server(share_server)
        target = server.snapshot(snapshot['share_name'], snapshot['name'])
        self.storage.snapshot(server.share(snapshot['share_name']), target)
        if not self.storage.atomic_snapshots:
            LOG.info(
                'Snapshot %s is a copy: what clients changed meanwhile is in it or not '
                '(snapshot_not_atomic).',
                snapshot['snapshot_id'],
            )
        return {'provider_location': str(target)}

    def delete_snapshot(
        self,
        context: RequestContext,
        snapshot: base.Snapshot,
        share_server: base.ShareServer | None,
    ) -> None:
        server = self._remaining(share_server)
        if server is None:
            return
        self.storage.delete(server.snapshot(snapshot['share_name'], snapshot['name']))

    def ensure_shares(
        self,
        context: RequestContext,
        shares: Iterable[tuple[base.Share, base.ShareServer | None]],
    ) -> dict[str, list[base.ExportLocation]]:
        by_server: dict[str, list[tuple[base.Share, base.ShareServer | None]]] = {}
        for share, share_server in shares:
            by_server.setdefault(share['share_server_id'] or '', []).append((share, share_server))
        changed = {}
        for pairs in by_server.values():
            try:
                server = self._server(pairs[0][1])
                with self._serving(server) as export:
                    export.start()
            except DriverError as error:
                ids = ', '.join(share['share_id'] for share, _ in pairs)
                LOG.warning('Shares are not served: %s. %s', ids, error.message)
                continue
            for share, _ in pairs:
                locations = self._ensure(server, share)
                if locations and _paths(locations) != _paths(share['export_locations']):
                    changed[share['id']] = locations
        return changed

    def _ensure(self, server: pool.Server, share: base.Share) -> list[Any]:
        """Serve a share again; empty if that is not possible."""
        if not server.data(share['name']).is_dir():
            LOG.error('Share %s is not at %s.', share['share_id'], server.share(share['name']))
            return []
        try:
            return self._publish(server, share)
        except DriverError as error:
            LOG.error('Share %s is not served: %s', share['share_id'], error.message)
            return []

    def update_access(
        self,
        context: RequestContext,
        share: base.Share,
        access_rules: list[base.AccessRule],
        share_server: base.ShareServer | None,
    ) -> dict[str, str]:
        server = self._server(share_server)
        with self._serving(server) as export:
            refused = export.record(share, access_rules)
            # one that could not be made has rules all the same, when it is deleted
            if server.share(share['name']).is_dir():
                export.publish(share['name'])
        return refused

    def access_keys(
        self,
        context: RequestContext,
        share: base.Share,
        access_rules: list[base.AccessRule],
        share_server: base.ShareServer | None,
    ) -> dict[str, str]:
        record = pool.read_json(self._server(share_server).export(share['name'])) or {}
        return {
            rule['access_id']: rule['access_key']
            for rule in record.get('access_rules', [])
            if rule.get('access_key')
        }


def _paths(locations: list[Any]) -> set[tuple[str, bool]]:
    return {(location['path'], location['is_admin_only']) for location in locations}
