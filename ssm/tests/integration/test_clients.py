# SPDX-License-Identifier: Apache-2.0

"""The published clients as judges: the shell of the user guide, and the one that followed it.

Each runs as a program in an environment of its own (``ssm_clients`` of tools/lib.sh) against
running services with dummy back ends, without Keystone.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any, ClassVar

from testtools import content

from ssm.tests import base
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.wait import until

CLIENTS = pathlib.Path(sys.prefix) / 'clients'
DESTINATION = 'node1@beta'
MIGRATE = ('--nondisruptive', 'False', '--writable', 'True')

# The copy is half done for some seconds, so that the clients can see it.
BACK_END = """\
dummy_driver_default_driver_method_delay = 0
dummy_driver_driver_methods_delays = share_server_migration_continue:6
dummy_driver_progress_step = 50
"""

PROGRESS = ['total_progress', 'task_state', 'destination_share_server_id']
"""Rows of the progress table, in the guide's order."""

REQUESTED = (
    "{'writable': 'True', 'nondisruptive': 'False', 'preserve_snapshots': 'True', "
    "'share_network_id': %s, 'host': 'node1@beta'}"
)
SUPPORTED = (
    "{'writable': True, 'nondisruptive': False, 'preserve_snapshots': True, "
    "'share_network_id': '%s', 'migration_cancel': True, 'migration_get_progress': True}"
)
"""Values of the guide's check table, %s is the share network."""


def table(printed: str) -> list[list[str]]:
    """The cells of a printed table, the heading first."""
    return [
        [cell.strip() for cell in line.strip('|').split('|')]
        for line in printed.splitlines()
        if line.startswith('|')
    ]


def lines(printed: str) -> list[tuple[str, list[str]]]:
    """The rows of a table whose values may take several lines each."""
    found: list[tuple[str, list[str]]] = []
    for name, value in table(printed):
        if name:
            found.append((name, []))
        if value:
            found[-1][1].append(value)
    return found


@base.only_full
class ClientCase(base.TestCase):
    """One deployment a class; each test has a share server ``self.server`` of its own."""

    world: ClassVar[Deployment]
    program: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.world = Deployment(driver='dummy', backend_options=BACK_END)
        cls.addClassCleanup(cls.world.stop)
        cls.world.start()
        specs = {'driver_handles_share_servers': 'True', 'snapshot_support': 'True'}
        cls.world.request(
            'POST', '/types', {'share_type': {'name': 'default', 'extra_specs': specs}}
        )

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(self.show_log)
        self.network = self.make_network('tenant')
        share = {
            'share_proto': 'NFS',
            'size': 1,
            'share_type': 'default',
            'share_network_id': self.network,
            'availability_zone': 'zone-alpha',
        }
        self.share = self.world.request('POST', '/shares', {'share': share})['share']['id']
        until(lambda: self.share_now()['status'] == 'available', 'the share')
        self.server = self.share_now()['share_server_id']

    def show_log(self, _info: Any) -> None:
        self.addDetail('log', content.text_content(self.world.log('all', 80)))

    def make_network(self, name: str) -> str:
        body = {'share_network': {'name': f'{name} of {self.id()}'}}
        return self.world.request('POST', '/share-networks', body)['share_network']['id']

    # What the API says

    def share_now(self) -> dict[str, Any]:
        return self.world.get(f'/shares/{self.share}')['share']

    def server_now(self) -> dict[str, Any]:
        return self.world.get(f'/share-servers/{self.server}')['share_server']

    def destination(self) -> str:
        query = f'source_share_server_id={self.server}&status=server_migrating_to'
        return self.world.get(f'/share-servers?{query}')['share_servers'][0]['id']

    def wait_for_task_state(self, task_state: str) -> None:
        until(lambda: self.server_now()['task_state'] == task_state, task_state)

    def wait_for_half(self) -> None:
        """The driver said that half is copied."""
        path = f'/share-server-migrations?source_share_server_id={self.server}'
        until(
            lambda: self.world.get(path)['share_server_migrations'][0]['total_progress'] == 50,
            'half of the copy',
        )

    # What the client says

    def arguments(self) -> list[str]:
        """How the client reaches the deployment."""
        raise NotImplementedError

    def run_client(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = CLIENTS / self.program / 'bin' / self.program
        return subprocess.run(
            [program, *self.arguments(), *arguments],
            capture_output=True,
            text=True,
            env=self.world.environment | {'COLUMNS': '400'},
            check=False,
        )

    def client(self, *arguments: str) -> str:
        """Run a command that has to end well; what it printed."""
        done = self.run_client(*arguments)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Run a command that has to fail; what it complained of."""
        done = self.run_client(*arguments)
        self.assertEqual((1, ''), (done.returncode, done.stdout))
        return done.stderr

    def assert_progress(self, printed: str, heading: list[str], *values: str) -> None:
        expected = [list(row) for row in zip(PROGRESS, values, strict=True)]
        self.assertEqual([heading, *expected], table(printed))


class ManilaTest(ClientCase):
    """python-manilaclient 5.7.1, the ``manila`` of the user guide."""

    program = 'manila'
    heading = ['Property', 'Value']
    migrate = (*MIGRATE, '--preserve_snapshots', 'True')

    def arguments(self) -> list[str]:
        return ['--os-token', 'admin:admin', '--bypass-url', self.world.url]

    def start(self) -> None:
        self.client('share-server-migration-start', self.server, DESTINATION, *self.migrate)

    def test_check(self) -> None:
        printed = self.client(
            'share-server-migration-check', self.server, DESTINATION, *self.migrate
        )
        self.assertEqual(
            [
                self.heading,
                ['compatible', 'True'],
                ['requested_capabilities', REQUESTED % None],
                ['supported_capabilities', SUPPORTED % self.network],
            ],
            table(printed),
        )
        self.assertEqual('active', self.server_now()['status'])

    def test_check_with_a_new_network(self) -> None:
        other = self.make_network('other')
        printed = self.client(
            'share-server-migration-check',
            self.server,
            DESTINATION,
            *self.migrate,
            '--new_share_network',
            f'other of {self.id()}',
        )
        values = dict(table(printed)[1:])
        self.assertEqual(REQUESTED % f"'{other}'", values['requested_capabilities'])
        self.assertEqual(SUPPORTED % other, values['supported_capabilities'])

    def test_check_says_what_does_not_fit(self) -> None:
        printed = self.client(
            'share-server-migration-check',
            self.server,
            DESTINATION,
            '--nondisruptive',
            'True',
            '--writable',
            'True',
            '--preserve_snapshots',
            'True',
        )
        values = dict(table(printed)[1:])
        self.assertEqual('False', values['compatible'])
        self.assertEqual(SUPPORTED % self.network, values['supported_capabilities'])
        self.assertIn('nondisruptive_unsupported', values['reasons'])

    def test_start_progress_complete(self) -> None:
        printed = self.client(
            'share-server-migration-start', self.server, DESTINATION, *self.migrate
        )
        self.assertEqual('', printed)
        self.wait_for_half()
        destination = self.destination()
        show_progress = ('share-server-migration-get-progress', self.server)
        self.assert_progress(
            self.client(*show_progress),
            self.heading,
            '50',
            'migration_driver_in_progress',
            destination,
        )
        self.assertIn('HTTP 400', self.refused('share-server-migration-complete', self.server))
        self.wait_for_task_state('migration_driver_phase1_done')
        self.assert_progress(
            self.client(*show_progress),
            self.heading,
            '100',
            'migration_driver_phase1_done',
            destination,
        )
        printed = self.client('share-server-migration-complete', self.server)
        self.assertEqual(
            [self.heading, ['destination_share_server_id', destination]], table(printed)
        )
        self.wait_for_task_state('migration_success')
        self.assert_progress(
            self.client(*show_progress), self.heading, '100', 'migration_success', destination
        )
        self.assertIn('HTTP 400', self.refused('share-server-migration-cancel', self.server))
        printed = self.client('share-server-list', '--host', DESTINATION, '--status', 'active')
        self.assertIn(destination, [row[0] for row in table(printed)])

    def test_cancel(self) -> None:
        self.start()
        self.wait_for_half()
        self.assertEqual('', self.client('share-server-migration-cancel', self.server))
        self.wait_for_task_state('migration_cancelled')
        self.assertEqual('active', self.server_now()['status'])
        self.assertEqual('available', self.share_now()['status'])
        self.assertIn('HTTP 400', self.refused('share-server-migration-cancel', self.server))

    def test_list(self) -> None:
        printed = self.client('share-server-list', '--share-network', self.network)
        heading, row = table(printed)
        self.assertEqual(
            ['Id', 'Host', 'Status', 'Share Network', 'Project Id', 'Updated_at'], heading[:6]
        )
        self.assertEqual(
            [self.server, 'node1@alpha', 'active', f'tenant of {self.id()}', 'admin'], row[:5]
        )

    def test_show(self) -> None:
        shown = dict(table(self.client('share-server-show', self.server)))
        self.assertEqual(self.server, shown['id'])
        self.assertEqual(('None', 'None'), (shown['task_state'], shown['source_share_server_id']))
        self.assertEqual('dummy', shown['details:username'])
        details = dict(table(self.client('share-server-details', self.server)))
        self.assertEqual('dummy', details['username'])

    def test_resets(self) -> None:
        reset = ('share-server-reset-task-state', self.server)
        self.assertEqual('', self.client(*reset, '--task-state', 'migration_error'))
        self.assertEqual('migration_error', self.server_now()['task_state'])
        self.assertEqual('', self.client(*reset))
        self.assertIsNone(self.server_now()['task_state'])
        self.assertEqual(
            '', self.client('share-server-reset-state', self.server, '--state', 'error')
        )
        self.assertEqual('error', self.server_now()['status'])

    def test_delete(self) -> None:
        self.world.request('DELETE', f'/shares/{self.share}')
        shares = f'/shares?share_network_id={self.network}'
        until(lambda: not self.world.get(shares)['shares'], 'the end of the share')
        self.assertEqual('', self.client('share-server-delete', self.server))
        servers = f'/share-servers?share_network_id={self.network}'
        until(lambda: not self.world.get(servers)['share_servers'], 'the end of the server')


class OpenstackTest(ClientCase):
    """The current python-manilaclient, a part of ``openstack``."""

    program = 'openstack'
    heading = ['Field', 'Value']
    migrate = (*MIGRATE, '--preserve-snapshots', 'True')

    def arguments(self) -> list[str]:
        return [
            '--os-auth-type',
            'admin_token',
            '--os-endpoint',
            self.world.url,
            '--os-token',
            'admin:admin',
        ]

    def start(self, *further: str) -> str:
        return self.client(
            *('share', 'server', 'migration', 'start', self.server, DESTINATION, *self.migrate),
            *further,
        )

    def migration(self, action: str) -> str:
        return self.client('share', 'server', 'migration', action, self.server)

    def test_check(self) -> None:
        other = self.make_network('other')
        self.assertEqual(
            [
                ('Field', ['Value']),
                ('compatible', ['True']),
                (
                    'requested_capabilities',
                    [
                        'writable = True',
                        'nondisruptive = False',
                        'preserve_snapshots = True',
                        f'share_network_id = {other}',
                        'host = node1@beta',
                    ],
                ),
                (
                    'supported_capabilities',
                    [
                        'writable = True',
                        'nondisruptive = False',
                        'preserve_snapshots = True',
                        f'share_network_id = {other}',
                        'migration_cancel = True',
                        'migration_get_progress = True',
                    ],
                ),
            ],
            lines(self.start('--new-share-network', f'other of {self.id()}', '--check-only')),
        )
        self.assertEqual('active', self.server_now()['status'])

    def test_start_progress_complete(self) -> None:
        self.assertEqual('', self.start().strip())
        self.wait_for_half()
        destination = self.destination()
        self.assert_progress(
            self.migration('show'),
            self.heading,
            '50',
            'migration_driver_in_progress',
            destination,
        )
        self.wait_for_task_state('migration_driver_phase1_done')
        self.assertEqual('', self.migration('complete').strip())
        self.wait_for_task_state('migration_success')
        self.assert_progress(
            self.migration('show'), self.heading, '100', 'migration_success', destination
        )
        self.assertEqual(destination, self.share_now()['share_server_id'])
        listed = ('share', 'server', 'list', '--source-share-server-id', self.server)
        self.assertEqual(
            [
                ['ID', 'Host', 'Status', 'Share Network ID', 'Project ID'],
                [destination, DESTINATION, 'active', self.network, 'admin'],
            ],
            table(self.client(*listed)),
        )

    def test_cancel(self) -> None:
        self.start()
        self.wait_for_half()
        self.assertEqual('', self.migration('cancel').strip())
        self.wait_for_task_state('migration_cancelled')
        shown = dict(table(self.client('share', 'server', 'show', self.server)))
        self.assertEqual(('active', 'migration_cancelled'), (shown['status'], shown['task_state']))

    def test_refusal(self) -> None:
        said = self.refused('share', 'server', 'migration', 'complete', self.server)
        self.assertIn('HTTP 400', said)
        self.assertIn('not server_migrating', said)

    def test_set(self) -> None:
        """It resets both: what is not named becomes active, or none."""
        change = ('share', 'server', 'set', self.server)
        self.assertEqual('', self.client(*change, '--task-state', 'migration_error').strip())
        now = self.server_now()
        self.assertEqual(('active', 'migration_error'), (now['status'], now['task_state']))
        self.assertEqual('', self.client(*change, '--status', 'error').strip())
        now = self.server_now()
        self.assertEqual(('error', None), (now['status'], now['task_state']))
