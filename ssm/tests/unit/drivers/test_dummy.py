# SPDX-License-Identifier: Apache-2.0

"""The dummy driver: the driver kit, and what the contract says of it alone."""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys
import threading
import time
from typing import Any
from unittest import mock

from oslo_config import cfg

from ssm.common import exceptions
from ssm.common.context import admin_context
from ssm.drivers import base
from ssm.drivers.dummy import DummyDriver
from ssm.drivers.dummy import state as dummy_state
from ssm.drivers.dummy.simulation import CAPABILITIES
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import kit

SERVER_FEATURES = (
    'security_service_update_support',
    'network_allocation_update_support',
    'share_server_multiple_subnet_support',
    'share_replicas_migration_support',
)


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


class SimulationTest(DummyCase):
    """Options: delays, failures, capabilities."""

    def create(self, driver: DummyDriver) -> list[base.ExportLocation]:
        share = {'id': 'instance', 'name': 'share', 'share_proto': 'NFS'}
        return driver.create_share(self.context, share, None)

    def test_options_read_as_written_in_a_file(self) -> None:
        path = pathlib.Path(self.state_path, 'ssm.conf')
        path.write_text(
            '[alpha]\n'
            'dummy_driver_driver_methods_delays = setup_server:0.25, create_share:0\n'
            'dummy_driver_failures = setup_server:busy:2, create_share:error\n'
            'dummy_driver_capabilities = writable:false\n'
        )
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[str(path)])
        backend = kit.make_backend(conf, 'alpha', DummyDriver)
        self.assertEqual(
            {'setup_server': 0.25, 'create_share': 0.0}, backend.dummy_driver_driver_methods_delays
        )
        self.assertEqual(
            {'setup_server': 'busy:2', 'create_share': 'error'}, backend.dummy_driver_failures
        )
        self.assertEqual({'writable': False}, backend.dummy_driver_capabilities)
        self.assertEqual(2.0, backend.dummy_driver_default_driver_method_delay)

    def test_wrong_options_keep_the_back_end_down(self) -> None:
        for option, text in (
            ('dummy_driver_failures', 'create_share:sometimes'),
            ('dummy_driver_failures', 'create_share:busy:0'),
            ('dummy_driver_failures', 'no_such_method:busy'),
            ('dummy_driver_capabilities', 'fast:true'),
            ('dummy_driver_capabilities', 'writable:perhaps'),
            ('dummy_driver_driver_methods_delays', 'create_share:-1'),
        ):
            with self.subTest(option=option, text=text):
                path = pathlib.Path(self.state_path, 'ssm.conf')
                path.write_text(f'[alpha]\n{option} = {text}\n')
                self.conf = cfg.ConfigOpts()
                self.conf([], default_config_files=[str(path)])
                error = self.assertRaises(exceptions.ConfigurationError, self.make_dummy, 'alpha')
                self.assertIn(f'[alpha] {option}', error.message)

    def test_state_file_that_can_not_be_kept(self) -> None:
        pathlib.Path(self.state_path, 'file').touch()
        error = self.assertRaises(
            exceptions.ConfigurationError,
            self.make_dummy,
            'alpha',
            dummy_driver_state_file=f'{self.state_path}/file/dummy.json',
        )
        self.assertIn('dummy_driver_state_file', error.message)

    def test_state_file_of_its_own_by_default(self) -> None:
        self.conf.set_override('state_path', f'{self.state_path}/new')
        driver = self.make_dummy('alpha', dummy_driver_state_file=None)
        self.create(driver)
        with open(f'{self.state_path}/new/dummy-alpha.json', encoding='utf-8') as file:
            self.assertEqual(['node1@alpha'], list(json.load(file)['servers']))

    def test_delays(self) -> None:
        driver = self.make_dummy(
            'alpha',
            dummy_driver_default_driver_method_delay=1.5,
            dummy_driver_driver_methods_delays={'delete_share': 0.25},
        )
        with mock.patch.object(time, 'sleep') as sleep:
            self.create(driver)
            driver.delete_share(self.context, {'id': 'instance'}, None)
            driver.get_share_stats()
        self.assertEqual([1.5, 0.25, 0.0], [call.args[0] for call in sleep.call_args_list])

    def test_failures(self) -> None:
        for kind, error in (
            ('refused', exceptions.DriverRefused),
            ('busy', exceptions.DriverBusy),
        ):
            driver = self.make_dummy('alpha', dummy_driver_failures={'create_share': kind})
            for _ in range(3):
                raised = self.assertRaises(error, self.create, driver)
                self.assertEqual(['dummy_failure'], [f.code for f in raised.findings])
        driver = self.make_dummy('alpha', dummy_driver_failures={'create_share': 'error'})
        self.assertRaises(RuntimeError, self.create, driver)
        self.assertEqual({}, self.file.read()['servers'])

    def test_counted_failure_goes_on_counting_after_a_restart(self) -> None:
        options = {'dummy_driver_failures': {'create_share': 'busy:2'}}
        for _ in range(2):
            driver = self.make_dummy('alpha', **options)
            self.assertRaises(exceptions.DriverBusy, self.create, driver)
        self.assertTrue(self.create(self.make_dummy('alpha', **options)))
        other = self.make_dummy('beta', **options)
        self.assertRaises(exceptions.DriverBusy, self.create, other)

    def test_busy_says_when_to_try_again(self) -> None:
        driver = self.make_dummy(
            'alpha',
            dummy_driver_failures={'create_share': 'busy'},
            dummy_driver_driver_methods_delays={'create_share': 0.01},
        )
        self.assertEqual(
            0.01, self.assertRaises(exceptions.DriverBusy, self.create, driver).retry_after
        )


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


class BackendTest(DummyCase):
    """Report, addresses, shares, access."""

    def test_report(self) -> None:
        report = self.make_dummy(
            'alpha', share_backend_name='GAMMA', reserved_share_percentage=5
        ).get_share_stats()
        self.assertEqual('GAMMA', report['share_backend_name'])
        self.assertEqual('NFS_CIFS', report['storage_protocol'])
        (pool,) = report['pools']
        self.assertEqual('fake_pool_for_GAMMA', pool['pool_name'])
        self.assertEqual(
            (1230, 1210, 5, 5, 5),
            (
                pool['total_capacity_gb'],
                pool['free_capacity_gb'],
                pool['reserved_percentage'],
                pool['reserved_snapshot_percentage'],
                pool['reserved_share_extend_percentage'],
            ),
        )
        self.assertEqual(-1, pool['max_shares_per_share_server'])
        for feature in SERVER_FEATURES:
            self.assertIs(True, report[feature], feature)
        self.assertIsNone(report['replication_type'])

    def test_report_by_option(self) -> None:
        report = self.make_dummy(
            'alpha', replication_domain='zone', dummy_driver_pool_count=3
        ).get_share_stats()
        self.assertEqual('readable', report['replication_type'])
        self.assertEqual(
            ['fake_pool_for_alpha', 'fake_pool_for_alpha_2', 'fake_pool_for_alpha_3'],
            [pool['pool_name'] for pool in report['pools']],
        )
        report = self.make_dummy('beta', dummy_driver_replication_type='dr').get_share_stats()
        self.assertEqual('dr', report['replication_type'])

    def test_without_share_servers(self) -> None:
        driver = self.make_dummy('alpha', driver_handles_share_servers=False)
        report = driver.get_share_stats()
        for feature in SERVER_FEATURES:
            self.assertIs(False, report[feature], feature)
        self.assertNotIn('max_shares_per_share_server', report['pools'][0])
        share = {'id': 'instance', 'name': 'share', 'share_proto': 'CIFS'}
        locations = driver.create_share(self.context, share, None)
        self.assertEqual('\\\\192.0.2.10\\share', locations[0]['path'])
        self.assertEqual({'node1@alpha'}, dummy_state.served_by(self.file.read(), 'instance'))

    def server(self, subnets: int, users: int = 2, **admin: str) -> list[dict[str, Any]]:
        return [
            {
                'server_id': 'server',
                'share_network_subnet_id': f'subnet{number}',
                'network_allocations': [
                    {'ip_address': f'10.0.{number}.{host}'} for host in range(1, users + 1)
                ],
                'admin_network_allocations': [{'ip_address': ip} for ip in admin.values()],
            }
            for number in range(subnets)
        ]

    def test_addresses_asked_for(self) -> None:
        driver = self.make_dummy('alpha')
        self.assertEqual(2, driver.get_network_allocations_number())
        self.assertEqual(0, driver.get_admin_network_allocations_number())
        driver = self.make_dummy('beta', admin_network_config_group='admin')
        self.assertEqual(1, driver.get_admin_network_allocations_number())

    def test_server_on_two_subnets_with_an_admin_network(self) -> None:
        driver = self.make_dummy('alpha')
        details = driver.setup_server(self.context, self.server(2, admin='fd00::1'))
        self.assertEqual(
            {'identifier', 'server_id', 'service_ip', 'username', 'subnet_allocations'},
            set(details),
        )
        self.assertEqual('server', details['server_id'])
        self.assertIsInstance(json.loads(details['subnet_allocations']), list)
        share = {'id': 'instance', 'name': 'share', 'share_proto': 'NFS'}
        locations = driver.create_share(
            self.context, share, {'id': 'server', 'backend_details': details}
        )
        self.assertEqual(
            [
                ('[fd00::1]:/share', True, 'False'),
                ('10.0.0.1:/share', False, 'True'),
                ('10.0.0.2:/share', False, 'False'),
                ('10.0.1.1:/share', False, 'True'),
                ('10.0.1.2:/share', False, 'False'),
            ],
            [
                (place['path'], place['is_admin_only'], place['metadata']['preferred'])
                for place in locations
            ],
        )

    def test_server_without_enough_addresses_is_refused(self) -> None:
        error = self.assertRaises(
            exceptions.DriverRefused,
            self.make_dummy('alpha').setup_server,
            self.context,
            self.server(2, users=1),
        )
        self.assertEqual(
            [('addresses_missing', 'server')], [(f.code, f.object_id) for f in error.findings]
        )

    def test_access_types(self) -> None:
        driver = self.make_dummy('alpha')
        rules = [{'access_id': kind, 'access_type': kind} for kind in ('ip', 'user', 'cert')]
        for protocol, taken in (('NFS', 'ip'), ('CIFS', 'user')):
            share = {'id': f'in-{protocol}', 'share_proto': protocol}
            reasons = driver.update_access(self.context, share, rules, None)
            self.assertEqual({'ip', 'user', 'cert'} - {taken}, set(reasons))
            record = self.file.read()['servers']['node1@alpha']['shares'][share['id']]
            self.assertEqual([taken], [rule['access_id'] for rule in record['rules']])

    def test_ensure_tells_changed_export_locations(self) -> None:
        driver = self.make_dummy('alpha')
        share = {
            'id': 'instance',
            'name': 'share',
            'share_proto': 'NFS',
            'access_rules': [],
            'export_locations': [{'path': 'elsewhere:/share', 'is_admin_only': False}],
        }
        changed = driver.ensure_shares(self.context, [(share, None)])
        self.assertEqual('192.0.2.10:/share', changed['instance'][0]['path'])


class StateFileTest(TestCase):
    """The state file under several users."""

    def setUp(self) -> None:
        super().setUp()
        self.path = f'{self.state_path}/state.json'

    def count(self) -> None:
        for _ in range(50):
            with dummy_state.StateFile(self.path).change() as now:
                now['failures']['n'] = now['failures'].get('n', 0) + 1

    def test_threads_and_processes_lose_no_change(self) -> None:
        code = f'from {__name__} import StateFileTest as T; t = T("count"); t.path = {self.path!r};'
        process = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', f'{code} t.count()'])
        file = dummy_state.StateFile(self.path)
        # The other process needs its time to start: only then they meet.
        while process.poll() is None and not file.read()['failures']:
            time.sleep(0.001)
        threads = [threading.Thread(target=self.count) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(0, process.wait())
        self.assertEqual(150, file.read()['failures']['n'])

    def test_exception_leaves_the_file_as_it_was(self) -> None:
        file = dummy_state.StateFile(self.path)
        self.count()
        with contextlib.suppress(ZeroDivisionError), file.change() as now:
            now['failures']['n'] = 0
            raise ZeroDivisionError
        self.assertEqual(50, file.read()['failures']['n'])
