# SPDX-License-Identifier: Apache-2.0

"""What a transaction is on a server, and what it costs."""

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import engine
from ssm.tests import base
from ssm.tests.functional import database
from ssm.tests.world import servers


@engine.reader
def _shown(session: orm.Session, statement: str) -> dict[str, str]:
    return {name: value for name, value in session.execute(sa.text(statement))}


@base.only_full
class MariaDBTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(database.OnServer(servers.MYSQL_URL))

    def test_reads_what_is_committed(self) -> None:
        for _ in range(3):
            found = _shown("SHOW VARIABLES LIKE 't%_isolation'")
            self.assertEqual({'READ-COMMITTED'}, set(found.values()))

    def test_a_transaction_is_its_statements_and_two_ends(self) -> None:
        counted = [
            int(_shown("SHOW SESSION STATUS LIKE 'Questions'")['Questions']) for _ in range(4)
        ]
        each = {later - earlier for earlier, later in zip(counted, counted[1:], strict=False)}
        # Itself, COMMIT, and the ROLLBACK of a connection that goes back to the pool.
        self.assertEqual({3}, each)


@base.only_full
class PostgreSQLTest(base.TestCase):
    def test_reads_what_is_committed(self) -> None:
        self.useFixture(database.OnServer(servers.POSTGRES_URL))
        found = _shown("SELECT 'level', current_setting('transaction_isolation')")
        self.assertEqual({'level': 'read committed'}, found)
