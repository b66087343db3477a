# SPDX-License-Identifier: Apache-2.0

"""The driver object: a back end and its share servers."""

from __future__ import annotations

import contextlib
import os
import pathlib
import platform
import time
from collections.abc import Mapping
from typing import Any

from oslo_log import log as logging

from ssm.common.context import RequestContext
from ssm.common.exceptions import ConfigurationError, DriverError
from ssm.conf.backend import BackendConfig
from ssm.conf.linux import LINUX_OPTS
from ssm.drivers import base
from ssm.drivers.linux import control, fence, parts, pool
from ssm.drivers.linux.command import Commands
from ssm.drivers.linux.migration import ServerMigration
from ssm.drivers.linux.refusal import refusal
from ssm.drivers.linux.serving import check_open, server_name
from ssm.drivers.linux.shares import Shares

LOG = logging.getLogger(__name__)

_GIB = 1 << 30

_WITHOUT_ROOT = {'linux_storage': 'directory', 'linux_isolation': 'none', 'linux_export': 'local'}
"""Parts that any account can use."""


def _needs_root(backend: BackendConfig) -> bool:
    return any(getattr(backend, option) != part for option, part in _WITHOUT_ROOT.items())


class LinuxDriver(Shares, ServerMigration):
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
        self._retire_sources()
        self._remove_moved()
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
            if closed := server.fence():
                # the one it had may have gone with a reboot
                if not fence.is_confirmed(closed) and not fence.is_watched(server):
                    fence.post_sentry(server)
                continue
            if not self._export(server).failed():
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
        record = self._record(name, network_info)
        if (metadata or {}).get('keeps_addresses'):
            record['waits'] = True
        # an image comes whole, and what would serve without it has nothing to do
        comes = self.storage.moves_servers and (metadata or {}).get('migration_destination')
        pool.make_directory(server.path, pool.PUBLIC)
        with server.locked():
            pool.write_json(server.record, record, durable=True)
            if not comes:
                self.storage.make(server, self.backend.linux_image_size)
                export.start()
        return {'identifier': name} | export.isolation.details()

    def teardown_server(
        self,
        context: RequestContext,
        share_server: base.ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        name = server_name(share_server)
        names = {name}
        for migration in self.workers.forget_server(name):
            if migration.opening_file.exists():
                # it may bear another name until the migration is over
                names.add(pool.read_json(migration.epoch_file).get('place', name))
            self._forget_source(migration)
            self.storage.delete(migration.path)
            self.storage.delete(migration.guard)
        for name in sorted(names):
            self._remove(name)

    def _remove(self, name: str) -> None:
        server, gone = self.place.server(name), self.place.private / f'removed-{name}'
        if server.path.is_dir():
            with server.locked():
                self._export(server).stop()
                self.storage.close(server)
                # a fence must not go before the shares it closes, so all go at once
                pool.move(server.path, gone)
        self.storage.delete(gone)

    def _remove_moved(self) -> None:
        """Remove servers that moved away, when they were kept for long enough."""
        keep = self.backend.migrated_share_server_retention
        for entry in self.place.moved.iterdir() if self.place.moved.is_dir() else ():
            since = pool.Server(entry).moved_file
            # without the file its removal was begun
            if keep >= 0 and not (since.exists() and time.time() - since.stat().st_mtime < keep):
                self.storage.delete(entry)

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
        check_open(server)
        self.storage.open(server)
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
