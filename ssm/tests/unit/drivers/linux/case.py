# SPDX-License-Identifier: Apache-2.0

"""What the tests of the linux driver share: two pools in temporary directories."""

from __future__ import annotations

import atexit
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any, ClassVar

import fixtures

from ssm.common import exceptions
from ssm.common.context import admin_context
from ssm.common.findings import Finding
from ssm.drivers import base
from ssm.drivers.linux import pool
from ssm.drivers.linux.driver import LinuxDriver
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import harness, kit

# Workers and agents are started by the hundred; where the environment forbids to keep compiled
# modules beside the sources they would compile them each time.
_COMPILED = tempfile.mkdtemp(prefix='ssm-compiled-')
_REAL = {name: shutil.which(name) or name for name in ('rsync', 'btrfs')}

atexit.register(shutil.rmtree, _COMPILED, ignore_errors=True)


class LinuxHooks:
    """What harness and kit want to know of the driver; a client is whoever knows the path."""

    pools: dict[str, pool.Pool]

    def make_driver(self, stanza: str) -> base.ShareDriver:
        return self.make_linux(stanza)

    def path(self, server: base.ShareServer, share: base.Share) -> pathlib.Path:
        """Where clients of a server find a share."""
        stanza = server['host'].rpartition('@')[2]
        return self.pools[stanza].server(server['identifier']).share(share['name'])

    def serves(self, server: base.ShareServer, share: base.Share) -> bool:
        return os.access(self.path(server, share), os.W_OK)

    def write_data(self, server: base.ShareServer, share: base.Share, text: str) -> None:
        (self.path(server, share) / 'data').write_text(text)

    def read_data(self, server: base.ShareServer, share: base.Share) -> str | None:
        return (self.path(server, share) / 'data').read_text()


class LinuxCase(TestCase):
    """Stanzas alpha and beta, each with a pool; real files, programs and workers.

    ``options`` are those of both stanzas.
    """

    options: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        super().setUp()
        for name, value in (
            ('PYTHONDONTWRITEBYTECODE', None),
            ('PYTHONPYCACHEPREFIX', _COMPILED),
        ):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        self.context = admin_context()
        self.conf = kit.make_conf(self.state_path)
        self.pools: dict[str, pool.Pool] = {}
        for stanza in (harness.SOURCE, harness.DESTINATION):
            self.pools[stanza] = pool.Pool(self.make_pool(stanza))

    def make_pool(self, stanza: str) -> pathlib.Path:
        """An empty place for the pool of a stanza."""
        path = pathlib.Path(self.state_path, stanza)
        path.mkdir()
        return path

    def make_linux(self, stanza: str, **options: Any) -> LinuxDriver:
        defaults = {
            'driver_handles_share_servers': True,
            'linux_pool_path': str(self.pools[stanza].path),
            'linux_fence_timeout': 1,
            'linux_step_timeout': 20,
        }
        values = defaults | self.options | options
        backend = kit.make_backend(self.conf, stanza, LinuxDriver, **values)
        driver = LinuxDriver(backend, kit.MemoryPrivateData())
        driver.do_setup(self.context)
        return driver


class MigrationCase(LinuxHooks, harness.Harness, LinuxCase):
    """One source with shares to fill, and the means to break what works on it."""

    program = 'rsync'
    """What copies."""

    def stub(self, script: str) -> None:
        """Put a shell script in the place of what copies; ``$REAL`` is the real one."""
        stub = pathlib.Path(self.state_path, 'bin', self.program)
        stub.parent.mkdir(exist_ok=True)
        stub.write_text(f'#!/bin/sh\nREAL={_REAL[self.program]}\n{script}\n')
        stub.chmod(0o755)
        path = f'{stub.parent}:{os.environ["PATH"]}'
        self.useFixture(fixtures.EnvironmentVariable('PATH', path))

    def migration_of(self, *, shares: int = 1) -> kit.Migration:
        """A migration that can begin; the shares are empty."""
        source, _ = self.make_server(harness.SOURCE)
        made = [self.make_share(source) for _ in range(shares)]
        target, info = self.make_server(harness.DESTINATION, destination_of=source)
        number = next(self._numbers)
        return kit.Migration(f'migration-{number}', source, target, made, [], info)

    def place(self, migration: kit.Migration) -> pool.Migration:
        """Where the migration keeps its state."""
        return self.pools[harness.DESTINATION].migration(migration.id)

    def source(self, migration: kit.Migration, number: int = 0) -> pathlib.Path:
        """A share of the source, as clients see it."""
        return self.path(migration.source, migration.shares[number])

    def closed(self, migration: kit.Migration, number: int = 0) -> pathlib.Path:
        """A share of the source after the fence."""
        server = self.pools[harness.SOURCE].server(migration.source['identifier'])
        return server.closed_share(migration.shares[number]['name'])

    def target(self, migration: kit.Migration, number: int = 0) -> pathlib.Path:
        """A share of the destination, as clients see it."""
        return self.path(migration.destination, migration.moved[number])

    def worker(self, migration: kit.Migration) -> dict[str, Any]:
        """Who works on the migration; waits until somebody does."""
        return self.until(lambda: pool.read_json(self.place(migration).worker_file))

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for a true answer."""
        end = time.monotonic() + self.deadline
        while not (answer := condition()):
            self.assertLess(time.monotonic(), end)
            time.sleep(self.pause)
        return answer

    def refused(self, migration: kit.Migration, step: str) -> Finding:
        """The first reason why a step is refused."""
        with self.assertRaises(exceptions.DriverRefused) as caught:
            self.finish(migration, step)
        return caught.exception.findings[0]

    def assert_equal_trees(self, source: pathlib.Path, copy: pathlib.Path) -> None:
        """What rsync thinks of it, which here is not the copier but the judge."""
        options = ['-naHAX', '--checksum', '--delete', '--modify-window=-1', '--itemize-changes']
        judged = subprocess.run(
            [_REAL['rsync'], *options, f'{source}/', f'{copy}/'],
            capture_output=True,
            check=True,
        )
        self.assertEqual(b'', judged.stdout)
