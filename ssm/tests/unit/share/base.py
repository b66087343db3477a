# SPDX-License-Identifier: Apache-2.0

"""What the tests of the share manager stand on: a database, dummy back ends, rows."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator
from typing import Any

import fixtures
import sqlalchemy as sa
from sqlalchemy import orm

from ssm.common.context import admin_context
from ssm.conf import CONF
from ssm.db import engine, heartbeats, models
from ssm.share import backend
from ssm.tests import base
from ssm.tests.functional import database

STANZA = """
[{name}]
share_driver = dummy
driver_handles_share_servers = true
share_backend_name = {upper}
network_config_group = network
dummy_driver_default_driver_method_delay = 0
{further}
"""

NETWORK = """
[network]
network_api_class = standalone
standalone_network_plugin_gateway = 10.0.0.1
standalone_network_plugin_mask = 24
"""


def stanza(name: str, **options: Any) -> str:
    """The part of a configuration file for a dummy back end, its options after the usual ones."""
    further = '\n'.join(f'{option} = {value}' for option, value in options.items())
    return STANZA.format(name=name, upper=name.upper(), further=further)


class Statements(fixtures.Fixture):
    """Counts what goes to the database, transactions aside; a long list of values counts as such.

    ``executemany`` counts as its rows (decision 22).
    """

    def _setUp(self) -> None:
        self.seen: list[str] = []
        self._engine = engine.engine()
        sa.event.listen(self._engine, 'before_cursor_execute', self._note)
        self.addCleanup(sa.event.remove, self._engine, 'before_cursor_execute', self._note)

    def _note(
        self,
        _connection: Any,
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        many: Any,
    ) -> None:
        if not statement.startswith('BEGIN'):
            self.seen += [statement] * (len(parameters) if many else 1)

    def take(self) -> list[str]:
        """The statements since the last call."""
        seen, self.seen = self.seen, []
        return seen


class TestCase(base.TestCase):
    """A database and, by :meth:`load`, back ends; ``context`` is an administrator's."""

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(database.Database())
        self.context = admin_context()
        self.zone_id = insert(models.AvailabilityZone(name='nova'))
        self._numbers: Iterator[int] = itertools.count(1)

    def configure(self, *stanzas: str, network: str = NETWORK) -> None:
        """Read these stanzas as the configuration file."""
        path = pathlib.Path(self.state_path) / 'ssm.conf'
        path.write_text(network + ''.join(stanzas))
        CONF(['--config-file', str(path)], project='ssm')

    def load(self, name: str = 'alpha', **options: Any) -> backend.BackEnd:
        """A dummy back end that was set up; its driver has state of its own."""
        self.configure(stanza(name, **options))
        loaded = backend.load(CONF, name, 'boot')
        loaded.driver.do_setup(self.context)
        return loaded

    def network(self, *zones: str | None) -> str:
        """A share network with a subnet for each zone id, None for a default one; its id."""
        network_id = insert(models.ShareNetwork(project_id='p'))
        for zone in zones or (None,):
            insert(
                models.ShareNetworkSubnet(share_network_id=network_id, availability_zone_id=zone)
            )
        return network_id

    def instance(self, status: str = 'creating', **values: Any) -> str:
        """A share with one instance; the id of the instance.

        :param values: columns of either; ``size``, ``share_proto``, ``snapshot_id`` and
            ``replication_type`` are the share's
        """
        of_share = {
            name: values.pop(name)
            for name in ('size', 'share_proto', 'snapshot_id', 'replication_type')
            if name in values
        }
        share_id = insert(
            models.Share(**({'project_id': 'p', 'size': 1, 'share_proto': 'NFS'} | of_share))
        )
        return insert(models.ShareInstance(share_id=share_id, status=status, **values))

    def rule(self, instance_ids: list[str], state: str = 'queued_to_apply', **values: Any) -> str:
        """An access rule with a mapping for each instance; its id."""
        share_id = get(models.ShareInstance, instance_ids[0]).share_id
        columns = {'access_type': 'ip', 'access_to': f'10.1.0.{next(self._numbers)}'} | values
        rule_id = insert(models.AccessRule(share_id=share_id, **columns))
        for instance_id in instance_ids:
            insert(
                models.AccessMapping(share_instance_id=instance_id, access_id=rule_id, state=state)
            )
        return rule_id

    def service(self, host: str, binary: str = 'manila-share') -> None:
        """A service that is up, in the zone."""
        heartbeats.register(heartbeats.Identity(host, binary, 'topic', 'nova'))


@engine.writer
def insert(session: orm.Session, row: models.Base) -> Any:
    """Put one row in; its id."""
    session.add(row)
    session.flush()
    return row.id  # type: ignore[attr-defined]


@engine.reader
def get(session: orm.Session, model: type[Any], row_id: Any) -> Any:
    """A row by its id, deleted or not."""
    return session.get_one(model, row_id)


@engine.reader
def living(session: orm.Session, model: type[Any], *conditions: Any) -> list[Any]:
    """Rows that are not deleted."""
    query = sa.select(model).where(model.deleted == models.NOT_DELETED, *conditions)
    return list(session.scalars(query.order_by(model.created_at, model.id)))


@engine.writer
def change(session: orm.Session, model: type[Any], row_id: Any, **values: Any) -> None:
    """Set columns of a row; also ``updated_at``."""
    session.execute(sa.update(model).where(model.id == row_id).values(**values))


@engine.reader
def lock(session: orm.Session, name: str) -> models.Lock:
    """The row of a lock."""
    return session.get_one(models.Lock, name)


@engine.writer
def change_lock(session: orm.Session, name: str, **values: Any) -> None:
    """Set columns of the row of a lock."""
    session.execute(sa.update(models.Lock).where(models.Lock.name == name).values(**values))
