# SPDX-License-Identifier: Apache-2.0

"""Whole migrations over HTTP while NFS clients write: share servers on pools of btrfs."""

from __future__ import annotations

import os
import pathlib
from typing import Any, ClassVar

from testtools import content

from ssm.tests.btrfs import pools
from ssm.tests.integration.base import WorldCase
from ssm.tests.nfs.case import report
from ssm.tests.world import migration, writer
from ssm.tests.world.footprint import Footprint
from ssm.tests.world.nfs_deployment import NfsDeployment
from ssm.tests.world.nfs_tenant import NfsTenant
from ssm.tests.world.wait import until
from ssm.tests.world.watch import watch_openness

_MIB = 1 << 20


class MovingCase(WorldCase):
    """ssm-all with two back ends, and two clients in namespaces of their own."""

    kind = NfsDeployment
    world: ClassVar[NfsDeployment]
    kind_of_tenant: ClassVar[type[NfsTenant]] = NfsTenant

    def tenant(self, name: str = '') -> NfsTenant:
        made = self.kind_of_tenant(
            self.world, self.world.namespaces, f'{self._testMethodName}{name}'
        )
        self.addOnException(lambda _: self._show_clients(made))
        made.make()
        self.watch(watch_openness(made))
        self.addCleanup(made.stop_writer)
        made.start_writer()
        return made

    def _show_clients(self, tenant: NfsTenant) -> None:
        for version in tenant.versions:
            log = tenant.log(version).with_suffix('.log')
            if log.exists():
                text = log.read_text()[-4000:]
                self.addDetail(f'client of NFSv{version}', content.text_content(text))

    def report_gaps(self, tenant: NfsTenant, what: str) -> None:
        gaps = ', '.join(
            f'{version} {gap:.2f} s in {count} records'
            for version, (count, gap) in tenant.gaps().items()
        )
        report(f'{what}: longest gap {gaps}')

    def counts(self) -> dict[str, int]:
        """How many loops, mounts, ports, namespaces, processes and subvolumes there are."""
        places = [self.world.path / name for name in self.world.back_ends]
        footprint = Footprint(self.world.path, self.world.name, self.world.bridge, places)
        return {kind: len(found) for kind, found in footprint.look().items()}

    def places(self, tenant: NfsTenant) -> dict[str, str | None]:
        """Where clients find each share."""
        return {
            name: writer.export_location(self.world.url, share)
            for name, share in tenant.shares.items()
        }

    def move(self, tenant: NfsTenant, back_end: str) -> migration.Migration:
        """Migrate the tenant's server; returns the migration, whose source is gone."""
        moving = self.migration(tenant, back_end)
        self.assertTrue(moving.check()['compatible'])
        moving.start()
        moving.wait_for(migration.PHASE1_DONE)
        tenant.wait_for_records()
        moving.complete()
        moving.wait_for(migration.SUCCESS)
        tenant.wait_for_records()
        self.report_gaps(tenant, f'to {back_end}')
        self.assertLess(tenant.gap()[1], 20)
        until(lambda: moving.state_of() == 'gone', 'the end of the source')
        return moving


class MigrationTest(MovingCase):
    # space for all shares of all tests, also if no report comes between them
    deployment: ClassVar[dict[str, Any]] = {'size': 20}

    def test_there_and_back(self) -> None:
        tenant = self.tenant()
        before = self.counts()
        name = next(iter(tenant.shares))
        tenant.extend(name, 2)
        self.move(tenant, 'beta')
        self.assertEqual(2 << 30, pools.limit(tenant.directory(name)))
        self.assertEqual(set(), self.left('alpha'))
        self.assertEqual(before, self.counts())
        self.move(tenant, 'alpha')
        self.expect_all_at(tenant, 'alpha')

    def test_cancel_after_the_first_phase(self) -> None:
        tenant = self.tenant()
        before = self.counts()
        moving = self.migration(tenant).start()
        moving.wait_for(migration.PHASE1_DONE)
        moving.cancel()
        moving.wait_for(migration.CANCELLED)
        until(lambda: not self.left('beta'), 'an empty destination')
        self.assertEqual(before, self.counts())
        self.assertLess(tenant.gap()[1], 5)
        self.expect_all_at(tenant, 'alpha')

    def test_destination_is_full_at_the_cut_over(self) -> None:
        tenant = self.tenant()
        before = self.counts()
        moving = self.migration(tenant).start()
        moving.wait_for(migration.PHASE1_DONE)
        ballast = self.fill_destination(spare=100)
        share = tenant.directory(next(iter(tenant.shares)))
        late = share / 'late'
        late.write_bytes(os.urandom(_MIB) * 200)
        moving.complete()
        row = moving.wait_for(migration.ERROR)
        self.assertIn('destination_full', [reason['code'] for reason in row['reasons']])
        tenant.wait_for_records()
        self.report_gaps(tenant, 'a cut-over that failed')
        path = f'/share-server-migrations/{moving.id}/action'
        self.world.request('POST', path, {'recover': None})
        destination = row['destination_share_server_id']
        self.world.request('DELETE', f'/share-servers/{destination}')
        until(lambda: moving.state_of(destination) == 'gone', 'the end of the destination')
        self.assertEqual(before, self.counts())
        ballast.unlink()
        late.unlink()
        self.expect_all_at(tenant, 'alpha')

    def fill_destination(self, spare: int) -> pathlib.Path:
        """Somebody else takes all the space of its pool but some MiB."""
        ballast = self.world.path / 'beta' / 'ballast'
        self.addCleanup(ballast.unlink, missing_ok=True)
        space = os.statvfs(ballast.parent)
        with ballast.open('wb') as file:
            size = space.f_bavail * space.f_frsize - spare * _MIB
            os.posix_fallocate(file.fileno(), 0, size)
        return ballast

    def test_services_may_die_while_clients_write(self) -> None:
        tenant = self.tenant()
        self.world.kill('all')
        tenant.wait_for_records(200)
        self.report_gaps(tenant, 'without ssm')
        self.assertLess(tenant.gap()[1], 2)
        self.world.run('all')
        until(self._answers, 'the API')
        tenant.wait_for_records()
        self.assertLess(tenant.gap()[1], 2)
        self.expect_all_at(tenant, 'alpha')

    def _answers(self) -> bool:
        try:
            return bool(self.world.get('/services')['services'])
        except OSError:
            return False


class SameAddressTest(MovingCase):
    deployment: ClassVar[dict[str, Any]] = {'backend_options': 'migration_keep_addresses = true\n'}

    def test_there_and_back(self) -> None:
        tenant = self.tenant()
        before, places = self.counts(), self.places(tenant)
        for back_end in ('beta', 'alpha'):
            moving = self.move(tenant, back_end)
            self.assertEqual('same_address', moving.row()['mode'])
            self.assertEqual(places, self.places(tenant))
        self.assertEqual(before, self.counts())
        self.expect_all_at(tenant, 'alpha')
