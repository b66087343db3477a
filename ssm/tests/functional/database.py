# SPDX-License-Identifier: Apache-2.0

"""A database for tests: a fresh SQLite file with the current schema."""

from __future__ import annotations

import atexit
import functools
import pathlib
import shutil
import tempfile

import fixtures

from ssm.conf import CONF
from ssm.db import engine, schema

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
