# SPDX-License-Identifier: Apache-2.0

"""The rules and who passes them."""

import collections
import pathlib

from ssm import policies
from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.policies import enforcer
from ssm.tests.base import TestCase

MINE = {'project_id': 'a', 'user_id': 'u'}
OTHERS = {'project_id': 'b', 'user_id': 'v'}


def _caller(*roles: str) -> RequestContext:
    return RequestContext(user_id='u', project_id='a', roles=list(roles), overwrite=False)


class RulesTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        enforcer.reset()
        self.addCleanup(enforcer.reset)

    def write(self, text: str) -> None:
        path = pathlib.Path(self.state_path) / 'policy.yaml'
        path.write_text(text)
        enforcer.init()
        self.override('oslo_policy', policy_file=str(path))
        enforcer.reset()

    def passes(self, rule: str, target: dict[str, str], *roles: str) -> bool:
        try:
            enforcer.authorize(_caller(*roles), rule, target)
        except exceptions.Forbidden:
            return False
        return True

    def test_names_are_unique(self) -> None:
        names = collections.Counter(rule.name for rule in policies.list_rules())
        self.assertEqual([], [name for name, count in names.items() if count > 1])

    def test_who_passes_what(self) -> None:
        for rule, target, admin, member, reader in (
            ('share_type:create', MINE, True, False, False),
            ('share_network:update', MINE, True, True, False),
            ('share_network:update', OTHERS, True, False, False),
            ('share_network:show', MINE, True, True, True),
            ('share_network:show', OTHERS, True, False, False),
        ):
            self.assertEqual(admin, self.passes(rule, target, 'admin'), rule)
            self.assertEqual(member, self.passes(rule, target, 'member', 'reader'), rule)
            self.assertEqual(reader, self.passes(rule, target, 'reader'), rule)
            self.assertFalse(self.passes(rule, target), rule)

    def test_without_a_target_it_is_about_the_own_project(self) -> None:
        enforcer.authorize(_caller('member'), 'share_network:create')

    def test_old_defaults_count_as_long_as_the_operator_wants(self) -> None:
        self.assertFalse(self.passes('share_network:update', MINE))
        enforcer.init()
        self.override('oslo_policy', enforce_new_defaults=False)
        enforcer.reset()
        self.assertTrue(self.passes('share_network:update', MINE))
        self.assertFalse(self.passes('share_network:update', OTHERS))
        self.assertFalse(self.passes('share_type:create', MINE, 'member'))

    def test_the_operators_file_wins(self) -> None:
        self.write('"share_type:create": "role:designer"\n"context_is_admin": "role:boss"\n')
        self.assertTrue(self.passes('share_type:create', MINE, 'designer'))
        self.assertFalse(self.passes('share_type:create', MINE, 'admin'))
        self.assertTrue(enforcer.is_admin(_caller('boss')))
        self.assertFalse(enforcer.is_admin(_caller('admin')))

    def test_who_is_administrator(self) -> None:
        self.assertTrue(enforcer.is_admin(_caller('admin')))
        self.assertFalse(enforcer.is_admin(_caller('member')))
        self.assertTrue(enforcer.is_host_admin(_caller('admin')))

    def test_a_token_of_the_system_is_none_of_a_project(self) -> None:
        context = RequestContext(user_id='u', system_scope='all', roles=['admin'], overwrite=False)
        self.assertRaises(exceptions.Forbidden, enforcer.authorize, context, 'share_type:create')
