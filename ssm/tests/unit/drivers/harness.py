# SPDX-License-Identifier: Apache-2.0

"""What the tests of the driver kit are written in: hooks, servers, shares, steps."""

from __future__ import annotations

import dataclasses
import itertools
import time
import unittest
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from oslo_config import cfg

from ssm.common import exceptions
from ssm.common.context import admin_context
from ssm.conf import migration, service
from ssm.conf.backend import BackendConfig
from ssm.drivers import base

SOURCE = 'alpha'
DESTINATION = 'beta'

STEPS = ('start', 'continue', 'refresh', 'fence', 'complete')
"""The steps of a migration in their order; ``continue`` is repeated until it is over."""


class MemoryPrivateData:
    """Private storage of a driver that outlives the driver object."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, str]] = {}

    def get(self, entity_id: str, key: str, default: str | None = None) -> str | None:
        return self._values.get(entity_id, {}).get(key, default)

    def update(self, entity_id: str, values: Mapping[str, str]) -> None:
        self._values.setdefault(entity_id, {}).update(values)

    def delete(self, entity_id: str, key: str | None = None) -> None:
        if key is None:
            self._values.pop(entity_id, None)
        else:
            self._values.get(entity_id, {}).pop(key, None)


def make_conf(state_path: str) -> cfg.ConfigOpts:
    """A configuration of its own, so that stanzas of one test don't reach the next."""
    conf = cfg.ConfigOpts()
    conf([], project='ssm', default_config_files=[])
    conf.register_opts(service.OPTS)
    conf.register_opts(migration.OPTS)
    conf.set_override('state_path', state_path)
    conf.set_override('host', 'node1')
    return conf


def make_backend(
    conf: cfg.ConfigOpts, stanza: str, driver: type[base.ShareDriver], **values: Any
) -> BackendConfig:
    """The stanza of a back end of that driver, its options set to these values."""
    backend = BackendConfig(conf, stanza)
    backend.register(driver.options)
    values = {'share_driver': f'{driver.__module__}:{driver.__name__}'} | values
    for option, value in values.items():
        conf.set_override(option, value, group=stanza)
    return backend


@dataclasses.dataclass
class Migration:
    """One migration in the hands of the kit.

    ``shares`` are as they lie on the source; ``moved`` is the same list as the service knows it
    for the destination, without export locations until complete has answered.
    """

    id: str
    source: base.ShareServer
    destination: base.ShareServer
    shares: list[base.Share]
    snapshots: list[base.Snapshot]
    network_info: list[base.NetworkInfo]
    epoch: int = 1
    moved: list[base.Share] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.moved = [self._moved(share, []) for share in self.shares]

    def _moved(self, share: base.Share, locations: list[base.ExportLocation]) -> base.Share:
        place = {'share_server_id': self.destination['id'], 'host': self.destination['host']}
        return share | place | {'export_locations': locations}

    def move(self, answer: base.Completion) -> None:
        """Take the new export locations from the answer of complete."""
        self.moved = [
            self._moved(share, answer['share_updates'][share['id']]['export_locations'])
            for share in self.shares
        ]

    def token(self, epoch: int | None = None) -> base.Token:
        return base.Token(self.id, self.epoch if epoch is None else epoch, attempt=1)


class Harness:
    """Drives both back ends of a driver through the interface; see the text of the kit."""

    deadline = 30.0
    """Seconds a step may take before a test gives up."""

    pause = 0.01
    """Seconds between two looks at a step that is not over."""

    protocol = 'NFS'
    """Of all shares; access rules of type ip are tried on it."""

    # What a subclass gives

    def make_driver(self, stanza: str) -> base.ShareDriver:
        """A new driver object, set up; all objects of a stanza share its storage.

        Private data comes from ``self.private_data[stanza]``.
        """
        raise NotImplementedError

    def serves(self, server: base.ShareServer, share: base.Share) -> bool:
        """Whether a client of the server could write to the share now.

        ``export_locations`` of the share are those at this server; none are known for the
        destination of a migration before it is complete.
        """
        raise NotImplementedError

    def write_data(self, server: base.ShareServer, share: base.Share, text: str) -> None:
        """Optional: make the text the content of the share, as a client of the server."""
        raise unittest.SkipTest('the driver has no data hooks')

    def read_data(self, server: base.ShareServer, share: base.Share) -> str | None:
        """Optional: the text last written to the share, as the server holds it."""
        raise unittest.SkipTest('the driver has no data hooks')

    def network_info(self, stanza: str, server_id: str) -> list[base.NetworkInfo]:
        """Addresses for a new server; each call gives fresh ones."""
        number = next(self._numbers)

        def allocation(label: str, index: int) -> base.NetworkAllocation:
            return base.NetworkAllocation(
                id=f'allocation-{number}-{index}',
                label=label,
                ip_address=f'10.77.{number}.{index}',
                ip_version=4,
                cidr='10.77.0.0/16',
                gateway='10.77.0.1',
                mtu=1500,
                network_type='flat',
                segmentation_id=None,
                mac_address=None,
                share_network_subnet_id=f'subnet-{stanza}',
            )

        driver = self.drivers[stanza]
        users = driver.get_network_allocations_number()
        admins = driver.get_admin_network_allocations_number()
        return [
            base.NetworkInfo(
                server_id=server_id,
                share_network_subnet_id=f'subnet-{stanza}',
                segmentation_id=None,
                cidr='10.77.0.0/16',
                gateway='10.77.0.1',
                mtu=1500,
                neutron_net_id=None,
                neutron_subnet_id=None,
                network_type='flat',
                security_services=[],
                network_allocations=[allocation('user', 10 + i) for i in range(users)],
                admin_network_allocations=[allocation('admin', 100 + i) for i in range(admins)],
                backend_details={},
                subnet_metadata={},
            )
        ]

    # What the tests are written in

    def setUp(self) -> None:
        super().setUp()
        self.context = admin_context()
        self._numbers: Iterator[int] = itertools.count(1)
        self.drivers: dict[str, base.ShareDriver] = {}
        self.private_data = {stanza: MemoryPrivateData() for stanza in (SOURCE, DESTINATION)}
        for stanza in (SOURCE, DESTINATION):
            self.restart(stanza)

    def restart(self, stanza: str) -> None:
        """What a crash and restart of the service leaves of a driver: its storage."""
        self.drivers[stanza] = self.make_driver(stanza)

    def call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a driver method, again as long as it is busy."""
        end = time.monotonic() + self.deadline
        while True:
            try:
                return method(*args, **kwargs)
            except exceptions.DriverBusy as busy:
                if time.monotonic() > end:
                    raise
                time.sleep(min(busy.retry_after, self.pause))

    def make_server(
        self, stanza: str, *, destination_of: base.ShareServer | None = None
    ) -> tuple[base.ShareServer, list[base.NetworkInfo]]:
        """A server set up on the storage of a stanza, with its network."""
        server_id = f'server-{next(self._numbers)}'
        info = self.network_info(stanza, server_id)
        metadata = {}
        if destination_of:
            metadata = {
                'migration_destination': True,
                'request_host': f'node1@{stanza}',
                'source_share_server': destination_of,
            }
        details = self.call(self.drivers[stanza].setup_server, self.context, info, metadata)
        server = base.ShareServer(
            id=server_id,
            host=f'node1@{stanza}',
            status='server_migrating_to' if destination_of else 'active',
            identifier=details.get('identifier', server_id),
            share_network_id=f'network-{stanza}',
            backend_details=dict(details),
            network_allocations=[a for subnet in info for a in subnet['network_allocations']],
            share_network_subnets=[{'id': subnet['share_network_subnet_id']} for subnet in info],
        )
        self.addCleanup(self._teardown, stanza, server)
        return server, info

    def _teardown(self, stanza: str, server: base.ShareServer) -> None:
        self.call(self.drivers[stanza].teardown_server, self.context, server, [])

    def take_over(self, server: base.ShareServer) -> tuple[base.ShareServer, dict[str, str]]:
        """Manage a server of the source under a new id; the details are the driver's answer."""
        found = server | {
            'id': f'server-{next(self._numbers)}',
            'status': 'manage_starting',
            'backend_details': {},
            'network_allocations': [],
        }
        identifier, details = self.call(
            self.drivers[SOURCE].manage_server, self.context, found, server['identifier'], {}
        )
        found |= {'identifier': identifier, 'backend_details': dict(details)}
        return found, details

    def share_data(self, server: base.ShareServer) -> base.Share:
        """A share that is to lie on a server, not made yet."""
        number = next(self._numbers)
        return base.Share(
            id=f'instance-{number}',
            share_id=f'share-{number}',
            name=f'share-instance-{number}',
            project_id='project',
            size=1,
            share_proto=self.protocol,
            host=f'{server["host"]}#pool',
            status='available',
            share_server_id=server['id'],
            snapshot_id=None,
            share_type={'name': 'default', 'extra_specs': {}},
            access_rules=[self.rule()],
            export_locations=[],
        )

    def rule(self, access_type: str = 'ip') -> base.AccessRule:
        """A rule that lets all clients write."""
        return base.AccessRule(
            access_id=f'rule-{next(self._numbers)}',
            access_type=access_type,
            access_to='0.0.0.0/0',
            access_level='rw',
        )

    def make_share(self, server: base.ShareServer) -> base.Share:
        """An empty share on a server of the source, under an access rule."""
        share = self.share_data(server)
        driver = self.drivers[SOURCE]
        share['export_locations'] = self.call(driver.create_share, self.context, share, server)
        self.call(driver.update_access, self.context, share, share['access_rules'], server)
        return share

    def make_snapshot(self, server: base.ShareServer, share: base.Share) -> base.Snapshot:
        """A snapshot of a share on a server of the source."""
        snapshot = self.snapshot_data(share)
        snapshot['provider_location'] = self.call(
            self.drivers[SOURCE].create_snapshot, self.context, snapshot, server
        ).get('provider_location')
        return snapshot

    def snapshot_data(self, share: base.Share) -> base.Snapshot:
        """A snapshot that is to be taken of a share."""
        number = next(self._numbers)
        return base.Snapshot(
            id=f'snapshot-instance-{number}',
            snapshot_id=f'snapshot-{number}',
            name=f'share-snapshot-{number}',
            share_id=share['share_id'],
            share_instance_id=share['id'],
            share_name=share['name'],
            size=share['size'],
            status='available',
            provider_location=None,
        )

    def make_migration(self) -> Migration:
        """A source with two shares and a snapshot, and a destination set up for it."""
        source, _ = self.make_server(SOURCE)
        shares = [self.make_share(source), self.make_share(source)]
        snapshots = [self.make_snapshot(source, shares[0])]
        destination, info = self.make_server(DESTINATION, destination_of=source)
        number = next(self._numbers)
        return Migration(f'migration-{number}', source, destination, shares, snapshots, info)

    def step(self, migration: Migration, name: str, epoch: int | None = None) -> Any:
        """Run a step once, or ``continue`` once, on the driver of the destination."""
        method = getattr(self.drivers[DESTINATION], f'share_server_migration_{name}')
        arguments = [migration.source, migration.destination, migration.shares]
        arguments.append(migration.snapshots)
        if name == 'complete':
            arguments.append(migration.network_info)
        answer = self.call(method, self.context, *arguments, migration.token(epoch))
        if name == 'start' and answer:
            migration.destination['backend_details'].update(answer['backend_details'])
        return answer

    def finish(self, migration: Migration, name: str) -> Any:
        """Run a step until it is over; its last answer."""
        end = time.monotonic() + self.deadline
        answer = self.step(migration, name)
        while name == 'continue' and not answer:
            self.assertLess(time.monotonic(), end, 'the first phase takes too long')
            time.sleep(self.pause)
            answer = self.step(migration, name)
        return answer

    def run_to(self, migration: Migration, last: str) -> Any:
        """Run all steps up to and with one of them; the answer of that one."""
        for name in STEPS[: STEPS.index(last)]:
            self.finish(migration, name)
        return self.finish(migration, last)

    def crash(self, migration: Migration) -> None:
        """The destination's service dies; who takes over has a higher epoch."""
        self.restart(DESTINATION)
        migration.epoch += 1

    def assert_served(
        self, migration: Migration, *, source: bool = False, destination: bool = False
    ) -> None:
        """Each share is open at exactly the servers named."""
        for before, after in zip(migration.shares, migration.moved, strict=True):
            self.assertEqual(
                (source, destination),
                (
                    self.serves(migration.source, before),
                    self.serves(migration.destination, after),
                ),
                f'{before["id"]} served by (source, destination)',
            )

    def assert_complete(self, migration: Migration, answer: base.Completion) -> None:
        """The answer names all that moved, as contract 5.5 wants it; the destination serves."""
        pools = self.drivers[DESTINATION].get_share_stats()['pools']
        self.assertEqual({share['id'] for share in migration.shares}, set(answer['share_updates']))
        for share in migration.shares:
            update = answer['share_updates'][share['id']]
            self.assertIn(update['pool_name'], [pool['pool_name'] for pool in pools])
            paths = {location['path'] for location in update['export_locations']}
            self.assertTrue(
                [place for place in update['export_locations'] if not place['is_admin_only']]
            )
            self.assertFalse(paths & {place['path'] for place in share['export_locations']})
        self.assertEqual(
            {snapshot['id'] for snapshot in migration.snapshots}, set(answer['snapshot_updates'])
        )
        migration.move(answer)
        self.assert_served(migration, destination=True)

    def assert_refused(self, migration: Migration, name: str, epoch: int | None = None) -> None:
        """A step is refused for good, with the reason as data."""
        with self.assertRaises(exceptions.DriverRefused, msg=name) as caught:
            self.step(migration, name, epoch)
        self.assertTrue(caught.exception.findings, name)
