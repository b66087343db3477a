# SPDX-License-Identifier: Apache-2.0

"""A real Keystone with an administrator, a user for the service, and a catalogue."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from ssm.tests.world.servers import Failed

PASSWORD = 'conformance'  # noqa: S105 (it guards nothing)
REGION = 'RegionOne'
SERVICE_TYPE = 'shared-file-system'
START_SECONDS = 60

_CONFIGURATION = """\
[DEFAULT]
log_file = {path}/log/keystone.log
[database]
connection = sqlite:///{path}/keystone/keystone.sqlite
sqlite_synchronous = false
[token]
provider = fernet
[fernet_tokens]
key_repository = {path}/keystone/keys
[credential]
key_repository = {path}/keystone/credential-keys
[identity]
# The least there is: a test makes several users.
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
"""

# One thread, as SQLite takes one writer; Keystone reads the arguments that are left.
_SERVE = """\
import sys
port = int(sys.argv.pop())
from cheroot import wsgi
from keystone.wsgi import api
wsgi.Server(('127.0.0.1', port), api.application, numthreads=1).start()
"""


class Keystone:
    """One process, which ends with the deployment whose environment it has.

    :param url: where it is to be found, on a port of this machine
    :param path: directory for its files, logs go to ``log`` there
    :param programs: directory of ``keystone-manage`` and an interpreter that has Keystone
    :param environment: of the deployment it belongs to
    """

    def __init__(
        self,
        url: str,
        path: pathlib.Path,
        programs: pathlib.Path,
        environment: Mapping[str, str],
    ) -> None:
        self.url = url
        self._path = path
        self._programs = programs
        self._home = path / 'keystone'
        self._environment = dict(environment) | {'OS_KEYSTONE_CONFIG_DIR': str(self._home)}
        self._token: str | None = None

    def start(self) -> None:
        """Make database and keys, start it, and wait for an answer.

        :raises Failed: it did not come up, with what it said
        """
        for name in ('log', 'keystone/keys', 'keystone/credential-keys'):
            (self._path / name).mkdir(mode=0o700, parents=True)
        (self._home / 'keystone.conf').write_text(_CONFIGURATION.format(path=self._path))
        owner = f'--keystone-user={os.getuid()}', f'--keystone-group={os.getgid()}'
        self._manage('db_sync')
        self._manage('fernet_setup', *owner)
        self._manage('credential_setup', *owner)
        urls = [f'--bootstrap-{kind}-url={self.url}' for kind in ('admin', 'public', 'internal')]
        self._manage(
            'bootstrap',
            f'--bootstrap-password={PASSWORD}',
            f'--bootstrap-region-id={REGION}',
            *urls,
        )
        port = str(urllib.parse.urlsplit(self.url).port)
        with (self._path / 'log' / 'keystone-server.log').open('wb') as log:
            process = subprocess.Popen(
                [str(self._programs / 'python'), '-c', _SERVE, port],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self._wait(process)
        self._token = self.token()

    def _manage(self, *arguments: str) -> None:
        program = str(self._programs / 'keystone-manage')
        command = [program, '--config-dir', str(self._home), *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, check=False)
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors='replace')
            raise Failed(f'keystone-manage {arguments[0]}:\n{said}')

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            time.sleep(0.2)
        log = (self._path / 'log' / 'keystone-server.log').read_text(errors='replace')
        raise Failed(f'No Keystone at {self.url}:\n{log}')

    def token(self) -> str:
        """A token of the administrator in his project."""
        domain = {'id': 'default'}
        user = {'name': 'admin', 'password': PASSWORD, 'domain': domain}
        auth = {
            'identity': {'methods': ['password'], 'password': {'user': user}},
            'scope': {'project': {'name': 'admin', 'domain': domain}},
        }
        return self._ask('POST', '/auth/tokens', {'auth': auth})[1]['X-Subject-Token']

    def register(self, endpoint: str) -> None:
        """Put the API into the catalogue; make user ``ssm`` in project ``service`` for it."""
        service = self._make('service', type=SERVICE_TYPE, name='ssm')
        self._make(
            'endpoint', service_id=service, interface='public', region_id=REGION, url=endpoint
        )
        project = self._make('project', name='service', domain_id='default')
        user = self._make('user', name='ssm', password=PASSWORD, domain_id='default')
        admin = self._found('user', 'admin')
        self._ask('PUT', f'/projects/{project}/users/{user}/roles/{self._found("role", "service")}')
        # Tempest makes projects and users by a token for the whole system.
        self._ask('PUT', f'/system/users/{admin}/roles/{self._found("role", "admin")}')

    def _make(self, kind: str, **values: str) -> str:
        """Returns the id."""
        return self._ask('POST', f'/{kind}s', {kind: values})[0][kind]['id']

    def _found(self, kind: str, name: str) -> str:
        return self._ask('GET', f'/{kind}s?name={name}')[0][f'{kind}s'][0]['id']

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[Any, Mapping[str, str]]:
        """The decoded body and the headers of an answer.

        :raises Failed: it is an error, with what it says
        """
        headers = {'Content-Type': 'application/json'}
        if self._token:
            headers['X-Auth-Token'] = self._token
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                said = answer.read()
                return json.loads(said) if said else None, answer.headers
        except urllib.error.HTTPError as exc:
            raise Failed(f'{method} {path}: {exc.read().decode(errors="replace")}') from exc
