# SPDX-License-Identifier: Apache-2.0

"""Commands about snapshots."""

import json

from ssm.tests.unit.shell import base, canned, fake

PATH = f'/snapshots/{canned.SNAPSHOT}'


class SnapshotsTest(base.ShellTest):
    def test_create(self) -> None:
        self.api.prepare('POST', '/snapshots', {'snapshot': canned.SNAPSHOT_ROW})
        out = self.succeeds(
            'snapshot-create', canned.SHARE, '--name', 'monday', '--description', 'x'
        )
        self.assertIn(canned.SNAPSHOT, out)
        body = {'share_id': canned.SHARE, 'name': 'monday', 'description': 'x'}
        self.assertEqual([('POST', '/snapshots', {'snapshot': body})], self.asked())

    def test_create_and_wait(self) -> None:
        creating = {'snapshot': canned.SNAPSHOT_ROW | {'status': 'creating'}}
        self.api.prepare('POST', '/snapshots', creating)
        self.api.prepare('GET', PATH, creating, {'snapshot': canned.SNAPSHOT_ROW})
        out = self.succeeds('snapshot-create', canned.SHARE, '--wait', '-f', 'json')
        self.assertEqual('available', json.loads(out)['status'])
        self.assertNotIn('links', json.loads(out))

    def test_list_of_a_share(self) -> None:
        self.api.prepare('GET', '/shares/detail', {'shares': [canned.SHARE_ROW]})
        self.api.prepare('GET', '/snapshots/detail', {'snapshots': [canned.SNAPSHOT_ROW]})
        out = self.succeeds('snapshot-list', '--share-id', 'home', '-f', 'value')
        self.assertEqual(f'{canned.SNAPSHOT} {canned.SHARE} available monday 1\n', out)
        self.assertEqual(('GET', '/snapshots/detail', {'share_id': canned.SHARE}), self.asked()[-1])

    def test_show_by_name(self) -> None:
        self.api.prepare('GET', '/snapshots/detail', {'snapshots': [canned.SNAPSHOT_ROW]})
        self.api.prepare('GET', PATH, {'snapshot': canned.SNAPSHOT_ROW})
        out = self.succeeds('snapshot-show', 'monday', '-f', 'json')
        self.assertEqual(canned.SNAPSHOT, json.loads(out)['id'])

    def test_delete_and_wait(self) -> None:
        deleting = {'snapshot': canned.SNAPSHOT_ROW | {'status': 'deleting'}}
        gone = fake.fault(404, 'itemNotFound', 'Gone.')
        self.api.prepare('DELETE', PATH, fake.Answer(status=202))
        self.api.prepare('GET', PATH, {'snapshot': canned.SNAPSHOT_ROW}, deleting, gone)
        self.succeeds('snapshot-delete', canned.SNAPSHOT, '--wait')
        self.assertEqual(4, len(self.api.requests))
