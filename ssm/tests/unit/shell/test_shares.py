# SPDX-License-Identifier: Apache-2.0

"""Commands about shares, and how one waits for a resource."""

import json

from ssm.tests.unit.shell import base, canned, fake

PATH = f'/shares/{canned.SHARE}'
OTHER = '11111111-2222-4333-8444-555555555555'


def share(**changes: object) -> dict[str, object]:
    """An answer with one share."""
    return {'share': canned.SHARE_ROW | changes}


class CreateTest(base.ShellTest):
    def setUp(self) -> None:
        super().setUp()
        self.api.prepare('POST', '/shares', share(status='creating'))

    def test_smallest(self) -> None:
        for name in ('create', 'share-create'):
            out = self.succeeds(name, 'NFS', '1', '-f', 'json')
            self.assertEqual('creating', json.loads(out)['status'])
            self.assertEqual(
                ('POST', '/shares', {'share': {'share_proto': 'NFS', 'size': 1}}), self.asked()[-1]
            )

    def test_names_become_ids(self) -> None:
        self.api.prepare('GET', '/types', {'share_types': [canned.TYPE_ROW]})
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': [canned.NETWORK_ROW]})
        self.api.prepare('GET', '/snapshots/detail', {'snapshots': [canned.SNAPSHOT_ROW]})
        self.succeeds(
            *('create', 'NFS', '1', '--name', 'home', '--share-type', 'dhss'),
            *('--share-network', 'tenant-net', '--snapshot-id', 'monday'),
            *('--availability-zone', 'nova', '--description', 'text'),
        )
        self.assertEqual(
            {
                'share_proto': 'NFS',
                'size': 1,
                'name': 'home',
                'description': 'text',
                'share_type': canned.SHARE_TYPE,
                'share_network_id': canned.NETWORK,
                'snapshot_id': canned.SNAPSHOT,
                'availability_zone': 'nova',
            },
            self.asked()[-1][2]['share'],
        )

    def test_wait(self) -> None:
        self.api.prepare('GET', PATH, share(status='creating'), share(status='available'))
        out = self.succeeds('create', 'NFS', '1', '--wait', '-f', 'value', '-c', 'status')
        self.assertEqual('available\n', out)
        self.assertEqual(3, len(self.api.requests))

    def test_wait_tells_why_it_failed(self) -> None:
        self.api.prepare('GET', PATH, share(status='error'))
        message = {'user_message': 'allocate host: No storage could be allocated.'}
        self.api.prepare('GET', '/messages', {'messages': [message]})
        result = self.ssm('create', 'NFS', '1', '--wait')
        self.assertEqual((1, ''), (result.code, result.out))
        self.assertEqual(
            f'The share {canned.SHARE} is in status error. '
            'allocate host: No storage could be allocated.\n',
            result.err,
        )
        self.assertEqual(('GET', '/messages', {'resource_id': canned.SHARE}), self.asked()[-1])

    def test_wait_without_a_message(self) -> None:
        self.api.prepare('GET', PATH, share(status='error'))
        for answer in ({'messages': []}, fake.fault(404, 'itemNotFound', 'No messages here.')):
            self.api.prepare('GET', '/messages', answer)
            result = self.ssm('create', 'NFS', '1', '--wait')
            self.assertEqual(1, result.code)
            self.assertIn('is in status error. The service left no message', result.err)


class ReadTest(base.ShellTest):
    def test_list(self) -> None:
        self.api.prepare('GET', '/shares/detail', {'shares': [canned.SHARE_ROW]})
        for name in ('list', 'share-list'):
            self.assertEqual(
                f'{canned.SHARE} home 1 NFS available False dhss stack@dummy1#pool nova\n',
                self.succeeds(name, '-f', 'value'),
            )

    def test_list_filters(self) -> None:
        self.api.prepare('GET', '/shares/detail', {'shares': []})
        self.succeeds(
            *('list', '--all-tenants', '--share-server-id', canned.SOURCE, '--name', 'home'),
            *('--status', 'available', '--host', 'a@b#c', '--limit', '5', '--offset', '5'),
            *('--share-type', canned.SHARE_TYPE, '--share-network', canned.NETWORK),
            *('--snapshot', canned.SNAPSHOT, '--project-id', 'p1'),
        )
        self.assertEqual(
            {
                'all_tenants': '1',
                'share_server_id': canned.SOURCE,
                'name': 'home',
                'status': 'available',
                'host': 'a@b#c',
                'limit': '5',
                'offset': '5',
                'share_type_id': canned.SHARE_TYPE,
                'share_network_id': canned.NETWORK,
                'snapshot_id': canned.SNAPSHOT,
                'project_id': 'p1',
            },
            self.asked()[0][2],
        )

    def test_show_has_the_paths(self) -> None:
        self.api.prepare('GET', PATH, share())
        self.api.prepare('GET', f'{PATH}/export_locations', {'export_locations': canned.LOCATIONS})
        for name in ('show', 'share-show'):
            shown = json.loads(self.succeeds(name, canned.SHARE, '-f', 'json'))
            self.assertEqual(['10.0.0.10:/shares/home'], shown['export_locations'])
            self.assertNotIn('links', shown)
            self.assertEqual('stack@dummy1#pool', shown['host'])

    def test_export_locations(self) -> None:
        self.api.prepare('GET', '/shares/detail', {'shares': [canned.SHARE_ROW]})
        self.api.prepare('GET', f'{PATH}/export_locations', {'export_locations': canned.LOCATIONS})
        out = self.succeeds('share-export-location-list', 'home', '-f', 'value', '-c', 'Path')
        self.assertEqual('10.0.0.10:/shares/home\n', out)


class DeleteTest(base.ShellTest):
    def setUp(self) -> None:
        super().setUp()
        self.api.prepare('DELETE', PATH, fake.Answer(status=202))
        self.api.prepare('DELETE', f'/shares/{OTHER}', fake.Answer(status=202))

    def test_several(self) -> None:
        self.succeeds('delete', canned.SHARE, OTHER)
        self.assertEqual(
            [('DELETE', PATH, None), ('DELETE', f'/shares/{OTHER}', None)], self.asked()
        )

    def test_one_that_fails_does_not_keep_the_others(self) -> None:
        self.api.prepare('DELETE', PATH, fake.fault(403, 'forbidden', 'It has snapshots.'))
        result = self.ssm('share-delete', canned.SHARE, OTHER)
        self.assertEqual(1, result.code)
        self.assertEqual(
            f'{canned.SHARE}: It has snapshots. (HTTP 403, request req-4711)\n', result.err
        )
        self.assertEqual(2, len(self.api.requests))

    def test_wait_until_gone(self) -> None:
        gone = fake.fault(404, 'itemNotFound', 'Gone.')
        self.api.prepare('GET', PATH, share(), share(status='deleting'), gone)
        self.succeeds('delete', canned.SHARE, '--wait')
        self.assertEqual(4, len(self.api.requests))

    def test_wait_for_what_was_in_error_before(self) -> None:
        broken, gone = share(status='error'), fake.fault(404, 'itemNotFound', 'Gone.')
        self.api.prepare('GET', PATH, broken, broken, broken, gone)
        self.succeeds('delete', canned.SHARE, '--wait')

    def test_wait_for_a_deletion_that_fails(self) -> None:
        self.api.prepare('GET', PATH, share(status='error'), share(status='error_deleting'))
        self.api.prepare('GET', '/messages', {'messages': [{'user_message': 'delete: Busy.'}]})
        result = self.ssm('delete', '--wait', canned.SHARE)
        self.assertEqual(1, result.code)
        self.assertIn('is in status error_deleting. delete: Busy.', result.err)

    def test_wait_does_not_take_a_failure_for_gone(self) -> None:
        self.api.prepare('GET', PATH, share(), fake.fault(500, 'computeFault', 'Broken.'))
        self.assertEqual(1, self.ssm('delete', '--wait', canned.SHARE).code)

    def test_unknown_name(self) -> None:
        self.api.prepare('GET', '/shares/detail', {'shares': []})
        result = self.ssm('delete', 'nothing', canned.SHARE)
        self.assertEqual(1, result.code)
        self.assertEqual('nothing: There is no share named nothing.\n', result.err)
        self.assertEqual(('DELETE', PATH, None), self.asked()[-1])
