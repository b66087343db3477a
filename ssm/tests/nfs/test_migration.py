# SPDX-License-Identifier: Apache-2.0

"""Whole migrations over HTTP while NFS clients write."""

from __future__ import annotations

from typing import ClassVar

from testtools import content

from ssm.tests.integration.base import WorldCase
from ssm.tests.nfs.case import report
from ssm.tests.world import leftovers, migration, networks
from ssm.tests.world.nfs_tenant import VERSIONS, NfsTenant
from ssm.tests.world.servers import Failed
from ssm.tests.world.wait import until
from ssm.tests.world.watch import watch_openness

_CLIENTS = ('10.20.0.201', '10.20.0.202')
_BACK_END = """\
migrated_share_server_retention = 2
linux_isolation = netns
linux_export = ganesha
linux_bridge = {bridge}
"""


class MigrationTest(WorldCase):
    """ssm-all with two back ends, and two clients in namespaces of their own."""

    network: ClassVar[networks.Network]
    namespaces: ClassVar[dict[str, str]]

    @classmethod
    def setUpClass(cls) -> None:
        if lacking := networks.lacking():
            raise Failed(f'Tests of NFS need: {", ".join(lacking)}')
        leftovers.clean_up()
        cls.network = networks.Network(leftovers.name())
        cls.addClassCleanup(cls.network.remove)
        cls.network.make()
        cls.namespaces = {address: cls.network.client(f'{address}/24') for address in _CLIENTS}
        cls.deployment = {
            'options': 'delete_share_server_with_last_share = true',
            'backend_options': _BACK_END.format(bridge=cls.network.bridge),
        }
        super().setUpClass()

    def tenant(self, name: str = '') -> NfsTenant:
        made = NfsTenant(self.world, self.namespaces, f'{self._testMethodName}{name}')
        self.addOnException(lambda _: self._show_clients(made))
        made.make()
        self.watch(watch_openness(made))
        self.addCleanup(made.stop_writer)
        made.start_writer()
        return made

    def _show_clients(self, tenant: NfsTenant) -> None:
        for version in VERSIONS:
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

    def test_there_and_back(self) -> None:
        tenant = self.tenant()
        self.move(tenant, 'beta')
        self.assertEqual(set(), self.left('alpha'))
        self.move(tenant, 'alpha')
        self.expect_all_at(tenant, 'alpha')

    def test_cancel_after_the_first_phase(self) -> None:
        tenant = self.tenant()
        moving = self.migration(tenant).start()
        moving.wait_for(migration.PHASE1_DONE)
        moving.cancel()
        moving.wait_for(migration.CANCELLED)
        until(lambda: not self.left('beta'), 'an empty destination')
        self.assertLess(tenant.gap()[1], 5)
        self.expect_all_at(tenant, 'alpha')

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
