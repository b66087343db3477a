# SPDX-License-Identifier: Apache-2.0

"""A server that moves with its file handles: a client that has a file open goes on."""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import Any, ClassVar

from ssm.common import exceptions
from ssm.drivers import base
from ssm.drivers.linux import image, pool, privileged
from ssm.drivers.linux.export.ganesha_daemon import RUN
from ssm.tests.btrfs.case import BtrfsPools
from ssm.tests.nfs.case import READER, GaneshaHooks, NfsCase, report
from ssm.tests.nfs.test_migration import MovingCase
from ssm.tests.unit.drivers import harness
from ssm.tests.world import migration
from ssm.tests.world.nfs_tenant import NfsTenant
from ssm.tests.world.nfs_writer import OPEN
from ssm.tests.world.wait import until

LEASE = 16
"""Seconds. A busy machine takes long for the cut-over; and the client finds out by its renewals,
several of which it makes in a lease, that its server is another process."""


class ImageCase(BtrfsPools, GaneshaHooks, harness.Harness, NfsCase):
    """Two back ends whose servers lie in images."""

    version = '4.0'
    options: ClassVar[dict[str, Any]] = {
        'linux_storage': 'image',
        'linux_image_size': 3,
        'linux_nfs_lease': LEASE,
        'linux_fence_timeout': 1,
        'migrated_share_server_retention': 0,
    }

    def make_migration(self) -> harness.Migration:
        """As the engine begins one without a new server at the destination."""
        source, info = self.make_server(harness.SOURCE)
        shares = [self.make_share(source), self.make_share(source)]
        snapshots = [self.make_snapshot(source, shares[0])]
        name = f'server-{next(self._numbers)}'
        destination = base.ShareServer(
            **source
            | {'id': name, 'host': f'node1@{harness.DESTINATION}', 'identifier': None}
            | {'status': 'server_migrating_to', 'backend_details': {}, 'network_allocations': []}
        )
        # its identifier is the source's, once it has moved
        moved = destination | {'identifier': source['identifier']}
        self.addCleanup(self._teardown, harness.DESTINATION, moved)
        return harness.Migration(f'm-{name}', source, destination, shares, snapshots, info)

    def check(self, source: base.ShareServer, proto: str = 'NFS', **options: Any) -> dict[str, Any]:
        """The answer of the destination, with some options besides."""
        driver = self.make_driver(harness.DESTINATION, **options)
        share = {'share_properties': {'share_proto': proto, 'size': 1}, 'share_id': 'share'}
        return driver.share_server_migration_check_compatibility(
            self.context,
            source,
            f'node1@{harness.DESTINATION}',
            {'id': 'network'},
            {'id': 'network'},
            {'shares_size': 1, 'snapshots_size': 0, 'shares_req_spec': [share]},
        )

    def image(self, stanza: str, server: base.ShareServer) -> image.Image:
        """Where the image of a server is in a pool."""
        return image.Image(self.pools[stanza].server(server['identifier'] or ''))

    def expect_records(self, migration: harness.Migration, count: int) -> None:
        """At least so many arrived in the file, none twice and none missing."""
        share = migration.shares[0]['name']
        place = self.image(harness.DESTINATION, migration.source).server.share(share)
        numbers = [int(line) for line in (place / 'file').read_text().split()]
        self.assertEqual(list(range(len(numbers))), numbers)
        self.assertGreaterEqual(len(numbers), count)


class MoveTest(ImageCase):
    """The server moves, as far as the driver is concerned."""

    def test_client_goes_on_with_its_open_file(self) -> None:
        migration = self.make_migration()
        location = self.location(migration.shares[0])
        client = self.client(READER)
        client.call('hold', location, 'file')
        client.call('held', 'file')
        handle = client.call('handle', location, 'file')
        self.assertTrue(self.check(migration.source)['nondisruptive'])
        self.run_to(migration, 'refresh')
        client.call('connect', location)
        self._refuse_while_used(migration)
        # clients that are not told so may wait for an answer until their files are lost
        self.assertEqual('reset', client.call('ending', location))
        _, gap = client.call('held', 'file')
        report(f'a cut-over that failed: longest gap {gap:.2f} s')
        self.assertEqual(handle, client.call('handle', location, 'file'))

        self.finish(migration, 'fence')
        obstacle = self.pools[harness.SOURCE].moved / migration.id
        obstacle.mkdir(parents=True)
        answer = self.finish(migration, 'complete')
        count, gap = client.call('held', 'file')
        report(f'a server that moved: longest gap {gap:.2f} s in {count} records')
        self.assertEqual(handle, client.call('handle', location, 'file'))
        self.assertTrue(client.call('knows', location, handle))
        for share in migration.shares:
            update = answer['share_updates'][share['id']]
            self.assertEqual(share['export_locations'], update['export_locations'])
        snapshot = answer['snapshot_updates'][migration.snapshots[0]['id']]
        self.assertTrue(pathlib.Path(snapshot['provider_location']).is_dir())
        client.close()
        self.expect_records(migration, count)
        self._try_again(migration, answer, obstacle)
        self._expect_source_gone(migration)

    def _try_again(self, migration: harness.Migration, answer: Any, obstacle: pathlib.Path) -> None:
        """The source could not be put aside; that is done later, and nothing leads back."""
        self.crash(migration)
        self.assertEqual(answer, self.finish(migration, 'complete'))
        for step in ('unfence', 'cancel'):
            self.assert_refused(migration, step)
        place = self.place(migration.source)
        self.assertEqual(migration.id, (place.fence() or {})['migration_id'])
        obstacle.rmdir()
        left = self.pools[harness.DESTINATION].migration(migration.id).retire_file
        os.utime(left, (0, 0))
        self.drivers[harness.DESTINATION].get_share_stats()
        self.assertFalse(left.exists())

    def _refuse_while_used(self, migration: harness.Migration) -> None:
        """Somebody on the host stands in a share: the source is opened again."""
        place = self.image(harness.SOURCE, migration.source).mount
        with subprocess.Popen(['sleep', '60'], cwd=place / 'shares') as sleeper:
            with self.assertRaises(exceptions.DriverRefused) as caught:
                self.finish(migration, 'fence')
            sleeper.kill()
        (finding,) = caught.exception.findings
        self.assertEqual('image_in_use', finding.code)
        self.assertIn(f'pid {sleeper.pid}', finding.message)

    def _expect_source_gone(self, migration: harness.Migration) -> None:
        """Nothing serves there, and its data go when they were kept for long enough."""
        self.assertEqual([], self.left(self.namespace(migration.source)))
        place = self.pools[harness.SOURCE]
        self.assertEqual([], list(place.servers.iterdir()))
        (kept,) = place.moved.iterdir()
        self.assertTrue(image.Image(pool.Server(kept)).file.exists())
        self.drivers[harness.SOURCE].get_share_stats()
        self.assertEqual([], [*place.moved.iterdir(), *place.guards.iterdir()])
        target = self.image(harness.DESTINATION, migration.source)
        self.assertEqual(1, len(privileged.loops(target.file)))
        self._teardown(harness.DESTINATION, migration.destination | {'identifier': 'x'})
        moved = migration.destination | {'identifier': migration.source['identifier']}
        self._teardown(harness.DESTINATION, moved)
        self.assertEqual([], self.left(self.namespace(moved)))
        self.assertEqual([], list(self.pools[harness.DESTINATION].servers.iterdir()))

    def test_cancelled_move_leaves_nothing(self) -> None:
        migration = self.make_migration()
        location = self.location(migration.shares[0])
        client = self.client(READER)
        client.call('hold', location, 'file')
        self.run_to(migration, 'refresh')
        record = pool.read_json(self.place(migration.source).record)
        daemons = RUN / self.namespace(migration.source) / 'daemons.json'
        serving = pool.read_json(daemons)
        pool.write_json(self.place(migration.source).record, record | {'lease': 1})
        with self.assertRaises(exceptions.DriverRefused) as caught:
            self.finish(migration, 'fence')
        self.assertEqual('pause_too_long', caught.exception.findings[0].code)
        self.assertEqual(serving, pool.read_json(daemons))
        self.assertLess(client.call('held', 'file')[1], 1.7)
        pool.write_json(self.place(migration.source).record, record)
        self.finish(migration, 'fence')
        self.crash(migration)
        self.step(migration, 'cancel')
        client.call('held', 'file')
        place = self.pools[harness.DESTINATION]
        self.assertEqual([], [*place.servers.iterdir(), *place.migrations.iterdir()])
        self._teardown(harness.DESTINATION, migration.destination)
        self.assertEqual([], list(place.guards.iterdir()))
        client.call('held', 'file')

    def test_only_what_is_true_is_offered(self) -> None:
        source, _ = self.make_server(harness.SOURCE)
        self.assertEqual([], self.check(source)['findings'])
        for reason, answer in (
            ('shares of CIFS', self.check(source, 'CIFS', linux_export='samba')),
            ('linux_verify_all', self.check(source, linux_verify_all=True)),
            ('linux_nfs_lease', self.check(source, linux_nfs_lease=LEASE - 1)),
            ('a lease of 4 s', self._check_with(source, lease=4)),
            ('NFSv4.1', self._check_with(source, nfs_minors='0,1,2')),
            ('NFSv4.1', self._check_with(source, nfs_minors=None)),
        ):
            self.assertIs(True, answer['compatible'], answer['findings'])
            self.assertIs(False, answer['nondisruptive'])
            (finding,) = answer['findings']
            self.assertEqual('clients_are_disrupted', finding.code)
            self.assertIn(reason, finding.message)

    def _check_with(self, source: base.ShareServer, **known: Any) -> dict[str, Any]:
        """The answer for a server that was made with other options."""
        file = self.place(source).record
        record = pool.read_json(file)
        pool.write_json(file, record | known)
        try:
            return self.check(source)
        finally:
            pool.write_json(file, record)


class ImageTest(ImageCase):
    """One server in its image."""

    # clients wait until those that had files open have them back
    options: ClassVar[dict[str, Any]] = ImageCase.options | {'linux_nfs_lease': 6}

    def test_comes_back_after_a_reboot(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        share = self.make_share(server)
        self.judge.write(self.location(share), 'file', 'content')
        snapshot = self.make_snapshot(server, share)
        found = self.image(harness.SOURCE, server)
        # what a reboot takes
        self.drivers[harness.SOURCE]._export(found.server).stop()
        found.close(5)
        self.assertEqual([], privileged.loops(found.file))
        self.assertFalse(found.server.share(share['name']).exists())
        self.restart(harness.SOURCE)
        driver = self.drivers[harness.SOURCE]
        driver.delete_snapshot(self.context, snapshot, server)
        self.assertFalse(pathlib.Path(snapshot['provider_location'] or '').exists())
        self.assertEqual({}, driver.ensure_shares(self.context, [(share, server)]))
        self.assertEqual('content', self.judge.read(self.location(share), 'file'))

    def test_a_copy_on_the_same_host_is_noticed(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        share = self.make_share(server)
        found = self.image(harness.SOURCE, server)
        self.drivers[harness.SOURCE]._export(found.server).stop()
        found.close(5)
        copy, place = found.file.with_name('copy'), found.file.with_name('place')
        subprocess.run(['cp', '--reflink=always', str(found.file), str(copy)], check=True)
        place.mkdir()
        privileged.mount_image(copy, place)
        self.addCleanup(subprocess.run, ['umount', '-q', str(place)])
        driver = self.drivers[harness.SOURCE]
        with self.assertRaises(exceptions.DriverRefused) as caught:
            driver.create_share(self.context, share, server)
        self.assertIn(caught.exception.findings[0].code, ('image_in_use', 'image_failed'))
        self.assertEqual([], privileged.loops(found.file))
        (device,) = privileged.loops(copy)
        privileged.unmount_image(place, device)
        self.assertEqual(
            share['export_locations'], driver.create_share(self.context, share, server)
        )

    def test_shares_have_to_fit(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        driver = self.drivers[harness.SOURCE]
        share, _ = self.make_share(server), self.make_share(server)
        driver.extend_share(self.context, share, 2, server)
        for attempt in (
            lambda: self.make_share(server),
            lambda: driver.extend_share(self.context, share | {'size': 2}, 3, server),
        ):
            with self.assertRaises(exceptions.DriverRefused) as caught:
                attempt()
            self.assertEqual('image_too_small', caught.exception.findings[0].code)
        driver.shrink_share(self.context, share | {'size': 2}, 1, server)
        self.make_share(server)

    def test_share_from_a_snapshot_of_another_server(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        other, _ = self.make_server(harness.SOURCE)
        share = self.make_share(server)
        self.judge.write(self.location(share), 'file', 'content')
        snapshot = self.make_snapshot(server, share)
        clone = self.share_data(other)
        driver = self.drivers[harness.SOURCE]
        clone['export_locations'] = driver.create_share_from_snapshot(
            self.context, clone, snapshot, other
        )
        driver.delete_snapshot(self.context, snapshot, server)
        self.assertEqual('content', self.judge.read(self.location(clone), 'file'))
        self.judge.write(self.location(clone), 'file', 'own')
        left = self.place(other).shares.iterdir()
        self.assertEqual([clone['name']], [path.name for path in left])


class SmbTest(ImageCase):
    """Servers with an smbd, which lives among mounts of its own."""

    options: ClassVar[dict[str, Any]] = ImageCase.options | {'linux_export': 'samba'}

    def test_smbd_holds_no_images_of_others(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        self.make_share(server)
        other, _ = self.make_server(harness.SOURCE)
        cifs = self.share_data(other) | {'share_proto': 'CIFS', 'access_rules': []}
        self.drivers[harness.SOURCE].create_share(self.context, cifs, other)
        for gone in (server, other):
            found = self.image(harness.SOURCE, gone)
            (device,) = privileged.loops(found.file)
            self._teardown(harness.SOURCE, gone)
            self.assertFalse(pathlib.Path('/sys/block', device.split('/')[2], 'loop').exists())


class OpenTenant(NfsTenant):
    """Its client opens its file once."""

    versions = (OPEN,)


class WholeTest(MovingCase):
    """Over HTTP: the server moves away and back, its client writes on."""

    kind_of_tenant = OpenTenant
    deployment: ClassVar[dict[str, Any]] = {
        'backend_options': f'linux_storage = image\nlinux_image_size = 4\n'
        f'linux_nfs_lease = {LEASE}\n'
    }

    def migration(self, tenant: NfsTenant, back_end: str = 'beta') -> migration.Migration:
        made = super().migration(tenant, back_end)
        made.nondisruptive = True
        return made

    def test_there_and_back(self) -> None:
        tenant = self.tenant()
        places = self.places(tenant)
        before = self.counts()
        for back_end, other in (('beta', 'alpha'), ('alpha', 'beta')):
            moving = self.move(tenant, back_end)
            self.assertEqual('moved', moving.row()['mode'])
            self.assertEqual(places, self.places(tenant))
            until(lambda there=other: not self.left(there), 'the end of what was left')
        self.assertEqual(before, self.counts())
        self.expect_all_at(tenant, 'alpha')
