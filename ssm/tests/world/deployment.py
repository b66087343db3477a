# SPDX-License-Identifier: Apache-2.0

"""ssm as an operator runs it: processes, configuration files, the ``ssm`` command.

Two shapes: everything in one process on embedded parts, or separate services on MariaDB and
RabbitMQ, with a database and a virtual host (or an exchange) of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

MYSQL_URL = os.environ.get('SSM_TEST_MYSQL_URL', 'mysql+pymysql://root@127.0.0.1/')
RABBIT_URL = os.environ.get('SSM_TEST_RABBIT_URL', 'rabbit://guest:guest@127.0.0.1:5672/')
BACK_ENDS = ('alpha', 'beta')
START_SECONDS = 40
_BIN = pathlib.Path(sys.executable).parent

_CONFIGURATION = """\
[DEFAULT]
host = node1
state_path = {path}/state
auth_strategy = noauth
osapi_share_listen = 127.0.0.1
osapi_share_listen_port = {port}
enabled_share_backends = {enabled}
enabled_share_protocols = NFS
report_interval = 2
service_down_time = 30
periodic_interval = 5
server_migration_driver_continue_update_interval = 1
migration_sweep_interval = 1
migration_lease_seconds = 6
{transport}
{extra}

[database]
connection = {database}

[oslo_concurrency]
lock_path = {path}/state/locks

[net]
network_api_class = standalone
standalone_network_plugin_gateway = 10.20.0.1
standalone_network_plugin_mask = 24
"""

# The path of the pool says nothing to other drivers than linux.
_STANZA = """
[{name}]
share_driver = {driver}
driver_handles_share_servers = true
network_config_group = net
backend_availability_zone = zone-{name}
linux_pool_path = {path}/{name}
{extra}
"""


class Failed(Exception):
    """A command or a service did not do what it should; holds what it said."""


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Deployment:
    """The services and their directory.

    :param path: an empty directory, for configuration, logs, state and both pools
    :param services: False runs ``ssm-all``, True each service by itself
    :param driver: of both back ends
    :param options: lines for [DEFAULT]
    :param backend_options: lines for the stanza of each back end
    """

    def __init__(
        self,
        path: str | pathlib.Path,
        *,
        services: bool = False,
        driver: str = 'linux',
        options: str = '',
        backend_options: str = '',
    ) -> None:
        self.path = pathlib.Path(path)
        self.services = services
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}/v2'
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._driver = driver
        self._options = options
        self._backend_options = backend_options
        self._name = f'ssm_{secrets.token_hex(4)}'
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith('OS_')
        } | {'PYTHONWARNINGS': 'ignore', 'PYTHONUNBUFFERED': '1'}

    # Life of the services

    def start(self) -> None:
        """Write the configuration and start everything; returns when it answers.

        :raises Failed: a service did not come up, with the end of its log
        """
        for name in (*BACK_ENDS, 'state', 'log'):
            (self.path / name).mkdir(exist_ok=True)
        if not self.services:
            self._write('all', ','.join(BACK_ENDS))
            self.run('all')
        else:
            self._make_database()
            self._make_virtual_host()
            self._write('api', '')
            for name in BACK_ENDS:
                self._write(name, name)
            self.command('ssm-manage', '--config-file', str(self._file('api')), 'db', 'sync')
            for name in ('api', 'scheduler', *BACK_ENDS):
                self.run(name)
        self._wait_until_ready()

    def run(self, name: str) -> subprocess.Popen[bytes]:
        """Start one process: ``all``, ``api``, ``scheduler``, or that of a back end."""
        program = f'ssm-{"share" if name in BACK_ENDS else name}'
        file = self._file('api' if name == 'scheduler' else name)
        log = (self.path / 'log' / f'{name}.log').open('ab')
        self.processes[name] = subprocess.Popen(
            [str(_BIN / program), '--config-file', str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._environment,
            start_new_session=True,
        )
        log.close()
        return self.processes[name]

    def kill(self, name: str) -> None:
        """kill -9 one process; the processes it started live on."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Stop everything, and drop database and virtual host."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
                continue
            process.kill()
            process.wait()
        self.processes.clear()
        self._kill_workers()
        if self.services:
            self._drop_servers()

    def _kill_workers(self) -> None:
        """Processes of drivers that outlive their service by design."""
        for entry in pathlib.Path('/proc').glob('[0-9]*'):
            with contextlib.suppress(OSError):
                command = (entry / 'cmdline').read_bytes()
                if str(self.path).encode() in command and int(entry.name) != os.getpid():
                    os.kill(int(entry.name), signal.SIGKILL)

    def log(self, name: str, lines: int = 30) -> str:
        """The end of a service's log."""
        text = (self.path / 'log' / f'{name}.log').read_text(errors='replace')
        return '\n'.join(text.splitlines()[-lines:])

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise Failed(f'{name} ended:\n{self.log(name)}')
            with contextlib.suppress(OSError, ValueError):
                pools = self.get('/scheduler-stats/pools')['pools']
                up = [row for row in self.get('/services')['services'] if row['state'] == 'up']
                if len(pools) >= len(BACK_ENDS) and len(up) >= len(BACK_ENDS) + 1:
                    return
            time.sleep(0.2)
        logs = '\n'.join(f'{name}:\n{self.log(name)}' for name in self.processes)
        raise Failed(f'Not ready after {START_SECONDS} s:\n{logs}')

    def _file(self, name: str) -> pathlib.Path:
        return self.path / f'{name}.conf'

    def _write(self, name: str, enabled: str) -> None:
        database = f'sqlite:///{self.path}/state/ssm.sqlite'
        transport = ''
        if self.services:
            database = f'{MYSQL_URL.rstrip("/")}/{self._name}'
            transport = f'transport_url = {self._transport}\ncontrol_exchange = {self._name}'
        text = _CONFIGURATION.format(
            path=self.path,
            port=self.port,
            enabled=enabled,
            transport=transport,
            database=database,
            extra=self._options,
        )
        for back_end in BACK_ENDS:
            text += _STANZA.format(
                name=back_end, driver=self._driver, path=self.path, extra=self._backend_options
            )
        self._file(name).write_text(text)

    # Servers

    def _sql(self, statement: str) -> None:
        import sqlalchemy as sa

        engine = sa.create_engine(MYSQL_URL, isolation_level='AUTOCOMMIT')
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(statement)
        except sa.exc.OperationalError as exc:
            raise Failed(f'No MariaDB at {MYSQL_URL}: {exc.orig}') from exc
        finally:
            engine.dispose()

    def _make_database(self) -> None:
        self._sql(f'CREATE DATABASE {self._name} CHARACTER SET utf8mb4')

    def _make_virtual_host(self) -> None:
        """A virtual host if this user may make one, else an exchange of its own."""
        self._transport = RABBIT_URL
        host, port = RABBIT_URL.rpartition('@')[2].strip('/').partition(':')[::2]
        try:
            socket.create_connection((host, int(port or 5672)), timeout=5).close()
        except OSError as exc:
            raise Failed(f'No RabbitMQ at {RABBIT_URL}: {exc}') from exc
        user = RABBIT_URL.partition('//')[2].partition(':')[0]
        if self._rabbitmqctl('add_vhost', self._name) and self._rabbitmqctl(
            'set_permissions', '-p', self._name, user, '.*', '.*', '.*'
        ):
            self._transport = f'{RABBIT_URL.rstrip("/")}/{self._name}'

    @staticmethod
    def _rabbitmqctl(*arguments: str) -> bool:
        if os.getuid() != 0 or not shutil.which('rabbitmqctl'):
            return False
        command = ['rabbitmqctl', '-q', *arguments]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _drop_servers(self) -> None:
        self._sql(f'DROP DATABASE IF EXISTS {self._name}')
        self._rabbitmqctl('delete_vhost', self._name)

    # Talking to it

    def command(self, program: str, *arguments: str) -> str:
        """Run a console script; returns what it printed.

        :raises Failed: it ended with an error, with what it said
        """
        done = subprocess.run(
            [str(_BIN / program), *arguments],
            capture_output=True,
            env=self._environment,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors='replace')
            raise Failed(f'{program} {" ".join(arguments)}:\n{said}')
        return done.stdout.decode(errors='replace')

    @property
    def shell_arguments(self) -> list[str]:
        """How the ``ssm`` command reaches this deployment."""
        return ['--os-auth-type', 'none', '--os-endpoint', self.url]

    def ssm(self, *arguments: str) -> str:
        """Run a command of the shell; returns what it printed."""
        return self.command('ssm', *self.shell_arguments, *arguments)

    def ssm_json(self, *arguments: str) -> Any:
        """The same as decoded JSON."""
        return json.loads(self.ssm(*arguments, '-f', 'json'))

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """One request to the API, as administrator; the decoded answer.

        :raises urllib.error.HTTPError: a status of 400 or more
        """
        request = urllib.request.Request(
            f'{self.url}{path}',
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                'X-Auth-Token': 'admin:admin',
                'X-OpenStack-Manila-API-Version': '2.70',
                'X-OpenStack-Manila-API-Experimental': 'true',
                'Content-Type': 'application/json',
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def get(self, path: str) -> Any:
        """GET as decoded JSON."""
        return self.request('GET', path)
