# SPDX-License-Identifier: Apache-2.0

"""Global options, ways to authenticate, errors and exit codes."""

import json
import subprocess
import sys
from typing import Any

import fixtures

from ssm.shell import commands
from ssm.tests.unit.shell import base, canned, fake

LIST = '/share-servers'


class OptionsTest(base.ShellTest):
    def test_commands_exist_and_explain_themselves(self) -> None:
        for name in commands.COMMANDS:
            out = self.succeeds(name, '--help')
            self.assertTrue(out.startswith(f'usage: ssm {name}'), out)

    def test_help_lists_all_commands(self) -> None:
        for argv in (['--help'], ['help']):
            out = self.succeeds(*argv)
            listed = [line.split()[0] for line in out.split('\nCommands:\n')[1].splitlines()]
            self.assertEqual({*commands.COMMANDS, 'complete'}, set(listed))

    def test_no_command_shows_the_help(self) -> None:
        result = self.ssm()
        self.assertEqual(1, result.code)
        self.assertIn('Commands:', result.out)

    def test_unknown_command(self) -> None:
        result = self.ssm('share-server-migration-chek')
        self.assertEqual(2, result.code)
        self.assertIn('share-server-migration-check', result.out)

    def test_format_before_and_after_the_command(self) -> None:
        self.api.prepare('GET', LIST, {'share_servers': [canned.SERVER]})
        before = self.succeeds('-f', 'json', 'share-server-list')
        self.assertEqual(before, self.succeeds('share-server-list', '-f', 'json'))
        self.assertEqual(canned.SOURCE, json.loads(before)[0]['Id'])

    def test_microversion(self) -> None:
        self.api.prepare('GET', LIST, {'share_servers': []})
        self.succeeds('--os-share-api-version', '2.65', 'share-server-list')
        self.set_env('OS_SHARE_API_VERSION', '2.60')
        self.succeeds('share-server-list')
        versions = [each.headers['X-OpenStack-Manila-API-Version'] for each in self.api.requests]
        self.assertEqual(['2.65', '2.60'], versions)

    def test_startup_loads_nothing_slow(self) -> None:
        """Half a second is spent where one of these is imported without need."""
        script = (
            'import sys; from ssm.shell import main; code = main.main(["share-server-list"]); '
            'print(*sys.modules, file=sys.stderr); sys.exit(code)'
        )
        self.api.prepare('GET', LIST, {'share_servers': []})
        done = subprocess.run(
            [sys.executable, '-c', script], capture_output=True, text=True, check=True
        )
        slow = {'openstack', 'cmd2', 'oslo_config', 'eventlet', 'sqlalchemy', 'yaml'}
        self.assertEqual(set(), slow & set(done.stderr.split()))


class NoIdentityTest(base.ShellTest):
    def setUp(self) -> None:
        super().setUp()
        self.api.prepare('GET', LIST, {'share_servers': []})

    def token(self, *argv: str) -> str | None:
        self.succeeds(*argv, 'share-server-list')
        return self.api.requests[-1].headers['X-Auth-Token']

    def test_by_options(self) -> None:
        self.set_env('OS_AUTH_TYPE', None)
        self.set_env('OS_ENDPOINT', None)
        who = self.token('--os-auth-type', 'none', '--os-endpoint', self.api.root)
        self.assertEqual('admin:admin', who)

    def test_user_and_project(self) -> None:
        self.assertEqual(
            f'demo:{canned.PROJECT}',
            self.token('--os-username', 'demo', '--os-project-id', canned.PROJECT),
        )
        self.set_env('OS_USERNAME', 'anna')
        self.assertEqual('anna:admin', self.token())

    def test_endpoint_with_version_or_project(self) -> None:
        self.api.prepare('GET', f'/{canned.PROJECT}{LIST}', {'share_servers': []})
        for suffix, path in (
            ('/', f'/v2{LIST}'),
            ('/v2', f'/v2{LIST}'),
            ('/v2/', f'/v2{LIST}'),
            (f'/v2/{canned.PROJECT}', f'/v2/{canned.PROJECT}{LIST}'),
        ):
            self.token('--os-endpoint', self.api.root + suffix)
            self.assertEqual(path, self.api.requests[-1].path)

    def test_without_endpoint(self) -> None:
        self.set_env('OS_ENDPOINT', None)
        result = self.ssm('share-server-list')
        self.assertEqual(1, result.code)
        self.assertIn('--os-endpoint', result.err)

    def test_from_clouds_yaml(self) -> None:
        self.set_env('OS_AUTH_TYPE', None)
        self.set_env('OS_ENDPOINT', None)
        self.useFixture(clouds(self, endpoint=self.api.root, username='demo'))
        self.assertEqual('demo:admin', self.token('--os-cloud', 'here'))
        self.assertEqual('eve:admin', self.token('--os-cloud', 'here', '--os-username', 'eve'))


def clouds(test: base.ShellTest, auth_type: str = 'none', **auth: str) -> fixtures.Fixture:
    """A clouds.yaml with one cloud, ``here``."""
    path = f'{test.state_path}/clouds.yaml'
    with open(path, 'w') as file:
        json.dump({'clouds': {'here': {'auth_type': auth_type, 'auth': auth}}}, file)
    return fixtures.EnvironmentVariable('OS_CLIENT_CONFIG_FILE', path)


class IdentityTest(base.ShellTest):
    """A tiny Identity service in the same server."""

    def setUp(self) -> None:
        super().setUp()
        self.set_env('OS_AUTH_TYPE', None)
        self.set_env('OS_ENDPOINT', None)
        self.auth = {
            'auth_url': f'{self.api.root}/identity/v3',
            'username': 'admin',
            'password': 'secret',
            'project_name': 'admin',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
        }
        version = {
            'id': 'v3.14',
            'status': 'stable',
            'links': [{'rel': 'self', 'href': f'{self.api.root}/identity/v3'}],
        }
        self.api.prepare('GET', '//identity/v3', {'version': version})
        self.serve('sharev2')

    def serve(self, service_type: str, password: str = 'secret') -> None:
        url = f'{self.api.root}/v2/{canned.PROJECT}'
        endpoint = {'id': 'e1', 'interface': 'public', 'region_id': 'one', 'region': 'one'}
        catalog = [{'type': service_type, 'id': 's1', 'endpoints': [endpoint | {'url': url}]}]
        token: dict[str, Any] = {
            'methods': ['password'],
            'expires_at': '2099-01-01T00:00:00.000000Z',
            'issued_at': '2025-01-01T00:00:00.000000Z',
            'user': {'id': 'u1', 'name': 'admin', 'domain': {'id': 'default', 'name': 'Default'}},
            'catalog': catalog,
        }
        answer = fake.Answer({'token': token}, 201, {'X-Subject-Token': 'gAAAA'})
        self.api.prepare('POST', '//identity/v3/auth/tokens', answer)
        self.api.prepare('GET', f'/{canned.PROJECT}{LIST}', {'share_servers': []})

    def assert_asked_with_token(self) -> None:
        last = self.api.requests[-1]
        self.assertEqual(f'/v2/{canned.PROJECT}{LIST}', last.path)
        self.assertEqual('gAAAA', last.headers['X-Auth-Token'])

    def test_environment(self) -> None:
        for name, value in self.auth.items():
            self.set_env(f'OS_{name.upper()}', value)
        self.succeeds('share-server-list')
        self.assert_asked_with_token()

    def test_clouds_yaml(self) -> None:
        self.useFixture(clouds(self, 'password', **self.auth))
        self.succeeds('--os-cloud', 'here', 'share-server-list')
        self.assert_asked_with_token()

    def test_options(self) -> None:
        argv = [
            part
            for name, value in self.auth.items()
            for part in (f'--os-{name.replace("_", "-")}', value)
        ]
        self.succeeds(*argv, 'share-server-list')
        self.assert_asked_with_token()

    def test_official_service_type(self) -> None:
        self.serve('shared-file-system')
        self.test_clouds_yaml()

    def test_endpoint_instead_of_catalogue(self) -> None:
        self.serve('volume')
        self.useFixture(clouds(self, 'password', **self.auth))
        self.api.prepare('GET', LIST, {'share_servers': []})
        self.succeeds('--os-cloud', 'here', '--os-endpoint', self.api.root, 'share-server-list')
        self.assertEqual(f'/v2{LIST}', self.api.requests[-1].path)

    def test_not_in_the_catalogue(self) -> None:
        self.serve('volume')
        self.useFixture(clouds(self, 'password', **self.auth))
        result = self.ssm('--os-cloud', 'here', 'share-server-list')
        self.assertEqual(1, result.code)
        self.assertIn('endpoint for shared-file-system service not found', result.err)

    def test_wrong_password(self) -> None:
        refusal = fake.Answer({'error': {'code': 401, 'message': 'Wrong password.'}}, 401)
        self.api.prepare('POST', '//identity/v3/auth/tokens', refusal)
        self.useFixture(clouds(self, 'password', **self.auth))
        result = self.ssm('--os-cloud', 'here', 'share-server-list')
        self.assertEqual(1, result.code)
        self.assertIn('Wrong password.', result.err)
        self.assertNotIn('Traceback', result.err)

    def test_unknown_cloud(self) -> None:
        self.useFixture(clouds(self))
        result = self.ssm('--os-cloud', 'nowhere', 'share-server-list')
        self.assertEqual(1, result.code)
        self.assertIn('nowhere', result.err)


class ErrorTest(base.ShellTest):
    def test_fault(self) -> None:
        self.api.prepare('GET', LIST, fake.fault(403, 'forbidden', 'Administrators only.'))
        result = self.ssm('share-server-list')
        self.assertEqual((1, ''), (result.code, result.out))
        self.assertEqual(
            'Administrators only. (HTTP 403, request req-4711)\n',
            result.err,
        )

    def test_traceback_only_with_debug(self) -> None:
        self.api.prepare('GET', LIST, fake.fault(403, 'forbidden', 'Administrators only.'))
        self.assertNotIn('Traceback', self.ssm('share-server-list').err)
        debugged = self.ssm('--debug', 'share-server-list')
        self.assertEqual(1, debugged.code)
        self.assertIn('Traceback', debugged.err)
        self.assertIn(f'{self.api.root}/v2{LIST}', debugged.err)
        self.assertNotIn('admin:admin', debugged.err)

    def test_debug_does_not_outlive_the_command(self) -> None:
        self.api.prepare('GET', LIST, {'share_servers': []})
        self.ssm('--debug', 'share-server-list')
        self.assertEqual('', self.ssm('share-server-list').err)

    def test_fault_without_json(self) -> None:
        self.api.prepare('GET', LIST, fake.Answer('<html>Bad gateway</html>', 502))
        result = self.ssm('share-server-list')
        self.assertEqual((1, 'Bad Gateway (HTTP 502)\n'), (result.code, result.err))

    def test_reasons_that_are_no_list_are_left_out(self) -> None:
        self.api.prepare('GET', LIST, fake.fault(400, 'badRequest', 'No.', reasons='because'))
        self.assertEqual('No. (HTTP 400, request req-4711)\n', self.ssm('share-server-list').err)

    def test_answer_of_something_else(self) -> None:
        for body in ('hello', {'volumes': []}, ['x']):
            self.api.prepare('GET', LIST, body)
            result = self.ssm('share-server-list')
            self.assertEqual(1, result.code)
            self.assertIn(f'{self.api.root}/v2', result.err)

    def test_nobody_listens(self) -> None:
        result = self.ssm('--os-endpoint', 'http://127.0.0.1:1', 'share-server-list')
        self.assertEqual(1, result.code)
        # The second form is eventlet's.
        self.assertRegex(
            result.err,
            '^Unable to establish connection to http://127.0.0.1:1/v2/share-servers: '
            '(Connection refused|ECONNREFUSED).\n$',
        )
