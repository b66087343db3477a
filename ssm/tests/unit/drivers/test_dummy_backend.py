# SPDX-License-Identifier: Apache-2.0

"""The dummy driver: options, report, addresses, shares, access, the state file."""

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
from ssm.drivers import base
from ssm.drivers.dummy import DummyDriver
from ssm.drivers.dummy import state as dummy_state
from ssm.tests.base import TestCase
from ssm.tests.unit.drivers import kit
from ssm.tests.unit.drivers.test_dummy import DummyCase

SERVER_FEATURES = (
    'security_service_update_support',
    'network_allocation_update_support',
    'share_server_multiple_subnet_support',
    'share_replicas_migration_support',
)


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
        with mock.patch.object(time, 'sleep', autospec=True) as sleep:
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
