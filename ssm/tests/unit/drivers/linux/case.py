# SPDX-License-Identifier: Apache-2.0

"""What the tests of the linux driver share: two pools in temporary directories."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from ssm.common.context import admin_context
from ssm.drivers import base
from ssm.drivers.linux import pool
from ssm.drivers.linux.driver import LinuxDriver
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import harness, kit


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
    """Stanzas alpha and beta, each with a pool; real files, rsync and workers."""

    def setUp(self) -> None:
        super().setUp()
        self.context = admin_context()
        self.conf = kit.make_conf(self.state_path)
        self.pools: dict[str, pool.Pool] = {}
        for stanza in (harness.SOURCE, harness.DESTINATION):
            path = pathlib.Path(self.state_path, stanza)
            path.mkdir()
            self.pools[stanza] = pool.Pool(path)

    def make_linux(self, stanza: str, **options: Any) -> LinuxDriver:
        defaults = {
            'driver_handles_share_servers': True,
            'linux_pool_path': str(self.pools[stanza].path),
            'linux_fence_timeout': 1,
            'linux_step_timeout': 20,
        }
        backend = kit.make_backend(self.conf, stanza, LinuxDriver, **(defaults | options))
        driver = LinuxDriver(backend, kit.MemoryPrivateData())
        driver.do_setup(self.context)
        return driver
