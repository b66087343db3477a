# SPDX-License-Identifier: Apache-2.0

"""ssm as an operator runs it: processes, configuration files, the ``ssm`` command.

Two shapes: everything in one process on embedded parts, or separate services on MariaDB (or
PostgreSQL) and RabbitMQ, with a database and a virtual host (or an exchange) of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from ssm.tests.world import leftovers, servers
from ssm.tests.world.servers import Failed

BACK_ENDS = ('alpha', 'beta')
START_SECONDS = 90
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

_SLOW_RSYNC = """\
#!/bin/sh
exec {rsync} --bwlimit={rate} "$@"
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


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Deployment:
    """The services and their directory.

    :param path: an empty directory, for configuration, logs, state and the pools; None makes one
        that goes with :meth:`stop`
    :param services: False runs ``ssm-all``, True each service by itself
    :param back_ends: one ``ssm-share`` each
    :param driver: of all back ends
    :param options: lines for [DEFAULT]
    :param backend_options: lines for the stanza of each back end
    :param sections: further sections; what they set wins
    :param database_url: server on which ``services`` get a database
    :param concurrency: ``eventlet`` or ``threading``, None leaves the default
    """

    def __init__(
        self,
        path: str | pathlib.Path | None = None,
        *,
        services: bool = False,
        back_ends: tuple[str, ...] = BACK_ENDS,
        driver: str = 'linux',
        options: str = '',
        backend_options: str = '',
        sections: str = '',
        database_url: str = servers.MYSQL_URL,
        concurrency: str | None = None,
    ) -> None:
        self.name = leftovers.name()
        self.path = pathlib.Path(path) if path else leftovers.directory(self.name)
        self.back_ends = back_ends
        self.services = services
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}/v2'
        self.token = 'admin:admin'
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.prefix: list[str] = []
        """Beginning of the command line of each service."""
        self._driver = driver
        self._options = options
        self._backend_options = backend_options
        self._sections = sections
        self._is_own_path = path is None
        self._database = servers.Database(database_url)
        self._database_url = database_url
        self._broker = servers.Broker()
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith('OS_')
        } | {
            'PYTHONWARNINGS': 'ignore',
            'PYTHONUNBUFFERED': '1',
            'PATH': f'{self.path}/bin:{os.environ["PATH"]}',
            leftovers.MARK: self.name,
        }
        if concurrency:
            self.environment['SSM_CONCURRENCY'] = concurrency

    # Life of the services

    def start(self) -> None:
        """Write the configuration and start everything; returns when it answers.

        :raises Failed: a service did not come up, with the end of its log
        """
        leftovers.clean_up()
        for name in (*self.back_ends, 'state', 'log', 'bin'):
            (self.path / name).mkdir(exist_ok=True)
        if not self.services:
            self._write('all', ','.join(self.back_ends))
            self.run('all')
        else:
            leftovers.clean_servers(self._database_url)
            self._database.create(self.name)
            self._transport = self._broker.create(self.name)
            self._write('api', '')
            for name in self.back_ends:
                self._write(name, name)
            self.command('ssm-manage', '--config-file', str(self._file('api')), 'db', 'sync')
            for name in ('api', 'scheduler', *self.back_ends):
                self.run(name)
        self._wait_until_ready()

    def run(self, name: str, twin: str = '') -> subprocess.Popen[bytes]:
        """Start one process: ``all``, ``api``, ``scheduler``, or that of a back end.

        :param twin: name of a second process for the same back end
        """
        program = f'ssm-{"share" if name in self.back_ends else name}'
        file = self._file('api' if name == 'scheduler' else name)
        log = (self.path / 'log' / f'{twin or name}.log').open('ab')
        self.processes[twin or name] = subprocess.Popen(
            [*self.prefix, str(_BIN / program), '--config-file', str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self.environment,
            start_new_session=True,
        )
        log.close()
        return self.processes[twin or name]

    def kill(self, name: str) -> None:
        """kill -9 one process; the processes it started live on."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End everything, and drop database and virtual host."""
        try:
            for process in self.processes.values():
                process.send_signal(signal.SIGTERM)
            for process in self.processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
            self.processes.clear()
            # Also what drivers left running by design.
            leftovers.end_processes(self.name)
        finally:
            if self.services:
                self._database.drop(self.name)
                self._broker.drop(self.name)
            if self._is_own_path:
                leftovers.remove_directory(self.path)

    def cut_off(self) -> None:
        """Break all connections to MariaDB and RabbitMQ, as a restart of them would."""
        self._database.cut_off(self.name)
        self._broker.cut_off(self.name)

    def limit(self, back_end: str, size: int) -> None:
        """Give a back end a file system of its own, of ``size`` MiB; before :meth:`start`.

        :raises Failed: only root can mount it
        """
        place = self.path / back_end
        place.mkdir()
        options = f'size={size}m,mode=755'
        done = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', options, self.name, str(place)], capture_output=True
        )
        if done.returncode:
            raise Failed(f'No file system at {place}: {done.stderr.decode(errors="replace")}')

    def throttle(self, rate: int | None) -> None:
        """Hold each rsync that starts from now on to a rate in KiB/s; None sets them free."""
        wrapper = self.path / 'bin' / 'rsync'
        if rate is None:
            wrapper.unlink(missing_ok=True)
            return
        new = wrapper.with_suffix('.new')
        new.write_text(_SLOW_RSYNC.format(rsync=shutil.which('rsync'), rate=rate))
        new.chmod(0o755)
        new.replace(wrapper)

    def log(self, name: str, lines: int = 30) -> str:
        """The end of a service's log."""
        text = (self.path / 'log' / f'{name}.log').read_text(errors='replace')
        return '\n'.join(text.splitlines()[-lines:])

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while missing := self._missing():
            if time.monotonic() > deadline:
                logs = '\n'.join(f'{name}:\n{self.log(name)}' for name in self.processes)
                raise Failed(f'{missing} after {START_SECONDS} s:\n{logs}')
            time.sleep(0.2)

    def _missing(self) -> str:
        """What keeps the deployment from being ready, in words; empty if it is."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise Failed(f'{name} ended:\n{self.log(name)}')
        try:
            services = self.get('/services')['services']
            # A call is lost, and times out, where the scheduler does not listen yet.
            pools = self.request('GET', '/scheduler-stats/pools', timeout=3)['pools']
        except (OSError, ValueError) as exc:
            return f'No answer: {exc}'
        up = [row['host'] for row in services if row['state'] == 'up']
        if len(pools) < len(self.back_ends) or len(up) <= len(self.back_ends):
            return f'Only pools {[pool["name"] for pool in pools]} and services of {up}'
        return ''

    def _file(self, name: str) -> pathlib.Path:
        return self.path / f'{name}.conf'

    def _write(self, name: str, enabled: str) -> None:
        database = f'sqlite:///{self.path}/state/ssm.sqlite'
        transport = ''
        if self.services:
            database = self._database.url(self.name)
            transport = f'transport_url = {self._transport}\ncontrol_exchange = {self.name}'
        text = _CONFIGURATION.format(
            path=self.path,
            port=self.port,
            enabled=enabled,
            transport=transport,
            database=database,
            extra=self._options,
        )
        for back_end in self.back_ends:
            text += _STANZA.format(
                name=back_end, driver=self._driver, path=self.path, extra=self._backend_options
            )
        self._file(name).write_text(text + self._sections)

    # Talking to it

    def command(self, program: str, *arguments: str) -> str:
        """Run a console script; returns what it printed.

        :raises Failed: it ended with an error, with what it said
        """
        done = subprocess.run(
            [str(_BIN / program), *arguments],
            capture_output=True,
            env=self.environment,
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

    def request(self, method: str, path: str, body: Any = None, timeout: float = 60) -> Any:
        """One request to the API, as administrator; the decoded answer.

        :raises urllib.error.HTTPError: a status of 400 or more
        """
        request = urllib.request.Request(
            f'{self.url}{path}',
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                'X-Auth-Token': self.token,
                'X-OpenStack-Manila-API-Version': '2.70',
                'X-OpenStack-Manila-API-Experimental': 'true',
                'Content-Type': 'application/json',
            },
        )
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            data = answer.read()
        return json.loads(data) if data else None

    def get(self, path: str) -> Any:
        """GET as decoded JSON."""
        return self.request('GET', path)
