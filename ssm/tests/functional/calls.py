# SPDX-License-Identifier: Apache-2.0

"""Requests sent by tables: one environment after the other, and what they changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import fixtures as testtools_fixtures
import sqlalchemy as sa
import webob
from sqlalchemy import orm

from ssm.api import routes
from ssm.db import engine, models
from ssm.tests.functional import fixtures

NEWEST = (2, 70)
ADMIN = 'root:aa:admin'
MEMBER = 'anna:aa:member'
NO_BODY: Any = object()


class Caller:
    """Sends requests to the application of an environment."""

    def __init__(self, environment: fixtures.Environment) -> None:
        self.environment = environment

    def send(
        self,
        method: str,
        path: str,
        body: Any = NO_BODY,
        *,
        token: str = ADMIN,
        version: tuple[int, int] = NEWEST,
        content_type: str = 'application/json',
    ) -> webob.Response:
        """The answer to one request.

        :param path: without ``/v2``
        :param body: bytes are sent as they are, anything else as JSON
        """
        request = webob.Request.blank(f'/v2{path}', method=method)
        request.headers['X-Auth-Token'] = token
        request.headers['X-OpenStack-Manila-API-Version'] = '.'.join(map(str, version))
        request.headers['X-OpenStack-Manila-API-Experimental'] = 'true'
        if body is not NO_BODY:
            request.content_type = content_type
            request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return request.get_response(self.environment.application)

    def send_to(
        self,
        route: routes.Route,
        body: Any = NO_BODY,
        *,
        variables: dict[str, str],
        query: str = '',
        **how: Any,
    ) -> webob.Response:
        """The answer to a request for a route, in the newest version that has it.

        :param body: for an action the value under its key, unless it is bytes
        :param variables: for the parts of the path, more than it has may be given
        """
        path = route.path.format(**variables) + query
        if route.action is not None and body is not NO_BODY and not isinstance(body, bytes):
            body = {route.action: body}
        return self.send(route.method, path, body, version=route.until or NEWEST, **how)


class Writes(testtools_fixtures.Fixture):
    """Notices statements that write, also those that are rolled back."""

    def _setUp(self) -> None:
        self.seen = False
        bind = engine.engine()
        sa.event.listen(bind, 'before_cursor_execute', self._note)
        self.addCleanup(sa.event.remove, bind, 'before_cursor_execute', self._note)

    def _note(self, _c: Any, _k: Any, statement: str, *_more: Any) -> None:
        self.seen |= statement.startswith(('INSERT', 'UPDATE', 'DELETE'))


def _empty(session: orm.Session) -> None:
    """Delete all rows; a server may point to another one."""
    session.execute(sa.update(models.ShareServer).values(source_share_server_id=None))
    for table in reversed(models.Base.metadata.sorted_tables):
        session.execute(sa.delete(table))


@engine.writer
def fill(session: orm.Session, rows: Iterable[models.Base]) -> None:
    """Put these rows in the place of all there are."""
    _empty(session)
    for row in rows:
        session.add(row)
        session.flush()


Dump = dict[str, list[dict[str, Any]]]


@engine.reader
def dump(session: orm.Session) -> Dump:
    """All rows of all tables."""
    return {
        table.name: [
            dict(row._mapping)
            for row in session.execute(sa.select(table).order_by(*table.primary_key))
        ]
        for table in models.Base.metadata.sorted_tables
    }


@engine.writer
def restore(session: orm.Session, saved: Dump) -> None:
    """Put the rows of a dump in the place of all there are."""
    _empty(session)
    for table in models.Base.metadata.sorted_tables:
        if saved[table.name]:
            session.execute(sa.insert(table), saved[table.name])


def message(answer: webob.Response) -> str:
    """The sentence of a fault."""
    (fault,) = json.loads(answer.text).values()
    return fault['message']
