# SPDX-License-Identifier: Apache-2.0

"""What the stories in ``gabbits/`` run against: the real application in this process.

A story names ``Api`` under ``fixtures`` (or a subclass of it here that puts rows in first). Who
asks stands in the token, ``user:project:role`` with role ``admin``, ``member`` or ``reader``.
Nothing is sent to other services. Instead a story may look and reach behind the API:

* ``GET /_sent``: the messages since the last such request, each with ``how`` (cast or call),
  ``method``, ``host`` (``*`` is all) and ``arguments``
* ``PUT /_answers/{method}``: what a call of that name is answered from now on; without one it
  times out
* ``GET /_rows/{table}``: all rows of a table by their keys, deleted ones too
* ``POST /_rows/{table}``: insert a list of rows; left out columns get their defaults
* ``PUT /_rows/{table}/{id}``: set columns of a row, as a back end would
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import fixtures
import sqlalchemy as sa
from gabbi import fixture as gabbi_fixture
from oslo_config import fixture as config_fixture
from sqlalchemy import orm

from ssm.api import app, auth
from ssm.common import exceptions
from ssm.conf import CONF
from ssm.db import engine, models
from ssm.policies import enforcer
from ssm.rpc import base as rpc_base
from ssm.tests.functional import database, world

ROLES = {'admin': 'admin,member,reader', 'member': 'member,reader', 'reader': 'reader'}


class Rpc(fixtures.Fixture):
    """Records what would be sent; calls are answered from ``answers``, by method."""

    def _setUp(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        for how in ('cast', 'call'):
            patch = mock.patch.object(rpc_base.Client, how, self._replacement(how))
            patch.start()
            self.addCleanup(patch.stop)

    def _replacement(self, how: str) -> Callable[..., Any]:
        def send(
            _client: rpc_base.Client,
            _context: Any,
            method: str,
            *,
            host: str | None = None,
            fanout: bool = False,
            **arguments: Any,
        ) -> Any:
            engine.assert_outside(f'{how} {method}')
            to = '*' if fanout else host
            self.sent.append({'how': how, 'method': method, 'host': to, 'arguments': arguments})
            if how == 'cast':
                return None
            if method not in self.answers:
                raise exceptions.ServiceUnavailable(reason=f'Nobody answers {method}.')
            return self.answers[method]

        return send

    def take(self) -> list[dict[str, Any]]:
        """The messages since the last call."""
        sent, self.sent = self.sent, []
        return sent


@engine.reader
def rows(session: orm.Session, table: str) -> list[dict[str, Any]]:
    """All rows of a table, by their keys."""
    chosen = models.Base.metadata.tables[table]
    query = sa.select(chosen).order_by(*chosen.primary_key)
    return [dict(row._mapping) for row in session.execute(query)]


@engine.writer
def insert(session: orm.Session, table: str, values: list[dict[str, Any]]) -> None:
    """Put rows in; columns left out get their defaults."""
    for row in values:
        session.execute(sa.insert(models.Base.metadata.tables[table]).values(row))


@engine.writer
def change(session: orm.Session, table: str, key: str, values: dict[str, Any]) -> None:
    """Set columns of the row with an id."""
    chosen = models.Base.metadata.tables[table]
    session.execute(sa.update(chosen).where(chosen.c.id == key).values(values))


class Environment(fixtures.Fixture):
    """Database, recorded RPC and the application; ``application`` is a WSGI callable.

    :param place: fixture of the database, without one it is a new file
    :param options: values of options of [DEFAULT]
    """

    def __init__(self, place: fixtures.Fixture | None = None, **options: Any) -> None:
        super().__init__()
        self.place = place or database.Database()
        self.options = options

    def _setUp(self) -> None:
        self.useFixture(config_fixture.Config(CONF))
        CONF([], project='ssm', default_config_files=[])
        for name, value in (self.options | {'auth_strategy': 'noauthv2'}).items():
            CONF.set_override(name, value)
        self.useFixture(self.place)
        self.rpc = self.useFixture(Rpc())
        strategies = mock.patch.dict(auth.STRATEGIES, noauthv2=_test_identity)
        strategies.start()
        self.addCleanup(strategies.stop)
        enforcer.reset()
        self.addCleanup(enforcer.reset)
        self._api = app.build()

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """The API, and the back doors beside it."""
        path = environ['PATH_INFO']
        if not path.startswith('/_'):
            return self._api(environ, start_response)
        length = int(environ.get('CONTENT_LENGTH') or 0)
        body = json.loads(environ['wsgi.input'].read(length)) if length else None
        answer = self._back_door(environ['REQUEST_METHOD'], path.split('/')[1:], body)
        start_response('200 OK', [('Content-Type', 'application/json')])
        return [json.dumps(answer, default=str).encode()]

    def _back_door(self, method: str, path: list[str], body: Any) -> Any:
        match (method, *path):
            case ('GET', '_sent'):
                return self.rpc.take()
            case ('PUT', '_answers', name):
                self.rpc.answers[name] = body
            case ('GET', '_rows', table):
                return rows(table)
            case ('POST', '_rows', table):
                insert(table, body)
            case ('PUT', '_rows', table, key):
                change(table, key, body)
            case _:
                raise LookupError(f'{method} {path}')
        return None


def _test_identity(application: Callable[..., Any]) -> Callable[..., Any]:
    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        user, project, role = environ.get('HTTP_X_AUTH_TOKEN', '::reader').split(':')
        environ['HTTP_X_USER_ID'], environ['HTTP_X_PROJECT_ID'] = user, project
        environ['HTTP_X_ROLES'] = ROLES[role]
        return application(environ, start_response)

    return run


_current: list[Environment] = []


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """The application of the story that runs now."""
    return _current[-1].application(environ, start_response)


class Api(gabbi_fixture.GabbiFixture):
    """The application on an empty database, for the time of one story."""

    OPTIONS: dict[str, Any] = {'default_share_type': 'default'}

    def start_fixture(self) -> None:
        """Begin."""
        environment = Environment(**self.OPTIONS)
        environment.setUp()
        _current.append(environment)
        self.fill()

    def fill(self) -> None:
        """Put rows in before the story begins; nothing here, subclasses may."""

    def stop_fixture(self) -> None:
        """Remove everything."""
        _current.pop().cleanUp()


class World(Api):
    """The same with the rows of ``world.py``."""

    def fill(self) -> None:
        """Put them in."""
        world.add(world.everything())
