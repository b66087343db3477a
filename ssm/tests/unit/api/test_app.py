# SPDX-License-Identifier: Apache-2.0

"""The stack around the dispatcher: identity, ids, sizes, proxies."""

import io
import pathlib
from typing import Any
from unittest import mock

import fixtures
import webob
from keystonemiddleware import fixture as auth_token_fixture
from oslo_context import context as oslo_context

from ssm import conf
from ssm.api import app, wsgi
from ssm.common import concurrency
from ssm.conf import CONF
from ssm.policies import enforcer
from ssm.tests.base import TestCase
from ssm.tests.functional import database


class AppTest(TestCase):
    STRATEGY = 'noauth'

    def setUp(self) -> None:
        super().setUp()
        self.read('[keystone_authtoken]\nwww_authenticate_uri = http://identity.example.org\n')
        self.override(auth_strategy=self.STRATEGY)
        self.useFixture(database.Database())
        enforcer.reset()
        self.addCleanup(enforcer.reset)
        self.application = app.build()

    def read(self, text: str) -> None:
        """Read a configuration file: options of libraries are not registered yet."""
        path = pathlib.Path(self.state_path) / 'ssm.conf'
        path.write_text(text)
        CONF([], project='ssm', default_config_files=[str(path)])

    def ask(self, path: str, token: str | None = 'ann:ab', **more: Any) -> webob.Response:
        headers = more.pop('headers', {}) | ({'X-Auth-Token': token} if token else {})
        return webob.Request.blank(path, headers=headers, **more).get_response(self.application)


class WithoutKeystoneTest(AppTest):
    def test_hands_out_tokens(self) -> None:
        answer = self.ask('/v2/', token=None, headers={'X-Auth-User': 'ann'})
        self.assertEqual(204, answer.status_int)
        self.assertEqual('ann:admin', answer.headers['X-Auth-Token'])
        self.assertEqual('http://localhost/v2/admin', answer.headers['X-Server-Management-Url'])

    def test_everybody_is_administrator(self) -> None:
        self.assertEqual(200, self.ask('/v2/ab/services?x=1', headers=_v('2.70')).status_int)

    def test_the_project_is_the_user_by_default(self) -> None:
        self.assertEqual(200, self.ask('/v2/abc/types', token='abc').status_int)
        self.assertEqual(400, self.ask('/v2/abd/types', token='abc').status_int)

    def test_every_answer_has_ids(self) -> None:
        for path in ('/', '/v2/', '/v2/types', '/v2/nothing', '/healthcheck'):
            headers = self.ask(path).headers
            self.assertEqual(headers['x-openstack-request-id'], headers['x-compute-request-id'])

    def test_the_log_names_this_request_before_the_caller_is_known(self) -> None:
        self.ask('/v2/types')
        with mock.patch.object(app.faults, 'response', side_effect=_logged_id):
            answer = self.ask('/v2/types', method='POST', body=b'x' * 200_000)
        self.assertEqual(answer.headers['x-openstack-request-id'], answer.text)

    def test_long_bodies(self) -> None:
        for length in ({}, {'headers': {'Content-Type': 'application/json'}}):
            answer = self.ask('/v2/types', method='POST', body=b'x' * 200_000, **length)
            self.assertEqual(413, answer.status_int)
            self.assertIn('overLimit', answer.json)

    def test_long_bodies_without_a_length(self) -> None:
        req = webob.Request.blank(
            '/v2/types',
            method='POST',
            headers={'X-Auth-Token': 'ab', 'Content-Type': 'application/json'},
            environ={'wsgi.input': io.BytesIO(b' ' * 200_000), 'wsgi.input_terminated': True},
        )
        self.assertEqual(413, req.get_response(self.application).status_int)

    def test_a_length_that_is_none(self) -> None:
        req = webob.Request.blank('/v2/types', method='POST', headers={'X-Auth-Token': 'ab'})
        req.environ['CONTENT_LENGTH'] = '-1'
        self.assertEqual(413, req.get_response(self.application).status_int)

    def test_behind_a_proxy(self) -> None:
        self.override('oslo_middleware', enable_proxy_headers_parsing=True)
        answer = self.ask(
            '/',
            headers={
                'X-Forwarded-Proto': 'https',
                'X-Forwarded-Host': 'files.example.org',
                'X-Forwarded-Prefix': '/share',
            },
        )
        link = answer.json['versions'][0]['links'][1]['href']
        self.assertEqual('https://files.example.org/share/v2/', link)

    def test_configured_address(self) -> None:
        self.override(osapi_share_base_URL='https://files.example.org/')
        link = self.ask('/').json['versions'][0]['links'][1]['href']
        self.assertEqual('https://files.example.org/v2/', link)


class WithoutKeystoneOrProjectTest(AppTest):
    STRATEGY = 'noauthv2'

    def test_hands_out_the_short_address(self) -> None:
        answer = self.ask('/v2/', token=None)
        self.assertEqual('http://localhost/v2', answer.headers['X-Server-Management-Url'])


class KeystoneTest(AppTest):
    STRATEGY = 'keystone'

    def test_a_token_is_needed(self) -> None:
        for path in ('/v2/', '/v2/types', '/v2/nothing'):
            self.assertEqual(401, self.ask(path, token=None).status_int)

    def test_headers_are_no_identity(self) -> None:
        headers = {'X-User-Id': 'ann', 'X-Roles': 'admin', 'X-Identity-Status': 'Confirmed'}
        self.assertEqual(401, self.ask('/v2/types', token=None, headers=headers).status_int)

    def test_who_has_one_is_what_it_says(self) -> None:
        tokens = self.useFixture(auth_token_fixture.AuthTokenFixture())
        for role, expected in (('member', 403), ('admin', 200)):
            tokens.add_token_data(role, user_id='ann', project_id='ab', role_list=[role])
            answer = self.ask('/v2/ab/services', token=role, headers=_v('2.70'))
            self.assertEqual(expected, answer.status_int, answer.text)
            self.assertEqual(400, self.ask('/v2/ac/types', token=role).status_int)

    def test_anybody_learns_versions_and_health(self) -> None:
        self.assertEqual(300, self.ask('/', token=None).status_int)
        self.assertEqual(302, self.ask('/v2', token=None).status_int)
        self.assertEqual(200, self.ask('/healthcheck', token=None).status_int)


class WsgiTest(AppTest):
    def test_built_at_the_first_request(self) -> None:
        self.addCleanup(wsgi._built.cache_clear)
        setup = self.useFixture(fixtures.MockPatchObject(concurrency, 'setup')).mock
        with mock.patch.object(conf, 'load') as load:
            for _ in range(2):
                answer = webob.Request.blank('/').get_response(wsgi.application)
                self.assertEqual(300, answer.status_int)
        load.assert_called_once_with([])
        setup.assert_called_once_with(concurrency.THREADING)


def _logged_id(_error: Exception) -> webob.Response:
    return webob.Response(oslo_context.get_current().request_id)


def _v(version: str) -> dict[str, str]:
    return {'X-OpenStack-Manila-API-Version': version}
