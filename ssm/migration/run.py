# SPDX-License-Identifier: Apache-2.0

"""One migration in the hands of its owner: the row, the objects, the driver, the lease."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import tenacity
from oslo_db import exception as db_exc
from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import context, exceptions
from ssm.common.findings import Finding
from ssm.conf.backend import BackendConfig
from ssm.db import engine, models
from ssm.drivers import base
from ssm.migration import objects, states, store
from ssm.migration.lease import Lease
from ssm.migration.states import Event, Step
from ssm.network.base import NetworkPlugin
from ssm.rpc.share import ShareClient

LOG = logging.getLogger(__name__)

PATIENCE = 600
"""Seconds for which a write is tried again while the database is away."""

Write = Callable[[orm.Session], None]


@dataclasses.dataclass
class Objects:
    """What a driver is handed on each call of a migration."""

    source: base.ShareServer
    destination: base.ShareServer | None
    shares: list[base.Share]
    snapshots: list[base.Snapshot]


def gone(side: str, server_id: str) -> exceptions.SsmError:
    """A server of the migration was deleted under it (F8)."""
    finding = Finding(
        'share_server_gone',
        f'The {side} share server {server_id} does not exist any more.',
        'Look at the storage; this migration can not go on.',
        object_type='share_server',
        object_id=server_id,
    )
    return exceptions.SsmError(finding.message, findings=[finding])


def source_finding(row: models.Migration, code: str, message: str, hint: str) -> Finding:
    """A reason that is about the server that moves."""
    return Finding(
        code, message, hint, object_type='share_server', object_id=row.source_share_server_id
    )


@engine.reader
def _load(session: orm.Session, row: models.Migration) -> Objects:
    """Three statements."""
    ids = [row.source_share_server_id]
    if row.destination_share_server_id:
        ids.append(row.destination_share_server_id)
    servers = objects.share_servers(session, ids)
    if row.source_share_server_id not in servers:
        raise gone('source', row.source_share_server_id)
    on_source = models.ShareInstance.share_server_id == row.source_share_server_id
    return Objects(
        source=servers[row.source_share_server_id],
        destination=servers.get(row.destination_share_server_id or ''),
        shares=objects.shares(session, on_source),
        snapshots=objects.snapshots(session, on_source),
    )


# A result may not be lost because the database is away: under its epoch it may come late.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type(db_exc.DBConnectionError),
    wait=tenacity.wait_fixed(1),
    stop=tenacity.stop_after_delay(PATIENCE),
    reraise=True,
)
@engine.writer
def _commit(
    session: orm.Session,
    row: models.Migration,
    write: Write | None,
    event: Event | None,
    values: dict[str, Any],
) -> None:
    if write:
        write(session)
    store.guarded(session, row, event, **values)


@dataclasses.dataclass(frozen=True)
class Tools:
    """What belongs to the destination back end, the same for all migrations to it.

    :param report: makes the back end's capability report
    """

    driver: base.ShareDriver
    backend: BackendConfig
    network: NetworkPlugin
    admin_network: NetworkPlugin | None
    share_client: ShareClient
    report: Callable[[], Mapping[str, Any]]


class Run:
    """A claimed migration.

    :param row: detached; kept equal to what was written last
    """

    def __init__(self, row: models.Migration, lease: Lease, tools: Tools) -> None:
        self.row = row
        self.lease = lease
        self.tools = tools
        self.context = context.admin_context(row.request_id)
        self.memory: dict[str, Any] = {}
        """What may be forgotten in a crash, e.g. since when something is waited for."""
        self.current: Step | None = None
        """The step this owner wrote down as begun."""
        self.asked: tuple[str, float] | None = None
        """What the driver was asked and has not answered, and since when (monotonic seconds)."""
        self._objects: Objects | None = None

    @property
    def objects(self) -> Objects:
        """Servers, shares and snapshots, loaded once.

        :raises SsmError: the source is gone
        """
        if self._objects is None:
            self._objects = _load(self.row)
        return self._objects

    @property
    def destination(self) -> base.ShareServer:
        """The destination server, once it is made.

        :raises SsmError: it is gone
        """
        if self.objects.destination is None:
            raise gone('destination', str(self.row.destination_share_server_id))
        return self.objects.destination

    def reread(self) -> None:
        """See what the API wrote meanwhile: a cancel, or an override.

        :raises LeaseLost: the row is another's
        """
        row = store.get(self.row.id)
        if row is None or row.epoch != self.row.epoch:
            raise exceptions.LeaseLost(id=self.row.id)
        self.row = row

    def write(self, write: Write | None = None, event: Event | None = None, **values: Any) -> None:
        """One transaction under the lease: rows by ``write``, then the migration's own.

        :param event: moves the migration, both servers, and what hangs on them
        :raises ConcurrentChange: the row moved on meanwhile; nothing is written
        """
        if values.get('waiting'):
            values['waiting'] = values['waiting'][: store.LONGEST_WAITING]
        _commit(self.row, write, event, values)
        for name, value in values.items():
            setattr(self.row, name, value)
        if event:
            self.row.state = states.TRANSITIONS[event].after

    def call(self, method: str, *arguments: Any) -> Any:
        """Call the driver; whatever it raises unasked counts as a refusal (contract 5.1).

        :raises DriverRefused: the driver can't do it
        :raises DriverBusy: it can't do it now
        :raises LeaseLost: before the call, if the lease ran out
        """
        engine.assert_outside(f'driver call {method}')
        self.lease.check()
        self.asked = (method, time.monotonic())
        try:
            return getattr(self.tools.driver, method)(self.context, *arguments)
        except exceptions.DriverError:
            raise
        except Exception as exc:
            LOG.exception('Migration %s: the driver failed in %s', self.row.id, method)
            raise exceptions.DriverRefused(
                findings=[
                    source_finding(
                        self.row,
                        'driver_failed',
                        f'The driver failed in {method}: {exc}',
                        'See the log of the destination for the traceback.',
                    )
                ]
            ) from exc
        finally:
            self.asked = None

    def migrate(self, method: str, *further: Any) -> Any:
        """Call a method of the driver's migration interface with the usual arguments."""
        token = base.Token(self.row.id, self.row.epoch, self.row.attempt)
        return self.call(
            f'share_server_migration_{method}',
            self.objects.source,
            self.destination,
            self.objects.shares,
            self.objects.snapshots,
            *further,
            token,
        )
