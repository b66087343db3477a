# SPDX-License-Identifier: Apache-2.0

"""A tenant whose clients reach their shares by NFS."""

from __future__ import annotations

import glob
import pathlib
import subprocess
import sys

from ssm.drivers.linux import pool, process
from ssm.drivers.linux.export.daemons import RUN
from ssm.drivers.linux.isolation.netns import NetnsIsolation
from ssm.tests.world import writer
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.servers import Failed
from ssm.tests.world.tenant import SMALL, Size, Tenant

VERSIONS = ('4.0', '4.1')
"""Of NFS; a client writes by each of them."""


class NfsTenant(Tenant):
    """Files are made and compared where the shares lie; clients write by NFS.

    :param namespaces: of the clients, by their addresses
    """

    versions: tuple[str, ...] = VERSIONS
    """Of the clients; see also :mod:`ssm.tests.world.nfs_writer`."""

    def __init__(
        self,
        world: Deployment,
        namespaces: dict[str, str],
        name: str = 'tenant',
        size: Size = SMALL,
    ) -> None:
        super().__init__(world, name, size)
        self.rules = tuple((address, 'rw') for address in namespaces)
        self._namespaces = list(namespaces.values())
        self._written_files = tuple(f'{writer.FILE}-{version}' for version in self.versions)
        self._writers: list[subprocess.Popen[bytes]] = []

    def directory(self, name: str) -> pathlib.Path:
        """Where a share lies; what it is called there is what clients call it."""
        shown = self.show(name)
        location = writer.export_location(self.world.url, self.shares[name])
        if location is None:
            raise Failed(f'Share {name} has no export location')
        back_end = shown['host'].rpartition('@')[2].partition('#')[0]
        server = self.world.get(f'/share-servers/{shown["share_server_id"]}')['share_server']
        place = pool.Pool(self.world.path / back_end).server(server['identifier'])
        return place.share(location.rpartition(':')[2].strip('/'))

    def open_at(self) -> dict[str, set[str]]:
        """Where shares lie on servers that run."""
        return {
            name: {
                path
                for path in glob.glob(f'{self.world.path}/*/servers/*/shares/{place}')
                if _runs(pathlib.Path(path).parents[1])
            }
            for name, place in self._places.items()
        }

    # Writing

    def log(self, version: str) -> pathlib.Path:
        """What one of the clients got acknowledged."""
        return self.acknowledged.with_name(f'{self.name}-{version}.acknowledged')

    def start_writer(self) -> None:
        for namespace, version in zip(self._namespaces, self.versions, strict=False):
            arguments = [self.world.url, self.shares[self._written], str(self.log(version))]
            with self.log(version).with_suffix('.log').open('ab') as log:
                self._writers.append(
                    subprocess.Popen(
                        [sys.executable, '-m', 'ssm.tests.world.nfs_writer']
                        + [*arguments, namespace, version],
                        # its threads have to be threads, one of them in a namespace
                        env=self.world.environment | {'SSM_CONCURRENCY': 'threading'},
                        stdout=log,
                        stderr=log,
                    )
                )
        self.wait_for_records()

    def stop_writer(self) -> None:
        for process_ in self._writers:
            process_.terminate()
        for process_ in self._writers:
            process_.wait()
        self._writers.clear()

    def records(self) -> int:
        """Of the client that has fewer."""
        logs = [self.log(version) for version in self.versions]
        return min(log.read_bytes().count(b'\n') if log.exists() else 0 for log in logs)

    def gaps(self) -> dict[str, tuple[int, float]]:
        return {
            f'NFSv{version}': writer.longest_gap(self.log(version)) for version in self.versions
        }

    def wrong(self, back_end: str) -> list[str]:
        said = super().wrong(back_end)
        directory = self.directory(self._written)
        for version in self.versions:
            said += writer.lost(directory, self.log(version), f'{writer.FILE}-{version}')
        return said


def _runs(place: pathlib.Path) -> bool:
    """Whether the server of a place has a living NFS server."""
    pids = pool.read_json(RUN / NetnsIsolation(pool.Server(place)).name / 'daemons.json')
    return bool(pids) and process.alive(*pids[1])
