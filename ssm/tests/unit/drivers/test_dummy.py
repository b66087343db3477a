# SPDX-License-Identifier: Apache-2.0

"""The dummy driver: the driver kit, its migrations and its check."""

from __future__ import annotations

from typing import Any

from ssm.common import exceptions
from ssm.common.context import admin_context
from ssm.drivers import base
from ssm.drivers.dummy import DummyDriver
from ssm.drivers.dummy import state as dummy_state
from ssm.drivers.dummy.simulation import CAPABILITIES
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import kit


class DummyCase(TestCase):
    """Stanzas of the dummy driver on one state file, without delay."""

    def setUp(self) -> None:
        super().setUp()
        self.context = admin_context()
        self.conf = kit.make_conf(self.state_path)

    def make_dummy(self, stanza: str, **options: Any) -> DummyDriver:
        defaults = {
            'driver_handles_share_servers': True,
            'dummy_driver_state_file': f'{self.state_path}/dummy.json',
            'dummy_driver_default_driver_method_delay': 0.0,
        }
        backend = kit.make_backend(self.conf, stanza, DummyDriver, **(defaults | options))
        driver = DummyDriver(backend, kit.MemoryPrivateData())
        driver.do_setup(self.context)
        return driver

    @property
    def file(self) -> dummy_state.StateFile:
        return dummy_state.StateFile(f'{self.state_path}/dummy.json')


class DummyKitTest(kit.DriverKit, DummyCase):
    """The driver kit on the dummy driver."""

    pause = 0.0

    def make_driver(self, stanza: str) -> base.ShareDriver:
        return self.make_dummy(stanza)

    def serves(self, server: base.ShareServer, share: base.Share) -> bool:
        return server['id'] in dummy_state.served_by(self.file.read(), share['id'])

    def write_data(self, server: base.ShareServer, share: base.Share, text: str) -> None:
        with self.file.change() as now:
            dummy_state.write(now, server['id'], share['id'], 'data', text)

    def read_data(self, server: base.ShareServer, share: base.Share) -> str | None:
        return dummy_state.read(self.file.read(), server['id'], share['id']).get('data')

    def test_fenced_server_takes_no_write(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'fence')
        for server in (migration.source, migration.destination):
            self.assertRaises(PermissionError, self.write_data, server, migration.shares[0], 'lost')

    def test_complete_closes_a_source_nobody_fenced(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'refresh')
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_first_phase_ends_with_the_second_continue(self) -> None:
        migration = self.make_migration()
        progress = lambda: self.step(migration, 'get_progress')['total_progress']  # noqa: E731
        self.step(migration, 'start')
        self.assertEqual(0, progress())
        self.assertIs(False, self.step(migration, 'continue'))
        self.assertEqual(50, progress())
        self.assertIs(True, self.step(migration, 'continue'))
        self.assertEqual(100, progress())

    def test_start_again_goes_on_where_it_is(self) -> None:
        migration = self.make_migration()
        self.step(migration, 'start')
        self.step(migration, 'continue')
        self.step(migration, 'start')
        self.assertEqual(50, self.step(migration, 'get_progress')['total_progress'])

    def test_progress_tells_bytes_of_each_share(self) -> None:
        self.conf.set_override('dummy_driver_progress_step', 25, group='beta')
        migration = self.make_migration()
        self.step(migration, 'start')
        self.step(migration, 'continue')
        answer = self.step(migration, 'get_progress')
        self.assertEqual(
            (2 * 1024**3, 512 * 1024**2), (answer['bytes_total'], answer['bytes_done'])
        )
        share = answer['shares'][migration.shares[0]['id']]
        self.assertEqual((25, 256 * 1024**2), (share['total_progress'], share['bytes_done']))

    def test_steps_without_start_are_refused(self) -> None:
        migration = self.make_migration()
        for name in kit.STEPS[1:]:
            self.assert_refused(migration, name)
        self.assert_served(migration, source=True)

    def test_start_towards_a_server_torn_down_is_refused(self) -> None:
        migration = self.make_migration()
        self.step(migration, 'start')
        self.step(migration, 'cancel')
        self._teardown('beta', migration.destination)
        self.assert_refused(migration, 'start')

    def test_move_in_place_makes_the_details_in_complete(self) -> None:
        migration = self.make_migration()
        self._teardown('beta', migration.destination)
        details, migration.destination['backend_details'] = (
            migration.destination['backend_details'],
            {},
        )
        answer = self.run_to(migration, 'complete')
        self.assertEqual(details, answer['server_backend_details'])
        self.assert_complete(migration, answer)

    def test_move_in_place_cancelled_leaves_no_server(self) -> None:
        migration = self.make_migration()
        self._teardown('beta', migration.destination)
        migration.destination['backend_details'] = {}
        self.run_to(migration, 'continue')
        self.step(migration, 'cancel')
        self.assertNotIn(migration.destination['id'], self.file.read()['servers'])
        self.assert_served(migration, source=True)

    def test_completed_server_migrates_back(self) -> None:
        migration = self.make_migration()
        self.assert_complete(migration, self.run_to(migration, 'complete'))
        home, info = self.make_server('beta', destination_of=migration.destination)
        back = kit.Migration(
            'back', migration.destination, home, migration.moved, migration.snapshots, info
        )
        self.assert_complete(back, self.run_to(back, 'complete'))
        for share in migration.shares:
            self.assertEqual({home['id']}, dummy_state.served_by(self.file.read(), share['id']))

    def test_snapshots_keep_their_content_on_the_way(self) -> None:
        migration = self.make_migration()
        snapshot, share = migration.snapshots[0], migration.shares[0]
        self.write_data(migration.source, share, 'after the snapshot')
        later = self.make_snapshot(migration.source, share)
        migration.snapshots.append(later)
        self.run_to(migration, 'complete')
        self._teardown('alpha', migration.source)
        held = self.file.read()['servers'][migration.destination['id']]['snapshots']
        self.assertEqual({}, held[snapshot['id']]['files'])
        self.assertEqual({'data': 'after the snapshot'}, held[later['id']]['files'])

    def test_snapshot_made_again_keeps_its_content(self) -> None:
        server, _ = self.make_server('alpha')
        share = self.make_share(server)
        snapshot = self.make_snapshot(server, share)
        self.write_data(server, share, 'later')
        self.drivers['alpha'].create_snapshot(self.context, snapshot, server)
        held = self.file.read()['servers'][server['id']]['snapshots']
        self.assertEqual({}, held[snapshot['id']]['files'])

    def test_teardown_forgets_the_migration(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'complete')
        self.assertIn(migration.id, self.file.read()['migrations'])
        self._teardown('beta', migration.destination)
        self.assertNotIn(migration.id, self.file.read()['migrations'])

    def test_export_locations_of_the_contract(self) -> None:
        migration = self.make_migration()
        answer = self.run_to(migration, 'complete')
        addresses = [a['ip_address'] for a in migration.destination['network_allocations']]
        share, snapshot = migration.shares[0], migration.snapshots[0]
        found = [
            (place['path'], place['is_admin_only'], place['metadata']['preferred'])
            for place in answer['share_updates'][share['id']]['export_locations']
        ]
        self.assertEqual(
            [
                (f'{addresses[0]}:/{share["name"]}', True, 'False'),
                (f'{addresses[0]}:/{share["name"]}', False, 'True'),
                (f'{addresses[1]}:/{share["name"]}', False, 'False'),
            ],
            found,
        )
        update = answer['snapshot_updates'][snapshot['id']]
        self.assertEqual(
            f'{migration.destination["id"]}/{snapshot["name"]}', update['provider_location']
        )
        self.assertEqual(3, len(update['export_locations']))
        self.assertEqual('fake_pool_for_beta', answer['share_updates'][share['id']]['pool_name'])


class CheckTest(DummyCase):
    """The compatibility check (contract 8.1, 8.2)."""

    def check(self, driver: DummyDriver, dest_host: str = 'node1@beta') -> dict[str, Any]:
        answer = driver.share_server_migration_check_compatibility(
            self.context,
            {'id': 'source', 'host': 'node1@alpha'},
            dest_host,
            {'id': 'old'},
            {'id': 'new'},
            {'shares_size': 1, 'snapshots_size': 0, 'shares_req_spec': []},
        )
        findings = answer.pop('findings')
        self.assertTrue(all(finding.hint for finding in findings))
        self.codes = [finding.code for finding in findings]
        self.assertEqual('new', answer.pop('share_network_id'))
        return answer

    def expect(self, value: bool | None, **others: bool) -> dict[str, bool | None]:
        return dict.fromkeys(CAPABILITIES, value) | others

    def make_pair(self, **options: Any) -> DummyDriver:
        self.make_dummy('alpha')
        return self.make_dummy('beta', **options)

    def test_two_dummy_back_ends_fit(self) -> None:
        self.assertEqual(self.expect(True, nondisruptive=False), self.check(self.make_pair()))
        self.assertEqual([], self.codes)

    def test_other_driver_on_either_side(self) -> None:
        for stanza in ('alpha', 'beta'):
            with self.subTest(stanza=stanza):
                driver = self.make_pair()
                self.conf.set_override('share_driver', 'linux', group=stanza)
                self.assertEqual(self.expect(False), self.check(driver))
                self.assertEqual(['other_driver'], self.codes)
                self.conf.set_override('share_driver', 'a.b.DUMMYDriver', group=stanza)
                self.assertIs(True, self.check(driver)['compatible'])

    def test_destination_without_share_servers(self) -> None:
        driver = self.make_pair(driver_handles_share_servers=False)
        self.assertEqual(self.expect(None), self.check(driver))
        self.assertEqual(['dhss_required'], self.codes)

    def test_stanza_missing(self) -> None:
        self.assertRaises(exceptions.ConfigurationError, self.check, self.make_dummy('beta'))
        driver = self.make_pair()
        self.assertRaises(exceptions.ConfigurationError, self.check, driver, 'node1@gamma')

    def test_answers_by_option(self) -> None:
        driver = self.make_pair(
            dummy_driver_capabilities={'writable': False, 'nondisruptive': True}
        )
        self.assertEqual(
            self.expect(True, writable=False), self.check(driver, 'node1@beta#fake_pool_for_beta')
        )
        self.assertEqual([], self.codes)

    def test_incompatible_by_option_has_a_reason(self) -> None:
        driver = self.make_pair(dummy_driver_capabilities={'compatible': False})
        self.assertIs(False, self.check(driver)['compatible'])
        self.assertEqual(['told_incompatible'], self.codes)
