# SPDX-License-Identifier: Apache-2.0

"""A world in which a share server migrates: two dummy back ends, real rows, a real engine.

Only the message bus is missing: a cast to the source back end applies the access rules at once,
a call asks the engine of the destination.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

import sqlalchemy as sa
from oslo_utils import uuidutils
from sqlalchemy import orm

from ssm.common import context
from ssm.conf import CONF
from ssm.conf import network as network_conf
from ssm.conf.backend import BackendConfig
from ssm.db import engine as db
from ssm.db import models, rows
from ssm.drivers.dummy import DummyDriver, state
from ssm.migration import objects, requests
from ssm.migration.advance import advance
from ssm.migration.engine import Engine
from ssm.migration.run import Run, Tools
from ssm.migration.states import Step
from ssm.network.standalone import StandaloneNetwork
from ssm.tests import base
from ssm.tests.functional import database
from ssm.tests.unit.drivers.harness import MemoryPrivateData

SOURCE = 'node1@alpha'
DESTINATION = 'node1@beta'
ADDRESSES = ['10.0.0.2', '10.0.0.3']

BODY = {
    'host': DESTINATION,
    'writable': 'True',
    'nondisruptive': 'False',
    'preserve_snapshots': 'True',
    'new_share_network_id': None,
}


class Killed(BaseException):
    """The process dies here."""


@dataclasses.dataclass(frozen=True)
class World:
    """All that outlives a process: the rows, and the storage. Equal worlds are the same.

    For SQLite only.
    """

    rows: bytes
    storage: bytes


@contextlib.contextmanager
def _memory() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(':memory:')) as connection:
        yield connection


class ScenarioCase(base.TestCase):
    """Base of tests of the migration; ``seed`` makes the server that migrates."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(database.Database())
        self.context = context.RequestContext(
            user_id='admin', project_id='p1', is_admin=True, roles=['admin'], overwrite=False
        )
        self.states: list[tuple[str | None, ...]] = []
        self.storage = pathlib.Path(self.state_path) / 'storage.json'
        self.network = self._make_network()
        self.drivers = {name: self._make_driver(name) for name in ('alpha', 'beta')}
        self.engine = self._make_engine()
        self.patch_client()
        if CONF.database.connection.startswith('sqlite'):
            self._empty = self.save()

    # The world

    def stanza(self, name: str, **values: Any) -> None:
        """Set options of a back end's stanza."""
        self.override(name, **values)

    def _make_driver(self, name: str) -> DummyDriver:
        backend = BackendConfig(CONF, name)
        backend.register(DummyDriver.options)
        self.addCleanup(CONF.clear_override, 'share_driver', group=name)
        self.stanza(
            name,
            share_driver='dummy',
            driver_handles_share_servers=True,
            dummy_driver_default_driver_method_delay=0,
            dummy_driver_state_file=str(self.storage),
        )
        driver = DummyDriver(backend, MemoryPrivateData())
        driver.do_setup(self.context)
        return driver

    def _make_network(self) -> StandaloneNetwork:
        CONF.register_opts(network_conf.STANDALONE_OPTS, group='net')
        self.override(
            'net',
            standalone_network_plugin_gateway='10.0.0.1',
            standalone_network_plugin_mask='24',
        )
        return StandaloneNetwork(CONF, 'net')

    def _make_engine(self) -> Engine:
        tools = Tools(
            driver=self.drivers['beta'],
            backend=self.drivers['beta'].backend,
            network=self.network,
            admin_network=None,
            share_client=Client(self),
            report=self.drivers['beta'].get_share_stats,
        )
        return Engine(tools, uuid.uuid4().hex[:8])

    def save(self) -> World:
        """What a process that dies now leaves behind; an open transaction is not part of it."""
        with contextlib.closing(self._connect()) as file, _memory() as copy:
            file.backup(copy)
            return World(copy.serialize(), self.storage.read_bytes())

    def load(self, world: World) -> None:
        """Put the world back as it was, and have a new process come up in it."""
        with contextlib.closing(self._connect()) as file, _memory() as copy:
            # Bytes 18 and 19 say that there is a write-ahead log; there is none in memory.
            copy.deserialize(world.rows[:18] + b'\1\1' + world.rows[20:])
            copy.backup(file)
        self.storage.write_bytes(world.storage)
        self.restart()

    def fresh(self) -> None:
        """Begin anew: no rows, nothing on the storage."""
        self.load(self._empty)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(CONF.database.connection.removeprefix('sqlite:///'))

    def restart(self, kill: bool = True) -> None:
        """The destination's process ends and a new one comes up."""
        if kill:
            self.engine._identity.close()
        self.drivers['beta'] = self._make_driver('beta')
        self.engine = self._make_engine()

    def patch_client(self) -> None:
        patch = mock.patch.object(requests, 'ShareClient', lambda: Client(self))
        patch.start()
        self.addCleanup(patch.stop)

    @db.writer
    def _insert(session: orm.Session, self: ScenarioCase, shares: int) -> str:
        zone = models.AvailabilityZone(id=uuidutils.generate_uuid(), name='nova')
        session.add(zone)
        session.flush()
        for host in (SOURCE, DESTINATION):
            session.add(
                models.Service(
                    host=host,
                    binary='manila-share',
                    topic='ssm-share',
                    state='up',
                    availability_zone_id=zone.id,
                    updated_at=models.now(),
                )
            )
        share_type = models.ShareType(id=uuidutils.generate_uuid(), name='default')
        network = models.ShareNetwork(id=uuidutils.generate_uuid(), project_id='p1', name='n')
        session.add_all([share_type, network])
        session.flush()
        subnet = models.ShareNetworkSubnet(
            id=uuidutils.generate_uuid(),
            share_network_id=network.id,
            **self.network.subnet_values(),
        )
        server = models.ShareServer(
            id=uuidutils.generate_uuid(), host=SOURCE, status='active', identifier='s'
        )
        session.add_all([subnet, server])
        session.flush()
        session.add(
            models.ShareTypeExtraSpec(
                share_type_id=share_type.id,
                spec_key='driver_handles_share_servers',
                spec_value='True',
            )
        )
        session.add(
            models.SubnetMapping(share_server_id=server.id, share_network_subnet_id=subnet.id)
        )
        for address in ADDRESSES:
            session.add(
                models.NetworkAllocation(
                    share_server_id=server.id,
                    share_network_subnet_id=subnet.id,
                    ip_address=address,
                )
            )
        for number in range(shares):
            self._add_share(session, number, server.id, network.id, share_type.id, zone.id)
        return server.id

    @staticmethod
    def _add_share(
        session: orm.Session, number: int, server: str, network: str, type_id: str, zone: str
    ) -> None:
        share, instance = uuidutils.generate_uuid(), uuidutils.generate_uuid()
        session.execute(
            sa.insert(models.Share).values(id=share, project_id='p1', size=1, share_proto='NFS')
        )
        session.execute(
            sa.insert(models.ShareInstance).values(
                id=instance,
                share_id=share,
                host=f'{SOURCE}#pool',
                status='available',
                share_type_id=type_id,
                share_server_id=server,
                share_network_id=network,
                availability_zone_id=zone,
            )
        )
        session.execute(
            sa.insert(models.ExportLocation),
            [
                {
                    'uuid': uuidutils.generate_uuid(),
                    'share_instance_id': instance,
                    'path': f'{address}:/share-{instance}',
                }
                for address in ADDRESSES
            ],
        )
        for level, address in (('rw', '10.0.0.50'), ('ro', '10.0.0.51')):
            rule = uuidutils.generate_uuid()
            session.execute(
                sa.insert(models.AccessRule).values(
                    id=rule,
                    share_id=share,
                    access_type='ip',
                    access_to=address,
                    access_level=level,
                )
            )
            session.execute(
                sa.insert(models.AccessMapping).values(
                    share_instance_id=instance, access_id=rule, state='active'
                )
            )
        snapshot, snapshot_instance = uuidutils.generate_uuid(), uuidutils.generate_uuid()
        session.execute(
            sa.insert(models.Snapshot).values(
                id=snapshot,
                project_id='p1',
                share_id=share,
                size=1,
                share_size=1,
                share_proto='NFS',
            )
        )
        session.execute(
            sa.insert(models.SnapshotInstance).values(
                id=snapshot_instance,
                snapshot_id=snapshot,
                share_instance_id=instance,
                status='available',
                provider_location=f'old-{number}',
            )
        )

    def seed(self, shares: int = 2) -> str:
        """Rows of a server with shares, rules and snapshots, and the shares on its storage."""
        self.source_id = self._insert(shares)
        self.instance_ids = self.query(
            sa.select(models.ShareInstance.id).order_by(models.ShareInstance.id)
        )
        with state.StateFile(str(self.storage)).change() as now:
            for instance_id in self.instance_ids:
                state.share(now, self.source_id, instance_id)
                state.write(now, self.source_id, instance_id, 'file', instance_id)
        return self.source_id

    # What happens

    def start(self, **body: Any) -> models.Migration:
        """The request of the API; returns the row."""
        requests.start(self.context, self.source_id, BODY | body)
        return self.migration()

    def carry(self, engine: Engine | None = None, limit: int = 60) -> None:
        """Take the migration up and carry it on until it rests, without waiting."""
        engine = engine or self.engine
        row = self.migration()
        run = engine.claim(row.id, engine._identity.dead({row.owner or ''}))
        assert run is not None, f'not claimed: {row.state} {row.owner}'
        self.finish(engine, run, limit)

    def finish(self, engine: Engine, run: Run, limit: int = 60) -> None:
        """Carry on what is owned."""
        self.note_states()
        for _turn in range(limit):
            pause = advance(run)
            self.note_states()
            if pause is None:
                return
            if pause:
                run.reread()
        raise AssertionError(f'{limit} turns were not enough, last: {self.migration().waiting}')

    def take(self) -> Run:
        """Become the owner of the migration and stop there."""
        run = self.engine.claim(self.migration().id)
        assert run is not None
        return run

    def drive(self, run: Run, step: Step, limit: int = 20) -> None:
        """Carry on until a step is written down as begun, and not further."""
        for _turn in range(limit):
            if run.current is step:
                return
            advance(run)
        raise AssertionError(f'{step} was not reached: {run.row.state}, {run.current}')

    def codes(self) -> list[str]:
        """Codes of the migration's reasons."""
        return [reason['code'] for reason in self.migration().reasons]

    def steps(self) -> dict[str, Any]:
        """Entries of the migration's journal by step."""
        return {entry['name']: entry for entry in self.migration().journal}

    def to_phase1_done(self, **body: Any) -> models.Migration:
        self.start(**body)
        self.carry()
        row = self.migration()
        self.assertEqual('migration_driver_phase1_done', row.state, row.reasons)
        return row

    def complete(self) -> None:
        requests.complete(self.context, self.source_id)
        self.carry()

    # What is

    @db.reader
    def query(session: orm.Session, self: ScenarioCase, statement: Any) -> list[Any]:
        return list(session.scalars(statement))

    @db.writer
    def change(
        session: orm.Session,
        self: ScenarioCase,
        model: type[models.Base],
        *conditions: sa.ColumnElement[bool],
        **values: Any,
    ) -> None:
        """Set columns of all rows, or of those meant, as somebody else would."""
        rows.update(session, model, *conditions, **values)

    @db.writer
    def add(session: orm.Session, self: ScenarioCase, *new: models.Base) -> None:
        """Insert rows in their order."""
        for row in new:
            session.add(row)
            session.flush()

    def migration(self) -> models.Migration:
        """The newest migration."""
        row = models.Migration
        # MariaDB keeps whole seconds; an unfinished one is newer than its finished predecessor.
        order = (row.created_at, row.finished_at.is_(None))
        return self.query(sa.select(row).order_by(*order))[-1]

    def server(self, server_id: str | None) -> models.ShareServer:
        return self.query(sa.select(models.ShareServer).where(models.ShareServer.id == server_id))[
            0
        ]

    def note_states(self) -> None:
        row = self.migration()
        now = (
            self.server(row.source_share_server_id).task_state,
            self.server(row.destination_share_server_id).task_state
            if row.destination_share_server_id
            else None,
        )
        if not self.states or self.states[-1] != now:
            self.states.append(now)

    def statuses(self) -> dict[str, Any]:
        """What clients see: status/task_state of both servers, and all statuses of the rest."""
        row = self.migration()
        seen = {}
        for name, server_id in (
            ('source', row.source_share_server_id),
            ('destination', row.destination_share_server_id),
        ):
            server = self.server(server_id) if server_id else None
            seen[name] = f'{server.status}/{server.task_state}' if server else None
        seen['shares'] = set(self.query(sa.select(models.ShareInstance.status)))
        seen['snapshots'] = set(self.query(sa.select(models.SnapshotInstance.status)))
        seen['rules'] = set(self.query(sa.select(models.AccessMapping.state)))
        seen['read_only'] = set(self.query(sa.select(models.ShareInstance.cast_rules_to_readonly)))
        return seen

    def stored(self) -> state.State:
        """What is on the storage."""
        return state.StateFile(str(self.storage)).read()

    def served_by(self) -> set[str]:
        """Servers on which the shares accept writes; the same for each share."""
        now = self.stored()
        answers = {frozenset(state.served_by(now, instance)) for instance in self.instance_ids}
        self.assertEqual(1, len(answers), answers)
        return set(answers.pop())

    def addresses(self) -> list[str]:
        return self.query(
            sa.select(models.NetworkAllocation.ip_address).where(
                models.NetworkAllocation.deleted == models.NOT_DELETED
            )
        )

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Statements sent to the database; an executemany counts as its rows (decision 22)."""
        seen: list[str] = []

        def before(
            _conn: Any, _cursor: Any, statement: str, parameters: Any, _ctx: Any, many: bool
        ) -> None:
            if not statement.startswith(('BEGIN', 'PRAGMA')):
                seen.extend([statement] * (len(parameters) if many else 1))

        sa.event.listen(db.engine(), 'before_cursor_execute', before)
        try:
            yield seen
        finally:
            sa.event.remove(db.engine(), 'before_cursor_execute', before)


class Client:
    """In place of the message bus."""

    def __init__(self, case: ScenarioCase) -> None:
        self.case = case

    def check_migration(self, ctx: Any, host: str, **arguments: Any) -> dict[str, Any]:
        db.assert_outside('call')
        assert host == DESTINATION
        return self.case.engine.check(ctx, **arguments)

    def wake_migration(self, ctx: Any, host: str, migration_id: str) -> None:
        db.assert_outside('cast')

    def delete_share_server(self, ctx: Any, host: str, server_id: str) -> None:
        db.assert_outside('cast')

    def update_access(self, ctx: Any, host: str, *, share_server_id: str) -> None:
        """That back end applies what is queued."""
        db.assert_outside('cast')
        apply_rules(self.case.drivers[host.partition('@')[2]], share_server_id)


def apply_rules(driver: DummyDriver, server_id: str) -> None:
    """What the source back end does with queued rules."""
    on_server = models.ShareInstance.share_server_id == server_id

    @db.reader
    def load(session: orm.Session) -> list[Any]:
        rules = objects.access_rules(session, on_server)
        return objects.shares(session, on_server, rules=rules)

    @db.writer
    def done(session: orm.Session) -> None:
        rows.update(session, models.AccessMapping, state='active')
        rows.update(session, models.ShareInstance, on_server, access_rules_status='active')

    for share in load():
        driver.update_access(
            context.admin_context(), share, share['access_rules'], {'id': server_id}
        )
    done()
