# SPDX-License-Identifier: Apache-2.0

"""The dummy driver: share servers, shares, snapshots and access on simulated storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.drivers.base import (
    AccessRule,
    ExportLocation,
    NetworkInfo,
    Share,
    ShareServer,
    Snapshot,
)
from ssm.drivers.dummy import exports, state
from ssm.drivers.dummy.migration import ServerMigration
from ssm.drivers.dummy.simulation import refused, simulated

TOTAL_CAPACITY = 1230
FREE_CAPACITY = 1210
"""GiB of each pool, whatever is stored (contract 8.1)."""


class DummyDriver(ServerMigration):
    """Simulates a back end without storage (contract, section 8)."""

    supported_modes = (True, False)

    security_service_update_support = True
    network_allocation_update_support = True
    share_server_multiple_subnet_support = True
    share_replicas_migration_support = True

    @simulated
    def get_share_stats(self) -> dict[str, Any]:
        """The capability report (rest-api 5.3); capacities never change."""
        backend = self.backend
        reserved = backend.reserved_share_percentage
        servers = backend.driver_handles_share_servers
        pool = {
            'total_capacity_gb': TOTAL_CAPACITY,
            'free_capacity_gb': FREE_CAPACITY,
            'reserved_percentage': reserved,
            'reserved_snapshot_percentage': backend.reserved_share_from_snapshot_percentage
            or reserved,
            'reserved_share_extend_percentage': backend.reserved_share_extend_percentage
            or reserved,
            'thin_provisioning': False,
            'max_over_subscription_ratio': backend.max_over_subscription_ratio,
            'qos': False,
            'mount_point_name_support': False,
            'filter_function': backend.filter_function,
            'goodness_function': backend.goodness_function,
        }
        if servers:
            pool['max_shares_per_share_server'] = backend.max_shares_per_share_server
            pool['max_share_server_size'] = backend.max_share_server_size
        return {
            **pool,
            'share_backend_name': backend.backend_name,
            'driver_handles_share_servers': servers,
            'vendor_name': 'ssm',
            'driver_version': '1.0',
            'storage_protocol': 'NFS_CIFS',
            'dedupe': False,
            'compression': False,
            'snapshot_support': True,
            'create_share_from_snapshot_support': True,
            'revert_to_snapshot_support': True,
            'mount_snapshot_support': True,
            'snapshot_inherit_share_access_support': False,
            'replication_type': backend.dummy_driver_replication_type
            or ('readable' if backend.replication_domain else None),
            'replication_domain': backend.replication_domain,
            'security_service_update_support': servers and self.security_service_update_support,
            'network_allocation_update_support': servers and self.network_allocation_update_support,
            'share_server_multiple_subnet_support': servers
            and self.share_server_multiple_subnet_support,
            'share_replicas_migration_support': servers and self.share_replicas_migration_support,
            'encryption_support': None,
            'qos_type_support': False,
            'ipv4_support': True,
            'ipv6_support': True,
            'share_group_stats': {'consistent_snapshot_support': None},
            'pools': [pool | {'pool_name': name} for name in self.pool_names()],
        }

    def get_network_allocations_number(self) -> int:
        """Two, so that each subnet gets a preferred export location and another one."""
        return exports.USER_ADDRESSES

    def get_admin_network_allocations_number(self) -> int:
        """One where the back end has an administrative network, else none."""
        return 1 if self.backend.admin_network_config_group else 0

    @simulated
    def setup_server(
        self,
        context: RequestContext,
        network_info: list[NetworkInfo],
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Make a server; its details depend on its id and addresses alone."""
        server_id = network_info[0]['server_id']
        details = exports.server_details(server_id, network_info)
        with self.state.change() as now:
            state.server(now, server_id)['details'] = details
        return details

    @simulated
    def teardown_server(
        self,
        context: RequestContext,
        share_server: ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        """Forget a server, what lies on it, and the migration that led to it."""
        with self.state.change() as now:
            now['servers'].pop(share_server['id'], None)
            now['migrations'] = {
                migration_id: run
                for migration_id, run in now['migrations'].items()
                if run['destination'] != share_server['id']
            }

    @simulated
    def manage_server(
        self,
        context: RequestContext,
        share_server: ShareServer,
        identifier: str,
        driver_options: Mapping[str, Any],
    ) -> tuple[str, dict[str, str]]:
        """Take over a server of the state file, which from now on has the id of its new row."""
        with self.state.change() as now:
            known, details = state.identified(now, identifier)
            if known is None:
                raise refused(
                    'server_missing',
                    f'There is no share server {identifier!r} in {self.state.path}.',
                    'Give the identifier it was set up with.',
                    share_server['id'],
                )
            if migration_id := now['servers'][known]['fenced_by']:
                raise refused(
                    'server_fenced',
                    f'Share server {identifier} is closed by migration {migration_id}.',
                    server_id=share_server['id'],
                )
            now['servers'][share_server['id']] = now['servers'].pop(known)
        return identifier, details | {'addresses': ','.join(exports.addresses(details))}

    @simulated
    def unmanage_server(
        self,
        context: RequestContext,
        share_server: ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        """Nothing: the state file keeps the server."""

    @simulated
    def create_share(
        self, context: RequestContext, share: Share, share_server: ShareServer | None
    ) -> list[ExportLocation]:
        """Make an empty share; one that exists stays as it is."""
        with self.state.change() as now:
            state.share(now, self._server_id(share_server), share['id'])
        return self._export_locations(share, share_server)

    @simulated
    def create_share_from_snapshot(
        self,
        context: RequestContext,
        share: Share,
        snapshot: Snapshot,
        share_server: ShareServer | None,
    ) -> list[ExportLocation]:
        """Make a share with the content of a snapshot; one that exists stays as it is.

        The snapshot may lie on another server of the same state file.
        """
        with self.state.change() as now:
            found = [
                server['snapshots'][snapshot['id']]['files']
                for server in now['servers'].values()
                if snapshot['id'] in server['snapshots']
            ]
            server_id = self._server_id(share_server)
            exists = share['id'] in state.server(now, server_id)['shares']
            record = state.share(now, server_id, share['id'])
            if found and not exists:
                record['files'] = dict(found[0])
        return self._export_locations(share, share_server)

    @simulated
    def delete_share(
        self, context: RequestContext, share: Share, share_server: ShareServer | None
    ) -> None:
        """Forget a share."""
        with self.state.change() as now:
            state.server(now, self._server_id(share_server))['shares'].pop(share['id'], None)

    @simulated
    def extend_share(
        self,
        context: RequestContext,
        share: Share,
        new_size: int,
        share_server: ShareServer | None,
    ) -> None:
        """Nothing: simulated storage has no sizes."""

    @simulated
    def shrink_share(
        self,
        context: RequestContext,
        share: Share,
        new_size: int,
        share_server: ShareServer | None,
    ) -> None:
        """Look whether the simulated content fits."""
        with self.state.change() as now:
            files = state.share(now, self._server_id(share_server), share['id'])['files']
        used = sum(len(text) for text in files.values())
        if used > new_size << 30:
            raise exceptions.DataLoss(f'{used} bytes do not fit {new_size} GiB.')

    @simulated
    def revert_to_snapshot(
        self,
        context: RequestContext,
        share: Share,
        snapshot: Snapshot,
        share_server: ShareServer | None,
    ) -> None:
        """Give a share the files of the snapshot; the snapshot has to be there."""
        server_id = self._server_id(share_server)
        with self.state.change() as now:
            known = state.server(now, server_id)['snapshots'].get(snapshot['id'])
            if known is None:
                raise refused(
                    'snapshot_missing',
                    f'There is no snapshot {snapshot["id"]} in {self.state.path}.',
                    server_id=server_id,
                )
            state.share(now, server_id, share['id'])['files'] = dict(known['files'])

    @simulated
    def create_snapshot(
        self, context: RequestContext, snapshot: Snapshot, share_server: ShareServer | None
    ) -> dict[str, Any]:
        """Keep what the share holds now; a snapshot that exists stays as it is."""
        server_id = self._server_id(share_server)
        share_id = snapshot['share_instance_id']
        with self.state.change() as now:
            files = dict(state.share(now, server_id, share_id)['files'])
            state.server(now, server_id)['snapshots'].setdefault(
                snapshot['id'], state.SnapshotState(share_instance_id=share_id, files=files)
            )
        details = self._details(share_server)
        return {'provider_location': exports.provider_location(details, snapshot['name'])}

    @simulated
    def delete_snapshot(
        self, context: RequestContext, snapshot: Snapshot, share_server: ShareServer | None
    ) -> None:
        """Forget a snapshot."""
        with self.state.change() as now:
            state.server(now, self._server_id(share_server))['snapshots'].pop(snapshot['id'], None)

    @simulated
    def ensure_shares(
        self,
        context: RequestContext,
        shares: Iterable[tuple[Share, ShareServer | None]],
    ) -> dict[str, list[ExportLocation]]:
        """Take in shares the state does not know; a fence belongs to the server and stays."""
        changed = {}
        with self.state.change() as now:
            for share, share_server in shares:
                record = state.share(now, self._server_id(share_server), share['id'])
                record['rules'] = exports.applicable_rules(share, share['access_rules'])
                locations = self._export_locations(share, share_server)
                if _paths(locations) != _paths(share['export_locations']):
                    changed[share['id']] = locations
        return changed

    @simulated
    def update_access(
        self,
        context: RequestContext,
        share: Share,
        access_rules: list[AccessRule],
        share_server: ShareServer | None,
    ) -> dict[str, str]:
        """Keep the rules; NFS takes rules of type ip only, CIFS of type user only."""
        applied = exports.applicable_rules(share, access_rules)
        with self.state.change() as now:
            state.share(now, self._server_id(share_server), share['id'])['rules'] = applied
        return {
            rule['access_id']: f'{share["share_proto"]} shares take no rules of type '
            f'{rule["access_type"]}.'
            for rule in access_rules
            if rule not in applied
        }

    def access_keys(
        self,
        context: RequestContext,
        share: Share,
        access_rules: list[AccessRule],
        share_server: ShareServer | None,
    ) -> dict[str, str]:
        """A key for each user, the same on all servers."""
        return {
            rule['access_id']: f'key of {rule["access_to"]}'
            for rule in access_rules
            if rule['access_type'] == 'user'
        }

    def _server_id(self, share_server: ShareServer | None) -> str:
        """Without share servers the back end itself stands for the server."""
        return share_server['id'] if share_server else self.backend.host

    def _details(self, share_server: ShareServer | None) -> dict[str, str]:
        return share_server['backend_details'] if share_server else exports.DETAILS_WITHOUT_SERVER

    def _export_locations(
        self, share: Share, share_server: ShareServer | None
    ) -> list[ExportLocation]:
        return exports.export_locations(
            self._details(share_server), share['name'], share['share_proto']
        )


def _paths(locations: Iterable[ExportLocation]) -> set[str]:
    return {location['path'] for location in locations}
