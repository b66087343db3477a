# SPDX-License-Identifier: Apache-2.0

"""Commands about share servers."""

import json

from ssm.tests.unit.shell import base, canned, fake

PATH = f'/share-servers/{canned.SOURCE}'


class ShareServersTest(base.ShellTest):
    def test_list(self) -> None:
        self.api.prepare('GET', '/share-servers', {'share_servers': [canned.SERVER]})
        header = self.succeeds('share-server-list').splitlines()[1]
        self.assertEqual(
            [
                'Id',
                'Host',
                'Status',
                'Share Network',
                'Project Id',
                'Updated_at',
                'Share Network Subnet Id(s)',
                'Task State',
            ],
            [heading.strip() for heading in header.strip('|').split('|')],
        )

    def test_list_cells(self) -> None:
        self.api.prepare('GET', '/share-servers', {'share_servers': [canned.SERVER]})
        self.assertEqual(
            f'{canned.SOURCE} stack@dummy1 server_migrating tenant-net {canned.PROJECT} '
            f"2025-11-25T07:30:00.000000 ['{canned.SUBNET}'] migration_driver_in_progress\n",
            self.succeeds('share-server-list', '-f', 'value'),
        )

    def test_list_filters(self) -> None:
        self.api.prepare('GET', '/share-servers', {'share_servers': []})
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': [canned.NETWORK_ROW]})
        argv = (
            '--host stack@dummy2 --status server_migrating_to --share-network tenant-net '
            f'--share-network-subnet {canned.SUBNET} --project-id p1 '
            f'--task-state migration_success --source-share-server-id {canned.SOURCE}'
        )
        self.succeeds('share-server-list', *argv.split())
        self.assertEqual(
            (
                'GET',
                '/share-servers',
                {
                    'host': 'stack@dummy2',
                    'status': 'server_migrating_to',
                    'share_network_id': canned.NETWORK,
                    'share_network_subnet_id': canned.SUBNET,
                    'project_id': 'p1',
                    'task_state': 'migration_success',
                    'source_share_server_id': canned.SOURCE,
                },
            ),
            self.asked()[-1],
        )

    def test_empty_filters_are_not_sent(self) -> None:
        self.api.prepare('GET', '/share-servers', {'share_servers': []})
        self.succeeds('share-server-list', '--host', '', '--share-network', '')
        self.assertEqual([('GET', '/share-servers', None)], self.asked())

    def test_empty_list_has_its_header(self) -> None:
        self.api.prepare('GET', '/share-servers', {'share_servers': []})
        self.assertIn('| Id | Host |', self.succeeds('share-server-list'))

    def test_show_splits_the_details(self) -> None:
        details = {'service_ip': '10.0.0.10', 'path': '/srv/1'}
        server = canned.SERVER | {'backend_details': details, 'created_at': 'today'}
        self.api.prepare('GET', PATH, {'share_server': server})
        shown = json.loads(self.succeeds('share-server-show', canned.SOURCE, '-f', 'json'))
        self.assertEqual('/srv/1', shown['details:path'])
        self.assertEqual('10.0.0.10', shown['details:service_ip'])
        self.assertNotIn('backend_details', shown)
        self.assertEqual(['id', 'status', 'task_state', 'host'], list(shown)[:4])
        self.assertEqual(
            set(server) - {'backend_details'}, set(shown) - {'details:path', 'details:service_ip'}
        )

    def test_show_as_table(self) -> None:
        self.api.prepare('GET', PATH, {'share_server': canned.SERVER | {'backend_details': {}}})
        out = self.succeeds('share-server-show', canned.SOURCE)
        self.assertTrue(out.splitlines()[1].startswith('| Property '), out)
        self.assertIn(f'| share_network_subnet_ids          | {canned.SUBNET} |', out)

    def test_delete(self) -> None:
        self.api.prepare('DELETE', PATH, fake.Answer(status=202))
        self.assertEqual('', self.succeeds('share-server-delete', canned.SOURCE))
        self.assertEqual([('DELETE', PATH, None)], self.asked())

    def test_manage(self) -> None:
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': [canned.NETWORK_ROW]})
        server = canned.SERVER | {'status': 'manage_starting', 'backend_details': {}}
        self.api.prepare('POST', '/share-servers/manage', {'share_server': server})
        argv = ('share-server-manage', 'stack@dummy1', 'tenant-net', 'svm_7')
        out = self.succeeds(*argv, '-f', 'value', '-c', 'status')
        self.assertEqual('manage_starting\n', out)
        body = {
            'host': 'stack@dummy1',
            'share_network_id': canned.NETWORK,
            'identifier': 'svm_7',
            'driver_options': {},
        }
        self.assertEqual(
            ('POST', '/share-servers/manage', {'share_server': body}), self.asked()[-1]
        )
        options = ['--driver_options', 'depth=2', 'kind=x=y', '--share-network-subnet']
        self.succeeds(*argv, *options, canned.SUBNET)
        body |= {
            'driver_options': {'depth': '2', 'kind': 'x=y'},
            'share_network_subnet_id': canned.SUBNET,
        }
        self.assertEqual({'share_server': body}, self.asked()[-1][2])

    def test_manage_and_wait(self) -> None:
        server = canned.SERVER | {'status': 'manage_starting', 'backend_details': {}}
        self.api.prepare('POST', '/share-servers/manage', {'share_server': server})
        argv = ('share-server-manage', 'stack@dummy1', canned.NETWORK, 'svm_7', '--wait')
        active = server | {'status': 'active', 'backend_details': {'path': '/srv/7'}}
        self.api.prepare('GET', PATH, {'share_server': active})
        self.assertIn('| details:path ', self.succeeds(*argv))
        self.api.prepare('GET', PATH, {'share_server': server | {'status': 'manage_error'}})
        result = self.ssm(*argv)
        self.assertEqual(1, result.code)
        self.assertIn('is in status manage_error', result.err)

    def test_unmanage(self) -> None:
        self.api.prepare('POST', f'{PATH}/action', fake.Answer(status=202))
        self.assertEqual('', self.succeeds('share-server-unmanage', canned.SOURCE))
        self.succeeds('share-server-unmanage', canned.SOURCE, '--force')
        self.assertEqual(
            [{'unmanage': {'force': False}}, {'unmanage': {'force': True}}],
            [body for _method, _path, body in self.asked()],
        )

    def test_unmanage_and_wait(self) -> None:
        self.api.prepare('POST', f'{PATH}/action', fake.Answer(status=202))
        shown = {'share_server': canned.SERVER | {'status': 'active', 'backend_details': {}}}
        gone = fake.fault(404, 'itemNotFound', 'Gone.')
        self.api.prepare('GET', PATH, shown, gone)
        self.succeeds('share-server-unmanage', canned.SOURCE, '--wait')
        failed = {'share_server': canned.SERVER | {'status': 'unmanage_error'}}
        self.api.prepare('GET', PATH, shown, failed)
        self.assertEqual(1, self.ssm('share-server-unmanage', canned.SOURCE, '--wait').code)

    def test_reset_state(self) -> None:
        self.api.prepare('POST', f'{PATH}/action', fake.Answer(status=202))
        self.succeeds('share-server-reset-state', canned.SOURCE)
        self.succeeds('share-server-reset-state', canned.SOURCE, '--state', 'error')
        self.assertEqual(
            [{'reset_status': {'status': 'active'}}, {'reset_status': {'status': 'error'}}],
            [body for _method, _path, body in self.asked()],
        )

    def test_reset_task_state(self) -> None:
        self.api.prepare('POST', f'{PATH}/action', fake.Answer(status=202))
        self.succeeds('share-server-reset-task-state', canned.SOURCE)
        for option in ('--task-state', '--task_state', '--state'):
            self.succeeds('share-server-reset-task-state', canned.SOURCE, option, 'migration_error')
        states = [body['reset_task_state']['task_state'] for _m, _p, body in self.asked()]
        self.assertEqual([None, *['migration_error'] * 3], states)
