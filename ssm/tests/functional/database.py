# SPDX-License-Identifier: Apache-2.0

"""A database for tests: a fresh SQLite file, or one on a server, with the current schema."""

from __future__ import annotations

import atexit
import functools
import pathlib
import shutil
import tempfile
import uuid

import fixtures

from ssm.conf import CONF
from ssm.db import engine, schema
from ssm.tests.world import servers

# Before a test gives the process a temporary directory of its own.
_OUTSIDE = tempfile.gettempdir()


@functools.cache
def _template() -> pathlib.Path:
    """An empty database with the schema, made once a process."""
    directory = tempfile.mkdtemp(prefix='ssm-test-', dir=_OUTSIDE)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = pathlib.Path(directory) / 'template.sqlite'
    _connect(path)
    schema.sync()
    # Closing the last connection moves the write-ahead log into the file.
    engine.dispose()
    return path


def _connect(path: pathlib.Path) -> None:
    engine.dispose()
    CONF.set_override('connection', f'sqlite:///{path}', group='database')


class Database(fixtures.Fixture):
    """The process's engine is on a new, empty database until the end of the test."""

    def _setUp(self) -> None:
        template = _template()
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'ssm.sqlite'
        shutil.copy(template, path)
        _connect(path)
        self.addCleanup(CONF.clear_override, 'connection', group='database')
        self.addCleanup(engine.dispose)


class OnServer(fixtures.Fixture):
    """The same on a database server; the database is dropped at the end.

    :param url: of the server, as for SQLAlchemy, ending in a slash
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def _setUp(self) -> None:
        server, name = servers.Database(self._url), f'ssm_{uuid.uuid4().hex}'
        server.create(name)
        self.addCleanup(server.drop, name)
        engine.dispose()
        CONF.set_override('connection', server.url(name), group='database')
        self.addCleanup(CONF.clear_override, 'connection', group='database')
        self.addCleanup(engine.dispose)
        schema.sync()
