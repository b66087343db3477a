# SPDX-License-Identifier: Apache-2.0

"""What the tests of NFS share: two pools, a bridge, clients in namespaces of their own."""

from __future__ import annotations

import pathlib
import shutil
import sys
from typing import Any, ClassVar

from testtools import content

from ssm.common.context import admin_context
from ssm.drivers import base
from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.driver import LinuxDriver
from ssm.drivers.linux.export.daemons import RUN
from ssm.drivers.linux.isolation.netns import NetnsIsolation
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import harness
from ssm.tests.world import leftovers, networks
from ssm.tests.world.nfs_client import Client, Refused
from ssm.tests.world.servers import Failed

WRITER, READER, STRANGER = '10.77.255.1', '10.77.255.2', '10.77.255.3'
"""Addresses of clients."""


def report(line: str) -> None:
    """Show a figure, also of a test that passes."""
    print(f'\n    {line}', file=sys.__stderr__, flush=True)


class NfsCase(TestCase):
    """Needs root and Debian packages; where one is missing, it fails and says which."""

    network: ClassVar[networks.Network]
    directory: ClassVar[pathlib.Path]
    namespaces: ClassVar[dict[str, str]]
    version: ClassVar[str] = '4.1'
    """Of NFS, as clients speak it."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        if lacking := networks.lacking():
            raise Failed(f'Tests of NFS need: {", ".join(lacking)}')
        leftovers.clean_up()
        owned = leftovers.name()
        cls.directory = leftovers.directory(owned)
        cls.addClassCleanup(leftovers.remove_directory, cls.directory)
        cls.network = networks.Network(owned)
        cls.addClassCleanup(cls.network.remove)
        cls.network.make()
        cls.namespaces = {
            address: cls.network.client(f'{address}/16') for address in (WRITER, READER, STRANGER)
        }

    def setUp(self) -> None:
        super().setUp()
        self.conf = harness.make_conf(self.state_path)
        self.pools = {
            stanza: pool.Pool(self.make_pool(stanza))
            for stanza in (harness.SOURCE, harness.DESTINATION)
        }

    def make_pool(self, stanza: str) -> pathlib.Path:
        """An empty directory for a pool."""
        path = self.directory / self._testMethodName / stanza
        path.mkdir(parents=True)
        return path

    def client(self, address: str = WRITER) -> Client:
        """A client with one of the addresses, until the end of the test."""
        made = Client(self.namespaces[address], self.version)
        self.addCleanup(made.close)
        return made


class GaneshaHooks:
    """What harness and kit want to know; the judge is an NFS client."""

    options: ClassVar[dict[str, Any]] = {}
    """Of the back ends, besides."""

    def setUp(self) -> None:
        super().setUp()
        self.judge = self.client()

    def make_driver(self, stanza: str, **options: Any) -> LinuxDriver:
        values = {
            'driver_handles_share_servers': True,
            'linux_pool_path': str(self.pools[stanza].path),
            'linux_isolation': 'netns',
            'linux_export': 'ganesha',
            'linux_bridge': self.network.bridge,
        }
        backend = harness.make_backend(
            self.conf, stanza, LinuxDriver, **(values | self.options | options)
        )
        driver = LinuxDriver(backend, harness.MemoryPrivateData())
        driver.do_setup(admin_context())
        return driver

    def place(self, server: base.ShareServer) -> pool.Server:
        """Where a server lies in its pool."""
        stanza = server['host'].rpartition('@')[2]
        return self.pools[stanza].server(server['identifier'])

    def namespace(self, server: base.ShareServer) -> str:
        """Name of its namespace, by which all else is called that it has on this machine."""
        return NetnsIsolation(self.place(server)).name

    @staticmethod
    def location(share: base.Share) -> str:
        """Where clients find a share."""
        return share['export_locations'][0]['path']

    def reboot(self, server: base.ShareServer) -> None:
        """Leave of a server what a start of the machine leaves: its pool."""
        namespace = self.namespace(server)
        privileged.kill(privileged.inhabitants(namespace), 5)
        privileged.ip([f'link delete {namespace}-0', f'netns delete {namespace}'])
        shutil.rmtree(RUN / namespace)

    def left(self, namespace: str) -> list[str]:
        """What there is of a server beside its pool."""
        found = [str(path) for path in privileged.INTERFACES.glob(f'{namespace}-*')]
        found += [f'pid {running.pid}' for running in privileged.inhabitants(namespace)]
        places = (privileged.NAMESPACES / namespace, RUN / namespace)
        found += [str(place) for place in places if place.exists()]
        mounts = pathlib.Path('/proc/self/mounts').read_text().splitlines()
        return found + [line for line in mounts if namespace in line]

    def serves(self, server: base.ShareServer, share: base.Share) -> bool:
        if not share['export_locations']:
            return False
        try:
            self.judge.write(self.location(share), 'probe', 'x')
        except Refused as refused:
            self.addDetail(f'why {share["id"]} is not served', content.text_content(str(refused)))
            return False
        return True

    def write_data(self, server: base.ShareServer, share: base.Share, text: str) -> None:
        self.judge.write(self.location(share), 'data', text)

    def read_data(self, server: base.ShareServer, share: base.Share) -> str | None:
        return (self.place(server).data(share['name']) / 'data').read_text()
