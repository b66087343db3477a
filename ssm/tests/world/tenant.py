# SPDX-License-Identifier: Apache-2.0

"""A tenant: a share network with one share server full of files, and a client that writes."""

from __future__ import annotations

import glob
import pathlib
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ssm.tests.world import data, writer
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.servers import Failed
from ssm.tests.world.wait import until

RULES = (('10.20.1.0/24', 'rw'), ('10.20.2.7', 'ro'))
_PARTS = (0, 3, 11)
"""Which twelfths of Python's library go to the shares: some hundred files, no large ones."""


class Tenant:
    """Three shares on one server; the first one is written to.

    :param name: tells the tenants of a deployment apart
    :param back_end: where the server is made
    """

    def __init__(self, world: Deployment, name: str = 'tenant', back_end: str = 'alpha') -> None:
        self.world = world
        self.name = name
        self.shares: list[str] = []
        self.snapshots: list[str] = []
        self.acknowledged = world.path / f'{name}.acknowledged'
        self._back_end = back_end
        self._names: dict[str, str] = {}
        self._manifests: dict[str, dict[bytes, data.Entry]] = {}
        self._writer: subprocess.Popen[bytes] | None = None

    # Making

    def make(self) -> Tenant:
        """Network, shares, files, rules, and two snapshots a share."""
        specs = {'driver_handles_share_servers': 'true', 'snapshot_support': 'true'}
        kind = self._made('/types', share_type={'name': self.name, 'extra_specs': specs})
        network = self._made('/share-networks', share_network={'name': self.name})
        wish = {
            'share_proto': 'NFS',
            'size': 1,
            'share_type': kind['id'],
            'share_network_id': network['id'],
            'availability_zone': f'zone-{self._back_end}',
        }
        self.shares = [self._made('/shares', share=wish)['id'] for _part in _PARTS]
        for share in self.shares:
            self._settled('share', share)
            self._names[share] = self.directory(share).name
        with ThreadPoolExecutor(len(self.shares)) as pool:
            list(pool.map(self._fill, self.shares, _PARTS))
        return self

    def _made(self, path: str, **body: Any) -> Any:
        (key,) = body
        return self.world.request('POST', path, body)[key]

    def _settled(self, kind: str, identifier: str) -> None:
        def available() -> bool:
            status = self.world.get(f'/{kind}s/{identifier}')[kind]['status']
            if status == 'error':
                raise Failed(f'{kind} {identifier} is in error')
            return status == 'available'

        until(available, f'{kind} {identifier} to be available')

    def _fill(self, share: str, part: int) -> None:
        directory = self.directory(share)
        data.fill(directory, part, 12, large=2, sparse=8)
        for target, level in RULES:
            rule = {'access_type': 'ip', 'access_to': target, 'access_level': level}
            self.world.request('POST', f'/shares/{share}/action', {'allow_access': rule})
        for round_ in (1, 2):
            data.change(directory, round_)
            snapshot = self._made('/snapshots', snapshot={'share_id': share})['id']
            self._settled('snapshot', snapshot)
            self.snapshots.append(snapshot)
            self._manifests[snapshot] = data.manifest(directory)
        data.change(directory, 3)
        self._manifests[share] = data.manifest(directory)
        until(lambda: self._rules(share) == _active_rules(), 'active rules')

    # Looking

    def server(self) -> str:
        """Id of the one server the shares are on now."""
        found = {self.show(share)['share_server_id'] for share in self.shares}
        if len(found) != 1:
            raise Failed(f'The shares of {self.name} are on servers {found}')
        return found.pop()

    def show(self, share: str) -> Any:
        """A share as the API shows it."""
        return self.world.get(f'/shares/{share}')['share']

    def statuses(self) -> set[str]:
        """Of all shares and snapshots."""
        snapshots = (self.world.get(f'/snapshots/{found}')['snapshot'] for found in self.snapshots)
        return {
            found['status'] for found in [*(self.show(share) for share in self.shares), *snapshots]
        }

    def directory(self, share: str) -> pathlib.Path:
        """Where a share is now, by the API."""
        path = writer.location(self.world.url, share)
        if path is None:
            raise Failed(f'Share {share} has no export location')
        return path

    def open_at(self) -> dict[str, set[str]]:
        """Directories by which clients reach each share now, whatever the API says."""
        return {
            share: set(glob.glob(f'{self.world.path}/*/servers/*/shares/{name}'))
            for share, name in self._names.items()
        }

    def _rules(self, share: str) -> set[tuple[str, str, str]]:
        found = self.world.get(f'/share-access-rules?share_id={share}')['access_list']
        return {(rule['access_to'], rule['access_level'], rule['state']) for rule in found}

    # Writing

    def start_writer(self) -> None:
        """A client that appends checksummed, fsynced records, see :mod:`ssm.tests.world.writer`."""
        arguments = [self.world.url, self.shares[0], str(self.acknowledged)]
        self._writer = subprocess.Popen(
            [sys.executable, '-m', 'ssm.tests.world.writer', *arguments],
            env=self.world.environment,
        )
        self.wait_for_records()

    def records(self) -> int:
        """How many were acknowledged so far."""
        return self.acknowledged.read_bytes().count(b'\n') if self.acknowledged.exists() else 0

    def wait_for_records(self, more: int = 20) -> None:
        """Wait until the client wrote on."""
        wanted = self.records() + more
        until(lambda: self.records() >= wanted, f'{more} more records')

    def stop_writer(self) -> None:
        """End the client, if it runs."""
        if self._writer is not None:
            self._writer.send_signal(signal.SIGTERM)
            self._writer.wait()
            self._writer = None

    def gap(self) -> float:
        """Longest time between two acknowledged records, seconds."""
        return writer.longest_gap(self.acknowledged)[1]

    # Proving

    def wrong(self, back_end: str) -> list[str]:
        """What is not as it should be, for a server that serves at a back end; empty if all is."""
        said: list[str] = []
        for share in self.shares:
            directory = self.directory(share)
            if not directory.is_relative_to(self.world.path / back_end):
                said.append(f'{share} is at {directory}')
            if (host := self.show(share)['host']) != f'node1@{back_end}#pool':
                said.append(f'{share} is on {host}')
            said += self._compare(share, directory)
            if (rules := self._rules(share)) != _active_rules():
                said.append(f'{share} has rules {rules}')
        for snapshot in self.snapshots:
            shown = self.world.get(f'/snapshots/{snapshot}')['snapshot']
            said += self._compare(snapshot, pathlib.Path(shown['provider_location']))
        if (statuses := self.statuses()) != {'available'}:
            said.append(f'shares and snapshots are {statuses}')
        if self.acknowledged.exists():
            said += writer.lost(self.directory(self.shares[0]), self.acknowledged)
        return said

    def _compare(self, what: str, directory: pathlib.Path) -> list[str]:
        found = data.manifest(directory, without=(writer.FILE,))
        return [f'{what}: {line}' for line in data.differences(self._manifests[what], found)]


def _active_rules() -> set[tuple[str, str, str]]:
    return {(target, level, 'active') for target, level in RULES}
