# SPDX-License-Identifier: Apache-2.0

"""Statements of a migration as MariaDB counts them: as many for 500 shares as for one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import fixtures

from ssm.conf import CONF
from ssm.db import engine, schema
from ssm.tests import base
from ssm.tests.unit.migration import scenario, test_statements
from ssm.tests.world import leftovers, servers

_COUNTED = ('select', 'insert', 'insert_select', 'update', 'update_multi', 'delete', 'replace')


class MariadbDatabase(fixtures.Fixture):
    """The process's engine is on a new database of MariaDB until the end of the test."""

    def _setUp(self) -> None:
        leftovers.clean_servers(servers.MYSQL_URL)
        server, name = servers.Database(servers.MYSQL_URL), leftovers.name()
        server.create(name)
        self.addCleanup(server.drop, name)
        engine.dispose()
        CONF.set_override('connection', server.url(name), group='database')
        self.addCleanup(CONF.clear_override, 'connection', group='database')
        self.addCleanup(engine.dispose)
        schema.sync()


@base.only_full
class MariadbTest(test_statements.TestStatements):
    def setUp(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(f'{scenario.__name__}.database.Database', MariadbDatabase)
        )
        super().setUp()

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[str]]:
        """Statements the server took over this process's one connection, by kind."""
        seen: list[str] = []
        with super().counted() as sent:
            before = self.counters()
            yield seen
            after = self.counters()
        for kind, count in after.items():
            seen.extend([kind] * (count - before[kind]))
        self.assertLessEqual(len(seen), len(sent))

    def counters(self) -> dict[str, int]:
        """The counters of the session; looking at them changes none of these."""
        names = ', '.join(f"'Com_{name}'" for name in _COUNTED)
        with engine.engine().connect() as connection:
            found = connection.exec_driver_sql(
                f'SHOW SESSION STATUS WHERE Variable_name IN ({names})'
            ).all()
        self.assertEqual(1, engine.engine().pool.checkedin())
        return {name: int(value) for name, value in found}
