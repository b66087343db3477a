# SPDX-License-Identifier: Apache-2.0

"""Commands about share types."""

import json

from ssm.tests.unit.shell import base, canned, fake

SPECS = f'/types/{canned.SHARE_TYPE}/extra_specs'


class ShareTypesTest(base.ShellTest):
    def setUp(self) -> None:
        super().setUp()
        self.api.prepare('GET', '/types', {'share_types': [canned.TYPE_ROW]})
        self.api.prepare('POST', '/types', {'share_type': canned.TYPE_ROW})

    def test_create(self) -> None:
        out = self.succeeds('type-create', 'dhss', 'true', '-f', 'json')
        self.assertEqual(
            {
                'ID': canned.SHARE_TYPE,
                'Name': 'dhss',
                'visibility': 'public',
                'is_default': False,
                'required_extra_specs': {'driver_handles_share_servers': 'True'},
                'optional_extra_specs': {'snapshot_support': 'True'},
                'Description': None,
            },
            json.loads(out),
        )
        self.assertEqual(
            {
                'name': 'dhss',
                'share_type_access:is_public': True,
                'extra_specs': {'driver_handles_share_servers': 'True'},
            },
            self.asked()[0][2]['share_type'],
        )

    def test_create_with_everything(self) -> None:
        self.succeeds(
            *('type-create', 'plain', 'False', '--is_public', 'no', '--description', 'text'),
            *('--extra-specs', 'snapshot_support=True', 'note=a=b'),
        )
        self.assertEqual(
            {
                'name': 'plain',
                'description': 'text',
                'share_type_access:is_public': False,
                'extra_specs': {
                    'driver_handles_share_servers': 'False',
                    'snapshot_support': 'True',
                    'note': 'a=b',
                },
            },
            self.asked()[0][2]['share_type'],
        )

    def test_create_with_wrong_words(self) -> None:
        for argv, word in (
            (['t', 'maybe'], 'maybe is neither True nor False'),
            (['t', 'True', '--extra-specs', 'x'], 'x is not of the form key=value'),
        ):
            result = self.ssm('type-create', *argv)
            self.assertEqual(2, result.code)
            self.assertIn(word, result.err)
        self.assertEqual([], self.api.requests)

    def test_list(self) -> None:
        out = self.succeeds('type-list')
        self.assertIn('| driver_handles_share_servers = True | snapshot_support = True ', out)
        self.succeeds('type-list', '--all')
        self.assertEqual(
            [('GET', '/types', None), ('GET', '/types', {'is_public': 'all'})], self.asked()
        )

    def test_key_set(self) -> None:
        self.api.prepare('POST', SPECS, {'extra_specs': {}})
        self.succeeds('type-key', 'dhss', 'set', 'a=1', 'availability_zones=nova,x')
        self.assertEqual(
            ('POST', SPECS, {'extra_specs': {'a': '1', 'availability_zones': 'nova,x'}}),
            self.asked()[-1],
        )

    def test_key_set_without_value(self) -> None:
        result = self.ssm('type-key', 'dhss', 'set', 'a')
        self.assertEqual(1, result.code)
        self.assertIn('a is not of the form key=value', result.err)

    def test_key_unset(self) -> None:
        for key in ('a', 'provisioning%3Amax_share_size'):
            self.api.prepare('DELETE', f'{SPECS}/{key}', fake.Answer(status=202))
        self.succeeds('type-key', canned.SHARE_TYPE, 'unset', 'a', 'provisioning:max_share_size')
        self.assertEqual(2, len(self.api.requests))

    def test_delete_by_name(self) -> None:
        path = f'/types/{canned.SHARE_TYPE}'
        self.api.prepare('DELETE', path, fake.Answer(status=202))
        self.succeeds('type-delete', 'dhss')
        self.assertEqual(
            [('GET', '/types', {'is_public': 'all'}), ('DELETE', path, None)], self.asked()
        )
