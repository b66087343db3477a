# SPDX-License-Identifier: Apache-2.0

"""A tenant: a share network with one share server full of files, and a client that writes."""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is on the shares.

    :param shares: which part of Python's library goes to which share
    :param parts: how many parts it has
    :param large: MiB of the large file of each share
    :param sparse: MiB of the file that is a hole
    :param quota: GiB of each share
    """

    shares: dict[str, int]
    parts: int
    large: int
    sparse: int
    quota: int = 1


SMALL = Size({'projects': 0, 'home': 3, 'media': 11}, parts=12, large=2, sparse=8)
"""Some hundred files, quick to copy."""

LARGE = Size({'projects': 0, 'home': 1, 'media': 2}, parts=3, large=48, sparse=64)
"""All of Python's library."""


class Tenant:
    """Some shares on one server; the first one is written to.

    :param name: tells the tenants of a deployment apart
    """

    rules = RULES
    """Clients and access levels, of all shares."""

    def __init__(self, world: Deployment, name: str = 'tenant', size: Size = SMALL) -> None:
        self.world = world
        self.name = name
        self.shares: dict[str, str] = {}
        """Ids by name."""
        self.snapshots: dict[str, str] = {}
        """Ids by the share's name and the round in which it was made."""
        self.manifests: dict[str, dict[bytes, data.Entry]] = {}
        """What has to be on shares and snapshots, by name."""
        self.acknowledged = world.path / f'{name}.acknowledged'
        self._size = size
        self._places: dict[str, str] = {}
        self._writer: subprocess.Popen[bytes] | None = None

    # Making

    def make(self) -> Tenant:
        """Everything: shares, files, rules and snapshots."""
        self.make_shares()
        self.fill()
        return self

    def make_shares(self) -> None:
        """A share type, a share network, and empty shares on one server at alpha."""
        specs = {'driver_handles_share_servers': 'true', 'snapshot_support': 'true'}
        kind = self._made('/types', share_type={'name': self.name, 'extra_specs': specs})
        network = self._made('/share-networks', share_network={'name': self.name})
        wish = {
            'share_proto': 'NFS',
            'size': self._size.quota,
            'share_type': kind['id'],
            'share_network_id': network['id'],
            'availability_zone': 'zone-alpha',
        }
        for name in self._size.shares:
            self.shares[name] = self._made('/shares', share=wish | {'name': name})['id']
        for name, share in self.shares.items():
            self._settled('share', share)
            self._places[name] = self.directory(name).name

    def fill(self) -> None:
        """Files, rules, and two snapshots a share, between which files change."""
        with ThreadPoolExecutor(len(self.shares)) as pool:
            list(pool.map(self._fill, self.shares))

    def extend(self, name: str, size: int) -> None:
        """Make a share larger; GiB."""
        action = {'extend': {'new_size': size}}
        self.world.request('POST', f'/shares/{self.shares[name]}/action', action)
        self._settled('share', self.shares[name])

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

    def _fill(self, name: str) -> None:
        directory, size = self.directory(name), self._size
        data.fill(directory, size.shares[name], size.parts, size.large, size.sparse)
        for target, level in self.rules:
            rule = {'access_type': 'ip', 'access_to': target, 'access_level': level}
            action = {'allow_access': rule}
            self.world.request('POST', f'/shares/{self.shares[name]}/action', action)
        for round_ in (1, 2):
            data.change(directory, round_)
            snapshot = f'{name}-{round_}'
            wish = {'share_id': self.shares[name], 'name': snapshot}
            self.snapshots[snapshot] = self._made('/snapshots', snapshot=wish)['id']
            self._settled('snapshot', self.snapshots[snapshot])
            self.manifests[snapshot] = data.manifest(directory)
        data.change(directory, 3)
        self.manifests[name] = data.manifest(directory)
        until(lambda: self._rules(name) == self._active_rules(), 'active rules')

    _written_files: tuple[str, ...] = (writer.FILE,)
    """What the client makes."""

    # Looking

    def server(self) -> str:
        """Id of the one server the shares are on now."""
        found = {self.show(name)['share_server_id'] for name in self.shares}
        if len(found) != 1:
            raise Failed(f'The shares of {self.name} are on servers {found}')
        return found.pop()

    def show(self, name: str) -> Any:
        """A share as the API shows it."""
        return self.world.get(f'/shares/{self.shares[name]}')['share']

    def show_snapshot(self, name: str) -> Any:
        """A snapshot as the API shows it."""
        return self.world.get(f'/snapshots/{self.snapshots[name]}')['snapshot']

    def statuses(self) -> set[str]:
        """Of all shares and snapshots."""
        shown = [self.show(name) for name in self.shares]
        shown += [self.show_snapshot(name) for name in self.snapshots]
        return {found['status'] for found in shown}

    def directory(self, name: str) -> pathlib.Path:
        """Where a share is now, by the API."""
        path = writer.location(self.world.url, self.shares[name])
        if path is None:
            raise Failed(f'Share {name} has no export location')
        return path

    def open_at(self) -> dict[str, set[str]]:
        """Directories by which clients reach each share now, whatever the API says."""
        return {
            name: set(glob.glob(f'{self.world.path}/*/servers/*/shares/{place}'))
            for name, place in self._places.items()
        }

    def _rules(self, name: str) -> set[tuple[str, str, str]]:
        path = f'/share-access-rules?share_id={self.shares[name]}'
        found = self.world.get(path)['access_list']
        return {(rule['access_to'], rule['access_level'], rule['state']) for rule in found}

    def _active_rules(self) -> set[tuple[str, str, str]]:
        return {(target, level, 'active') for target, level in self.rules}

    # Writing

    def start_writer(self) -> None:
        """A client that appends checksummed, fsynced records, see :mod:`ssm.tests.world.writer`."""
        arguments = [self.world.url, self.shares[self._written], str(self.acknowledged)]
        self._writer = subprocess.Popen(
            [sys.executable, '-m', 'ssm.tests.world.writer', *arguments],
            env=self.world.environment,
        )
        self.wait_for_records()

    @property
    def _written(self) -> str:
        """Name of the share it writes to."""
        return next(iter(self.shares))

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

    def gaps(self) -> dict[str, tuple[int, float]]:
        """How many records a client got acknowledged, and the longest time between two, seconds.

        By what the client calls the server's way to it.
        """
        return {'path': writer.longest_gap(self.acknowledged)}

    def gap(self) -> tuple[int, float]:
        """The same of the client that was held up longest."""
        return max(self.gaps().values(), key=lambda found: found[1])

    # Proving

    def wrong(self, back_end: str) -> list[str]:
        """What is not as it should be, for a server that serves at a back end; empty if all is."""
        said: list[str] = []
        for name in self.shares:
            directory = self.directory(name)
            if not directory.is_relative_to(self.world.path / back_end):
                said.append(f'{name} is at {directory}')
            if (host := self.show(name)['host']) != f'node1@{back_end}#pool':
                said.append(f'{name} is on {host}')
            said += self._compare(name, directory)
            if (rules := self._rules(name)) != self._active_rules():
                said.append(f'{name} has rules {rules}')
        for name in self.snapshots:
            place = self.show_snapshot(name)['provider_location']
            said += self._compare(name, pathlib.Path(place))
        if (statuses := self.statuses()) != {'available'}:
            said.append(f'shares and snapshots are {statuses}')
        if self.acknowledged.exists():
            said += writer.lost(self.directory(self._written), self.acknowledged)
        return said

    def _compare(self, name: str, directory: pathlib.Path) -> list[str]:
        found = data.manifest(directory, without=self._written_files)
        return [f'{name}: {line}' for line in data.differences(self.manifests[name], found)]
