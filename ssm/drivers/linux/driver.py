# SPDX-License-Identifier: Apache-2.0

"""The driver object: what the service calls, less the migration."""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oslo_log import log as logging

from ssm.common.context import RequestContext
from ssm.common.exceptions import ConfigurationError, DriverError
from ssm.conf.backend import BackendConfig
from ssm.conf.linux import LINUX_OPTS
from ssm.drivers import base
from ssm.drivers.linux import control, parts, pool
from ssm.drivers.linux.command import Commands
from ssm.drivers.linux.export.base import Export
from ssm.drivers.linux.migration import ServerMigration, server_name
from ssm.drivers.linux.refusal import refusal

LOG = logging.getLogger(__name__)

_GIB = 1 << 30

_WITHOUT_ROOT = {'linux_storage': 'directory', 'linux_isolation': 'none', 'linux_export': 'local'}
"""Parts that any account can use."""


def _needs_root(backend: BackendConfig) -> bool:
    return any(getattr(backend, option) != part for option, part in _WITHOUT_ROOT.items())


class LinuxDriver(ServerMigration):
    """Shares of this machine; its parts say what they are and what they need."""

    options = LINUX_OPTS
    share_server_multiple_subnet_support = True
    repeatable_setup = True
    repeatable_start = True
    repeatable_complete = True

    def __new__(cls, backend: BackendConfig, *_: object) -> LinuxDriver:
        """Without root a helper does what needs it; the rest knows nothing of that."""
        chosen: type[LinuxDriver] = cls
        if cls is LinuxDriver and os.geteuid() and _needs_root(backend):
            from ssm.drivers.linux.privsep import HelpedDriver as chosen  # imports this module
        return object.__new__(chosen)

    def do_setup(self, context: RequestContext) -> None:
        self.place = pool.Pool(self._pool_path())
        self.storage = self._part('storage')(
            self.place, Commands(), quotas=self.backend.linux_quotas
        )
        try:
            self.storage.prepare()
        except ValueError as error:
            raise self._wrong('linux_pool_path', str(error)) from None
        self.place.prepare()
        self._claim_host()
        for kind, needs in (
            ('transport', 'linux_compression'),
            ('isolation', 'linux_bridge'),
            ('export', 'linux_isolation'),
        ):
            if reason := self._part(kind).unusable(getattr(self.backend, needs)):
                raise self._wrong(f'linux_{kind}', reason)
        self.workers = control.Workers(self.place)
        LOG.info('Pool %s: %s', self.place.path, self.storage.abilities)

    def _wrong(self, option: str, reason: str) -> ConfigurationError:
        return ConfigurationError(group=self.backend.name, option=option, reason=reason)

    def _pool_path(self) -> pathlib.Path:
        """The root of the pool, which exists and is writable."""
        value = self.backend.linux_pool_path
        if not value:
            raise self._wrong('linux_pool_path', 'has to be set')
        path = pathlib.Path(value)
        if not path.is_absolute():
            raise self._wrong('linux_pool_path', f'{path} is not an absolute path')
        if not path.is_dir():
            raise self._wrong('linux_pool_path', f'{path} is not a directory')
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise self._wrong('linux_pool_path', f'{path} is not writable for this service')
        return path

    def _claim_host(self) -> None:
        """Keep a second host from using a pool on shared storage (decision 20)."""
        own = platform.node()
        with contextlib.suppress(FileNotFoundError):
            own = pathlib.Path('/etc/machine-id').read_text(encoding='ascii').strip() or own
        known = pool.read_json(self.place.host_file)
        if known is None:
            pool.write_json(self.place.host_file, own, durable=True)
        elif known != own:
            raise self._wrong(
                'linux_pool_path',
                f'the pool belongs to another host; if that one is gone for good, remove '
                f'{self.place.host_file}',
            )

    def _part(self, kind: str) -> Any:
        option = f'linux_{kind}'
        try:
            return parts.load(kind, getattr(self.backend, option))
        except ValueError as error:
            raise self._wrong(option, str(error)) from None

    def get_share_stats(self) -> dict[str, Any]:
        self._bring_back()
        space = os.statvfs(self.place.path)
        backend = self.backend
        reserved = backend.reserved_share_percentage
        from_snapshot = backend.reserved_share_from_snapshot_percentage
        extend = backend.reserved_share_extend_percentage
        common = {
            'qos': False,
            'dedupe': False,
            'compression': False,
            'thin_provisioning': False,
            'max_over_subscription_ratio': backend.max_over_subscription_ratio,
            'snapshot_support': True,
            'create_share_from_snapshot_support': True,
            'revert_to_snapshot_support': True,
            'mount_snapshot_support': False,
            'replication_type': None,
            'replication_domain': backend.replication_domain,
            'ipv4_support': True,
            'ipv6_support': True,
            'security_service_update_support': self.security_service_update_support,
            'network_allocation_update_support': self.network_allocation_update_support,
            'share_server_multiple_subnet_support': self.share_server_multiple_subnet_support,
            'share_replicas_migration_support': self.share_replicas_migration_support,
        }
        only_pool = {
            'pool_name': pool.NAME,
            'total_capacity_gb': space.f_blocks * space.f_frsize / _GIB,
            'free_capacity_gb': space.f_bavail * space.f_frsize / _GIB,
            'reserved_percentage': reserved,
            'reserved_snapshot_percentage': from_snapshot or reserved,
            'reserved_share_extend_percentage': extend or reserved,
            'filter_function': backend.filter_function,
            'goodness_function': backend.goodness_function,
            'max_shares_per_share_server': backend.max_shares_per_share_server,
            'max_share_server_size': backend.max_share_server_size,
        }
        return common | {
            'share_backend_name': backend.backend_name,
            'driver_handles_share_servers': True,
            'vendor_name': 'ssm',
            'driver_version': '1.0',
            'storage_protocol': self._part('export').storage_protocol,
            'share_group_stats': {'consistent_snapshot_support': None},
            'pools': [common | only_pool],
        }

    # Share servers

    def _bring_back(self) -> None:
        """Start again what serves shares and ended by itself; asked for at each report."""
        for place in self.place.servers.iterdir():
            server = pool.Server(place)
            if server.fence() is not None or not self._export(server).failed():
                continue
            LOG.warning('What serves the shares of %s has ended, and is started again.', place.name)
            try:
                with self._serving(server) as export:
                    if export.failed():
                        export.start()
            except (DriverError, FileNotFoundError) as error:  # of which it may be removed
                LOG.warning('%s serves no shares: %s', place.name, error)

    def setup_server(
        self,
        context: RequestContext,
        network_info: list[base.NetworkInfo],
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        if not network_info:
            raise refusal('no_subnet', 'A share server needs at least one subnet.')
        name = network_info[0]['server_id']
        server = self.place.server(name)
        export = self._export(server)
        addresses = [
            allocation['ip_address']
            for info in network_info
            for allocation in info['network_allocations']
        ]
        network = export.isolation.plan(network_info, self.backend.linux_bridge)
        record = {'identifier': name, 'addresses': addresses} | network
        if (metadata or {}).get('keeps_addresses'):
            record['waits'] = True
        server.prepare()
        with server.locked():
            pool.write_json(server.record, record, durable=True)
            export.start()
        return {'identifier': name} | export.isolation.details()

    def teardown_server(
        self,
        context: RequestContext,
        share_server: base.ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        name = server_name(share_server)
        for migration in self.workers.forget_server(name):
            self._forget_source(migration)
            self.storage.delete(migration.path)
            self.storage.delete(migration.guard)
        server, gone = self.place.server(name), self.place.private / f'removed-{name}'
        if server.path.is_dir():
            with server.locked():
                self._export(server).stop()
                # a fence must not go before the shares it closes, so all go at once
                pool.move(server.path, gone)
        self.storage.delete(gone)

    def manage_server(
        self,
        context: RequestContext,
        share_server: base.ShareServer,
        identifier: str,
        driver_options: Mapping[str, Any],
    ) -> tuple[str, dict[str, str]]:
        """Take over the server directory of that name; one without a record gets one."""
        server = self.place.server(identifier)
        if not server.path.is_dir():
            raise refusal('server_missing', f'There is no share server at {server.path}.')
        _check_open(server)
        server.prepare()
        known = pool.read_json(server.record) or {'addresses': []}
        # a directory that was copied says what it was copied from
        isolation = self._export(server).isolation
        isolation.check()
        pool.write_json(server.record, known | {'identifier': identifier}, durable=True)
        details = {'identifier': identifier, 'addresses': ','.join(known['addresses'])}
        return identifier, details | isolation.details()

    def unmanage_server(
        self,
        context: RequestContext,
        share_server: base.ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        """Nothing: the server stays as it is, and serves on, so that it can be managed again."""

    def _export(self, server: pool.Server) -> Export:
        backend = self.backend
        side = {'export': backend.linux_export, 'isolation': backend.linux_isolation}
        return parts.export(side, server)

    @contextlib.contextmanager
    def _serving(self, server: pool.Server) -> Iterator[Export]:
        """Hold a server that may be served; meanwhile no migration closes it."""
        with server.locked():
            _check_open(server)
            yield self._export(server)

    def _server(self, share_server: base.ShareServer | None) -> pool.Server:
        """The place of a server that may be served.

        :raises DriverRefused: it does not exist or a migration has closed it
        """
        server = self.place.server(server_name(share_server))
        if not server.record.exists():
            raise refusal('server_missing', f'There is no share server at {server.path}.')
        _check_open(server)
        return server

    # Shares

    def create_share(
        self,
        context: RequestContext,
        share: base.Share,
        share_server: base.ShareServer | None,
    ) -> list[base.ExportLocation]:
        server = self._server(share_server)
        self._check_protocol(server, share)
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
        self._check_protocol(server, share)
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

    def _check_protocol(self, server: pool.Server, share: base.Share) -> None:
        if not self._export(server).serves(share['share_proto']):
            raise refusal(
                'protocol_not_supported',
                f'Shares of the protocol {share["share_proto"]} can not be served here.',
                f'Set linux_export = samba in [{self.backend.name}], or use a share type with the '
                'extra spec storage_protocol.',
            )

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
        server = self.place.server(server_name(share_server))
        if not server.path.is_dir():
            return
        server = self._server(share_server)
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
        server = self.place.server(server_name(share_server))
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


def _check_open(server: pool.Server) -> None:
    if fence := server.fence():
        raise refusal(
            'server_fenced', f'The share server is closed by migration {fence["migration_id"]}.'
        )


def _paths(locations: list[Any]) -> set[tuple[str, bool]]:
    return {(location['path'], location['is_admin_only']) for location in locations}
