# SPDX-License-Identifier: Apache-2.0

"""Commands about access rules."""

import json

from ssm.tests.unit.shell import base, canned, fake

ACTION = f'/shares/{canned.SHARE}/action'
RULE = f'/share-access-rules/{canned.RULE}'


class AccessRulesTest(base.ShellTest):
    def allow(self, *argv: str) -> base.Result:
        queued = {'access': canned.RULE_ROW | {'state': 'queued_to_apply'}}
        self.api.prepare('POST', ACTION, queued)
        return self.ssm('access-allow', canned.SHARE, 'ip', '10.0.0.11', *argv, '-f', 'json')

    def test_allow(self) -> None:
        self.assertEqual('queued_to_apply', json.loads(self.allow().out)['state'])
        rule = {'access_type': 'ip', 'access_to': '10.0.0.11'}
        self.assertEqual([('POST', ACTION, {'allow_access': rule})], self.asked())

    def test_allow_with_level(self) -> None:
        self.allow('--access-level', 'ro')
        self.assertEqual('ro', self.asked()[0][2]['allow_access']['access_level'])
        self.assertEqual(2, self.allow('--access-level', 'rx').code)

    def test_allow_and_wait(self) -> None:
        applying = {'access': canned.RULE_ROW | {'state': 'applying'}}
        self.api.prepare('GET', RULE, applying, {'access': canned.RULE_ROW})
        self.assertEqual('active', json.loads(self.allow('--wait').out)['state'])

    def test_allow_and_wait_for_an_error(self) -> None:
        self.api.prepare('GET', RULE, {'access': canned.RULE_ROW | {'state': 'error'}})
        self.api.prepare('GET', '/messages', {'messages': []})
        result = self.allow('--wait')
        self.assertEqual(1, result.code)
        self.assertIn(f'The access rule {canned.RULE} is in status error.', result.err)

    def test_deny(self) -> None:
        self.api.prepare('POST', ACTION, fake.Answer(status=202))
        self.assertEqual('', self.succeeds('access-deny', canned.SHARE, canned.RULE))
        deny = {'deny_access': {'access_id': canned.RULE}}
        self.assertEqual([('POST', ACTION, deny)], self.asked())

    def test_deny_and_wait(self) -> None:
        self.api.prepare('POST', ACTION, fake.Answer(status=202))
        rules = [{'access': canned.RULE_ROW | {'state': state}} for state in ('error', 'denying')]
        self.api.prepare('GET', RULE, *rules, fake.fault(404, 'itemNotFound', 'Gone.'))
        self.succeeds('access-deny', canned.SHARE, canned.RULE, '--wait')
        self.assertEqual(['GET', 'POST', 'GET', 'GET'], [method for method, _p, _b in self.asked()])

    def test_list_by_name(self) -> None:
        self.api.prepare('GET', '/shares/detail', {'shares': [canned.SHARE_ROW]})
        self.api.prepare('GET', '/share-access-rules', {'access_list': [canned.RULE_ROW]})
        out = self.succeeds('access-list', 'home', '-f', 'value')
        self.assertEqual(f'{canned.RULE} ip 10.0.0.11 rw active 2025-11-25T07:12:00.000000\n', out)
        self.assertEqual(
            ('GET', '/share-access-rules', {'share_id': canned.SHARE}), self.asked()[-1]
        )
