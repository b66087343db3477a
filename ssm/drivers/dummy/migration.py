# SPDX-License-Identifier: Apache-2.0

"""Simulated share server migration: checks, steps and their way back.

Each step is one change of the state file, made under the token of its caller. A step that
comes too late for its migration changes nothing; one under an old epoch is refused.
"""

from __future__ import annotations

from typing import Any, TypedDict

from ssm.common.context import RequestContext
from ssm.common.findings import Finding
from ssm.conf.backend import BackendConfig
from ssm.drivers import base
from ssm.drivers.base import NetworkInfo, Share, ShareServer, Snapshot, Token
from ssm.drivers.dummy import exports, state
from ssm.drivers.dummy.simulation import SimulatedDriver, refused, simulated

# Where a migration stands; from OPENED, the destination serving, nothing leads back.
NEW = 'new'
CANCELLED = 'cancelled'
COPYING = 'copying'
OPENED = 'opened'

_GIB = 1024**3


class ServerMigration(SimulatedDriver):
    """The part of the dummy driver that moves share servers."""

    repeatable_setup = True
    repeatable_start = True
    repeatable_complete = True

    @simulated
    def share_server_migration_check_compatibility(
        self,
        context: RequestContext,
        share_server: ShareServer,
        dest_host: str,
        old_share_network: dict[str, Any],
        new_share_network: dict[str, Any],
        shares_request_spec: dict[str, Any],
    ) -> base.Capabilities:
        """Two back ends fit if both run a dummy driver (contract 8.1, 8.2).

        :raises ConfigurationError: this node's configuration lacks the stanza of one of them
        """
        destination = self.backend.peer(dest_host)
        source = self.backend.peer(share_server['host'])
        findings = [_other_driver(peer) for peer in (destination, source) if not _is_dummy(peer)]
        if not destination.driver_handles_share_servers:
            findings.append(_dhss_required(destination))
            answer = _all_capabilities(None)
        elif findings:
            answer = _all_capabilities(False)
        else:
            answer = _all_capabilities(True)
            answer['nondisruptive'] = False
            answer.update(self.backend.dummy_driver_capabilities)
            if not answer['compatible']:
                findings.append(_told_incompatible(self.backend))
        answer['share_network_id'] = (new_share_network or old_share_network)['id']
        answer['findings'] = findings
        return answer

    @simulated
    def share_server_migration_start(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Begin to copy; one begun already goes on where it is."""
        with self.state.change() as now:
            run = _admit(now, token)
            if run['step'] not in (NEW, CANCELLED):
                return
            destination = dest_share_server['id']
            if _was_set_up(dest_share_server) and destination not in now['servers']:
                raise refused(
                    'server_gone',
                    f'Share server {destination} is not on the storage.',
                    'Cancel the migration and start it again.',
                    destination,
                )
            run.update({'step': COPYING, 'progress': 0, 'destination': destination})
            _copy(now, src_share_server, dest_share_server, shares, snapshots)

    @simulated
    def share_server_migration_continue(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> bool:
        """Come ``dummy_driver_progress_step`` further; True from 100 per cent on."""
        with self.state.change() as now:
            run = _admit_started(now, token)
            if run['progress'] < 100:
                step = self.backend.dummy_driver_progress_step
                run['progress'] = min(run['progress'] + step, 100)
                _copy(now, src_share_server, dest_share_server, shares, snapshots)
            return run['progress'] == 100

    @simulated
    def share_server_migration_get_progress(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> base.Progress:
        """Progress, and bytes as if each share were full and copied at the same pace."""
        run = self.state.read()['migrations'].get(token.migration_id)
        percent = run['progress'] if run else 0
        return base.Progress(
            total_progress=percent,
            **_bytes(sum(share['size'] for share in shares), percent),
            shares={
                share['id']: {'total_progress': percent, **_bytes(share['size'], percent)}
                for share in shares
            },
        )

    @simulated
    def share_server_migration_refresh(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Bring the copies up to date."""
        with self.state.change() as now:
            if _admit_started(now, token)['step'] != OPENED:
                _copy(now, src_share_server, dest_share_server, shares, snapshots)

    @simulated
    def share_server_migration_fence(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Close the source until it is opened again or torn down; copy the rest."""
        with self.state.change() as now:
            if _admit_started(now, token)['step'] != OPENED:
                _fence(now, src_share_server, dest_share_server, shares, snapshots, token)

    @simulated
    def share_server_migration_unfence(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Open the source again.

        :raises DriverRefused: the destination is open already
        """
        with self.state.change() as now:
            _admit_way_back(now, token)
            _unfence(now, src_share_server, token)

    @simulated
    def share_server_migration_complete(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        new_network_info: list[NetworkInfo],
        token: Token,
    ) -> base.Completion:
        """Open the destination, closing the source first where nobody did."""
        details = exports.server_details(dest_share_server['id'], new_network_info)
        with self.state.change() as now:
            run = _admit_started(now, token)
            if run['step'] != OPENED:
                _fence(now, src_share_server, dest_share_server, shares, snapshots, token)
                for share in shares:
                    record = state.share(now, dest_share_server['id'], share['id'])
                    record['open'] = True
                    record['rules'] = exports.applicable_rules(share, share['access_rules'])
                run.update({'step': OPENED, 'progress': 100})
        answer = base.Completion(
            share_updates={
                share['id']: base.ShareUpdate(
                    export_locations=exports.export_locations(
                        details, share['name'], share['share_proto']
                    ),
                    pool_name=self.pool_names()[0],
                )
                for share in shares
            },
            snapshot_updates=_snapshot_updates(details, shares, snapshots),
        )
        if not _was_set_up(dest_share_server):
            answer['server_backend_details'] = details
        return answer

    @simulated
    def share_server_migration_cancel(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Remove the copies and see that the source is open.

        :raises DriverRefused: the destination is open already
        """
        with self.state.change() as now:
            run = _admit_way_back(now, token)
            _unfence(now, src_share_server, token)
            if not _was_set_up(dest_share_server):
                now['servers'].pop(dest_share_server['id'], None)
            elif dest_share_server['id'] in now['servers']:
                now['servers'][dest_share_server['id']].update({'shares': {}, 'snapshots': {}})
            run.update({'step': CANCELLED, 'progress': 0})


def _is_dummy(backend: BackendConfig) -> bool:
    return 'dummy' in (backend.share_driver or '').lower()


def _other_driver(backend: BackendConfig) -> Finding:
    return Finding(
        'other_driver',
        f'Back end {backend.name} runs the driver {backend.share_driver}, not dummy.',
        'Choose back ends of one driver.',
    )


def _dhss_required(backend: BackendConfig) -> Finding:
    return Finding(
        'dhss_required',
        f'Back end {backend.name} does not handle share servers.',
        'Choose a back end with driver_handles_share_servers = True.',
    )


def _all_capabilities(value: bool | None) -> base.Capabilities:
    return base.Capabilities(
        compatible=value,
        writable=value,
        nondisruptive=value,
        preserve_snapshots=value,
        migration_cancel=value,
        migration_get_progress=value,
        keeps_addresses=value,
    )


def _told_incompatible(backend: BackendConfig) -> Finding:
    return Finding(
        'told_incompatible',
        f'Back end {backend.name} was told not to be compatible.',
        f'Change dummy_driver_capabilities in [{backend.name}].',
    )


def _was_set_up(server: ShareServer) -> bool:
    """False for the destination of a move in place, which gets no set-up (contract 5.7)."""
    return 'service_ip' in server['backend_details']


def _admit(now: state.State, token: Token) -> state.MigrationState:
    """The record of a migration, now under this token.

    :raises DriverRefused: it is under a higher epoch already
    """
    run = now['migrations'].setdefault(
        token.migration_id,
        state.MigrationState(epoch=0, attempt=0, step=NEW, progress=0, destination=''),
    )
    if token.epoch < run['epoch']:
        raise refused(
            'stale_epoch',
            f'Migration {token.migration_id} is under epoch {run["epoch"]}, '
            f'this call is of epoch {token.epoch}.',
            'None needed: another process carries the migration on.',
        )
    run.update({'epoch': token.epoch, 'attempt': token.attempt})
    return run


def _admit_started(now: state.State, token: Token) -> state.MigrationState:
    """The same for a step that needs a copy begun before."""
    run = _admit(now, token)
    if run['step'] in (NEW, CANCELLED):
        raise refused(
            'not_started',
            f'The storage has no copy for migration {token.migration_id}.',
            'Start the migration again.',
        )
    return run


def _admit_way_back(now: state.State, token: Token) -> state.MigrationState:
    """The same for a step that leads back to the source."""
    run = _admit(now, token)
    if run['step'] == OPENED:
        raise refused(
            'past_point_of_no_return',
            f'Share server {run["destination"]} serves clients already.',
            'Complete the migration.',
            run['destination'],
        )
    return run


class _Bytes(TypedDict):
    bytes_total: int
    bytes_done: int


def _bytes(size: int, percent: int) -> _Bytes:
    total = size * _GIB
    return _Bytes(bytes_total=total, bytes_done=total * percent // 100)


def _copy(
    now: state.State,
    source: ShareServer,
    destination: ShareServer,
    shares: list[Share],
    snapshots: list[Snapshot],
) -> None:
    state.copy(
        now,
        source['id'],
        destination['id'],
        [share['id'] for share in shares],
        {snapshot['id']: snapshot['share_instance_id'] for snapshot in snapshots},
    )


def _fence(
    now: state.State,
    source: ShareServer,
    destination: ShareServer,
    shares: list[Share],
    snapshots: list[Snapshot],
    token: Token,
) -> None:
    state.server(now, source['id'])['fenced_by'] = token.migration_id
    _copy(now, source, destination, shares, snapshots)


def _unfence(now: state.State, source: ShareServer, token: Token) -> None:
    record = now['servers'].get(source['id'])
    if record and record['fenced_by'] == token.migration_id:
        record['fenced_by'] = None


def _snapshot_updates(
    details: dict[str, str], shares: list[Share], snapshots: list[Snapshot]
) -> dict[str, base.SnapshotUpdate]:
    protocols = {share['id']: share['share_proto'] for share in shares}
    return {
        snapshot['id']: base.SnapshotUpdate(
            provider_location=exports.provider_location(details, snapshot['name']),
            export_locations=exports.export_locations(
                details, snapshot['name'], protocols[snapshot['share_instance_id']]
            ),
        )
        for snapshot in snapshots
    }
