# SPDX-License-Identifier: Apache-2.0

"""The schema's versions on each database: every one leads to what the models say."""

from __future__ import annotations

import pathlib
import secrets
import subprocess
import sys

import sqlalchemy as sa
from alembic import script

from ssm.db import engine, schema
from ssm.tests import base
from ssm.tests.world.servers import Database


def revisions() -> list[str]:
    """All there are, the oldest first."""
    directory = script.ScriptDirectory(str(pathlib.Path(schema.__file__).parent / 'alembic'))
    return [each.revision for each in directory.walk_revisions()][::-1]


class SqliteTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(engine.dispose)

    def make_database(self) -> str:
        """An empty one; returns its URL."""
        return f'sqlite:///{self.state_path}/{secrets.token_hex(4)}.sqlite'

    def on_new_database(self) -> str:
        """The process is on an empty database from now on; returns its URL."""
        engine.dispose()
        url = self.make_database()
        self.override('database', connection=url)
        return url

    def manage(self, url: str, *arguments: str) -> str:
        """What ``ssm-manage`` prints, for a database."""
        file = pathlib.Path(self.state_path) / 'ssm.conf'
        file.write_text(f'[database]\nconnection = {url}\n')
        program = pathlib.Path(sys.executable).parent / 'ssm-manage'
        return subprocess.run(
            [program, '--config-file', file, *arguments],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ).stdout

    def test_from_each_revision_to_the_newest(self) -> None:
        self.assertEqual(schema.head(), revisions()[-1])
        for revision in revisions():
            with self.subTest(revision):
                self.on_new_database()
                schema.sync(revision)
                self.assertEqual(revision, schema.version())
                schema.sync()
                self.assertEqual(schema.head(), schema.version())
                self.assertEqual([], schema.differences())

    def test_an_operator_makes_it(self) -> None:
        url = self.on_new_database()
        self.assertEqual('no schema\n', self.manage(url, 'db', 'version'))
        self.assertEqual('', self.manage(url, 'db', 'sync'))
        self.assertEqual(f'{schema.head()}\n', self.manage(url, 'db', 'version'))
        self.assertEqual([], schema.differences())

    def test_a_difference_is_seen(self) -> None:
        self.on_new_database()
        schema.sync()
        with engine.engine().begin() as connection:
            connection.execute(sa.text('ALTER TABLE share_servers ADD COLUMN further INTEGER'))
        (difference,) = schema.differences()
        self.assertEqual('remove_column', difference[0])  # type: ignore[index]


class OnServer:
    """Mix-in: databases on a server, dropped afterwards."""

    url: str

    def make_database(self) -> str:
        server = Database(self.url)
        name = f'ssm_{secrets.token_hex(4)}'
        server.create(name)
        self.addCleanup(server.drop, name)
        self.addCleanup(engine.dispose)
        return server.url(name)


@base.only_full
class MariaDbTest(OnServer, SqliteTest):
    url = base.MYSQL_URL


@base.only_full
class PostgresTest(OnServer, SqliteTest):
    url = base.POSTGRES_URL
