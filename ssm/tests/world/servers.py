# SPDX-License-Identifier: Apache-2.0

"""The database servers and the message broker that deployments make things of their own on."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess

import sqlalchemy as sa

MYSQL_URL = os.environ.get('SSM_TEST_MYSQL_URL', 'mysql+pymysql://root@127.0.0.1/')
POSTGRES_URL = os.environ.get('SSM_TEST_POSTGRES_URL', 'postgresql+psycopg2://root@127.0.0.1/')
RABBIT_URL = os.environ.get('SSM_TEST_RABBIT_URL', 'rabbit://guest:guest@127.0.0.1:5672/')


class Failed(Exception):
    """A command, a service or a wait did not end as it should; holds what it said."""


class Database:
    """A database server.

    :param url: of the server, as for SQLAlchemy, ending in a slash
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip('/')
        self._is_mysql = url.startswith('mysql')

    def url(self, name: str) -> str:
        """Where the services find one database."""
        return f'{self._url}/{name}'

    def create(self, name: str) -> None:
        """Make an empty database."""
        self._run(f'CREATE DATABASE {name}{" CHARACTER SET utf8mb4" if self._is_mysql else ""}')

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run(f'DROP DATABASE IF EXISTS {name}{"" if self._is_mysql else " WITH (FORCE)"}')

    def names(self) -> list[str]:
        """All databases there are."""
        wanted = 'SHOW DATABASES' if self._is_mysql else 'SELECT datname FROM pg_database'
        return self._run(wanted)

    def cut_off(self, name: str) -> None:
        """Break all connections to a database of MariaDB."""
        found = f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
        for connection in self._run(found):
            # It may be gone by now.
            with contextlib.suppress(Failed):
                self._run(f'KILL CONNECTION {connection}')

    def _run(self, statement: str) -> list[str]:
        """Returns the first column.

        :raises Failed: there is no such server
        """
        # Without a name PostgreSQL takes the user's, which need not exist.
        server = self._url if self._is_mysql else f'{self._url}/postgres'
        engine = sa.create_engine(server, isolation_level='AUTOCOMMIT')
        try:
            with engine.connect() as connection:
                result = connection.exec_driver_sql(statement)
                return [row[0] for row in result] if result.returns_rows else []
        except sa.exc.OperationalError as exc:
            raise Failed(f'No database server at {self._url}: {exc.orig}') from exc
        finally:
            engine.dispose()


class Broker:
    """RabbitMQ. Virtual hosts are made if this user may, else exchanges tell deployments apart."""

    def __init__(self, url: str = RABBIT_URL) -> None:
        self._url = url.rstrip('/')

    def create(self, name: str) -> str:
        """Make a virtual host; returns the transport URL.

        :raises Failed: nobody listens there
        """
        host, _, port = self._url.rpartition('@')[2].partition(':')
        try:
            socket.create_connection((host, int(port or 5672)), timeout=5).close()
        except OSError as exc:
            raise Failed(f'No RabbitMQ at {self._url}: {exc}') from exc
        user = self._url.partition('//')[2].partition(':')[0]
        with contextlib.suppress(Failed):
            self._control('add_vhost', name)
            self._control('set_permissions', '-p', name, user, '.*', '.*', '.*')
            return f'{self._url}/{name}'
        return f'{self._url}/'

    def drop(self, name: str) -> None:
        """Remove a virtual host, if there is one."""
        with contextlib.suppress(Failed):
            self._control('delete_vhost', name)

    def cut_off(self, name: str) -> None:
        """Break all connections to a virtual host."""
        with contextlib.suppress(Failed):
            self._control('close_all_connections', '-p', name, 'test')

    def names(self) -> list[str]:
        """All virtual hosts there are, as far as this user may see them."""
        with contextlib.suppress(Failed):
            return self._control('list_vhosts', 'name').split()
        return []

    @staticmethod
    def _control(*arguments: str) -> str:
        if os.getuid() != 0 or not shutil.which('rabbitmqctl'):
            raise Failed('Only root controls RabbitMQ')
        command = ['rabbitmqctl', '-q', *arguments]
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        if done.returncode:
            raise Failed(done.stderr)
        return done.stdout
