# SPDX-License-Identifier: Apache-2.0

"""The driver's methods for share server migration; called on the destination's driver."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from oslo_log import log as logging

from ssm.common.context import RequestContext
from ssm.common.exceptions import DriverBusy, DriverError, DriverRefused
from ssm.common.findings import Finding, Severity, sentence
from ssm.conf.linux import LINUX_OPTS
from ssm.drivers import base
from ssm.drivers.linux import check, control, moving, parts, pool
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.offer import Offer, side_of
from ssm.drivers.linux.refusal import refusal
from ssm.drivers.linux.serving import server_name

LOG = logging.getLogger(__name__)


_RETIRE_PAUSE = 60.0
"""Seconds between two attempts to put a source aside."""

_SHARE_KEYS = frozenset({'id', 'share_id', 'name', 'size', 'share_proto', 'access_rules'})
"""What a worker has to know of a share."""


class ServerMigration(Offer):
    """Migration as the part of the driver that lets workers do the work."""

    workers: control.Workers

    def share_server_migration_start(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> dict[str, Any] | None:
        job = self._job(src_share_server, dest_share_server, shares, snapshots)
        migration = self._take(token, dest_share_server, job)
        if migration.completed_file.exists() or migration.is_done('copy'):
            return None
        if job['moves'] is not None:
            self._admit_network(src_share_server, dest_share_server)
        if not self.workers.running(migration, token, 'copy'):
            self.workers.begin(migration, token, 'copy')
        return None

    def share_server_migration_continue(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> bool:
        job = self._job(src_share_server, dest_share_server, shares, snapshots)
        migration = self._take(token, dest_share_server, job)
        if migration.completed_file.exists() or self.workers.ask(migration, token, 'copy'):
            return True
        if lost := migration.lost():
            # a worker is at it again, but the source has not answered yet
            raise DriverBusy(lost.message, findings=[lost], retry_after=control.LOST_PAUSE)
        return False

    def share_server_migration_get_progress(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> base.Progress:
        migration = self.place.migration(token.migration_id)
        if completed := pool.read_json(migration.completed_file):
            return base.Progress(**completed | {'findings': _findings(completed)})
        progress = pool.read_json(migration.progress_file) or {'total_progress': 0}
        progress['findings'] = _findings(progress)
        if self.storage.moves_servers:
            progress.pop('shares', None)
        # the last share may be done a moment before the step is
        over = migration.is_done('copy')
        progress['total_progress'] = 100 if over else min(progress['total_progress'], 99)
        return base.Progress(**progress)

    def share_server_migration_refresh(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> None:
        job = self._job(src_share_server, dest_share_server, shares, snapshots)
        migration = self._take(token, dest_share_server, job)
        # once the destination opens, the source has nothing new to say
        if not migration.opening_file.exists():
            _need_first_phase(migration)
            self._run(migration, token, 'refresh')

    def share_server_migration_fence(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> None:
        job = self._job(src_share_server, dest_share_server, shares, snapshots)
        migration = self._take(token, dest_share_server, job)
        if migration.opening_file.exists():
            return
        _need_first_phase(migration)
        if migration.is_done('fence') and self._still_fenced(job, migration):
            return
        try:
            self._run(migration, token, 'fence')
        except DriverError:
            # the worker undoes what it began unless it was stopped; clients wait meanwhile
            with contextlib.suppress(DriverError):
                self._run(migration, token, 'unfence')
            raise

    def share_server_migration_unfence(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> None:
        job = self._job(src_share_server, dest_share_server, shares, snapshots)
        migration = self._take(token, dest_share_server, job)
        migration.refuse_if_open()
        self._run(migration, token, 'unfence')

    def share_server_migration_complete(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        new_network_info: list[base.NetworkInfo],
        token: base.Token,
    ) -> base.Completion:
        job = self._job(src_share_server, dest_share_server, shares, snapshots)
        if job['moves'] is not None:
            record = self._record(job['destination']['server'], new_network_info)
            job['moves']['record'] = record | {'waits': True}
        migration = self._take(token, dest_share_server, job)
        if not migration.completed_file.exists():
            if not migration.is_done('complete'):
                self._run(migration, token, 'complete')
            progress = pool.read_json(migration.progress_file) or {'findings': []}
            ended = progress | {'total_progress': 100}
            pool.write_json(migration.completed_file, ended, durable=True)
        self._forget(migration)
        completed = pool.read_json(migration.completed_file)
        server = self.place.server(job['destination']['server'])
        export = parts.export(job['destination'], server)
        return base.Completion(
            share_updates={
                share['id']: base.ShareUpdate(
                    export_locations=export.publish(share['name']), pool_name=pool.NAME
                )
                for share in shares
            },
            snapshot_updates={
                snapshot['id']: base.SnapshotUpdate(
                    provider_location=str(server.snapshot(snapshot['share_name'], snapshot['name']))
                )
                for snapshot in snapshots
            },
            server_backend_details=export.isolation.details() if job['moves'] is not None else {},
            findings=[*_findings(completed), *_rules_lost(export, shares)],
        )

    def share_server_migration_cancel(
        self,
        context: RequestContext,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
        token: base.Token,
    ) -> None:
        job: dict[str, Any] | None = None
        try:
            job = self._job(src_share_server, dest_share_server, shares, snapshots)
        except DriverRefused as error:
            # a migration that failed for this reason has to be cancelled all the same
            LOG.warning('Cancelling without the source: %s', error.message)
        migration = self._take(token, dest_share_server, job)
        migration.refuse_if_open()
        if migration.job_file.exists():
            self._run(migration, token, 'cancel')
        self._forget(migration)

    def _admit_network(self, source: base.ShareServer, destination: base.ShareServer) -> None:
        """Nothing, if a server that moves can have its network here.

        Nothing is set up for it, so complete would be the first to notice: too late.

        :raises DriverRefused: it can't
        """
        addresses = destination['network_allocations'] or source['network_allocations']
        isolation = self._export(self.place.server(server_name(source))).isolation
        isolation.admit(addresses, self.backend.linux_bridge)

    def _forget(self, migration: pool.Migration) -> None:
        """Remove what a migration leaves that came to its end: all but the guard."""
        self.workers.forget(migration)
        try:
            self.storage.delete(migration.path)
        except CommandFailed as error:
            LOG.warning('%s stays until the server is deleted: %s', migration.path, error.errors)

    def _forget_source(self, migration: pool.Migration) -> None:
        """Remove what a migration left in the source's pool whose destination is torn down."""
        job = pool.read_json(migration.job_file)
        if job is None:
            return
        try:
            with contextlib.closing(self._transport(job['way'])) as transport:
                self.storage.forget(transport, job['source'], migration.id)
        except (CommandFailed, DriverError) as error:
            LOG.warning('Rounds of %s stay in its source: %s', migration.id, error)

    def _retire_sources(self) -> None:
        """Try again what failed when servers moved here; one that does not answer ends it."""
        for guard in self.place.guards.iterdir():
            migration = self.place.migration(guard.name)
            file = migration.retire_file
            left = pool.read_json(file)
            if left is None or time.time() - file.stat().st_mtime < _RETIRE_PAUSE:
                continue
            file.touch()
            with contextlib.closing(self._transport(left['way'])) as transport:
                try:
                    moving.retire(transport, left['side'], migration)
                except (CommandFailed, DriverError) as error:
                    # the report waits for this: the others have their turns at the next ones
                    LOG.warning('The source of %s is not put aside: %s', migration.id, error)
                    return

    def _run(self, migration: pool.Migration, token: base.Token, step: str) -> None:
        self.workers.run(migration, token, step, self.backend.linux_step_timeout)

    def _take(
        self, token: base.Token, dest_share_server: base.ShareServer, job: dict[str, Any] | None
    ) -> pool.Migration:
        """Claim a migration and leave its job, if there is one, for the worker."""
        name = server_name(dest_share_server)
        place = job['destination']['server'] if job else name
        migration = self.workers.claim(token, name, place)
        if job is None or migration.completed_file.exists():
            return migration
        # asked for often, also while the pool is full
        if pool.read_json(migration.job_file) != job:
            pool.write_json(migration.job_file, job)
        return migration

    def _job(
        self,
        src_share_server: base.ShareServer,
        dest_share_server: base.ShareServer,
        shares: list[base.Share],
        snapshots: list[base.Snapshot],
    ) -> dict[str, Any]:
        """What the worker has to know.

        :raises DriverRefused: the stanza of the source can't be read
        """
        peer, wrong = check.source_stanza(self.backend, src_share_server['host'], LINUX_OPTS)
        if peer is None:
            raise DriverRefused(sentence(wrong), findings=wrong)
        way, wrong = check.way(peer, self.backend, src_share_server['host'])
        if way is None:
            raise DriverRefused(sentence(wrong), findings=wrong)
        # nothing was set up for it: the server itself comes
        moves = self.storage.moves_servers and dest_share_server['identifier'] is None
        return {
            'source': side_of(peer, server_name(src_share_server)),
            'destination': side_of(
                self.backend, server_name(src_share_server if moves else dest_share_server)
            ),
            # one that keeps its addresses has none of its own before it has moved
            'moves': {'new_addresses': bool(dest_share_server['network_allocations'])}
            if moves
            else None,
            'way': way,
            'shares': [
                {key: value for key, value in share.items() if key in _SHARE_KEYS}
                for share in shares
            ],
            'snapshots': [
                {key: snapshot[key] for key in ('id', 'name', 'share_name')}
                for snapshot in snapshots
            ],
            'options': {
                'parallel': self.backend.linux_parallel_copies,
                'fence_timeout': self.backend.linux_fence_timeout,
                'fence_lease': self.backend.linux_fence_lease,
                'verify_all': self.backend.linux_verify_all,
                'quotas': self.backend.linux_quotas,
                'budget': self.backend.migration_downtime_budget,
            },
        }

    def _still_fenced(self, job: dict[str, Any], migration: pool.Migration) -> bool:
        """Whether a migration still has the source closed; one that is not reached stays closed.

        :raises DriverBusy: the source can't be asked now
        """
        with contextlib.closing(self._transport(job['way'])) as transport:
            try:
                known = transport.start('fenced_by', side=job['source']).result()
            except CommandFailed as error:
                if transport.lost(error):
                    return True
                failed = check.agent_failed(transport, error)
                raise DriverBusy(failed.message, findings=[failed]) from None
        return bool(known == migration.id)


def _need_first_phase(migration: pool.Migration) -> None:
    if not migration.is_done('copy'):
        raise refusal('first_phase_not_over', 'The first phase of this migration is not over.')


def _findings(progress: dict[str, Any]) -> list[Finding]:
    """What the workers found worth telling."""
    return [Finding.from_dict(finding) for finding in progress.get('findings', [])]


def _rules_lost(export: Any, shares: list[base.Share]) -> Iterator[Finding]:
    """Rules that the export of the destination can't hold."""
    for share in shares:
        for rule in share['access_rules']:
            if problem := export.problem(rule, share['share_proto']):
                yield Finding(
                    code='access_rule_not_applied',
                    message=f'The rule {rule["access_type"]} {rule["access_to"]} of share '
                    f'{share["share_id"]} can not be applied on the destination: {problem}',
                    hint='Replace it by a rule of another type.',
                    severity=Severity.WARNING,
                    object_type='share',
                    object_id=share['share_id'],
                )
