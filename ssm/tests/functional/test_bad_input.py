# SPDX-License-Identifier: Apache-2.0

"""Bad input is refused by the contract's code, with the field's name, and changes nothing."""

from __future__ import annotations

import copy
import io
import re
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import webob

from ssm.api import routes
from ssm.db import models
from ssm.migration.states import State
from ssm.tests import base
from ssm.tests.functional import (
    bad_input,
    bad_queries,
    calls,
    database,
    fixtures,
    foreign,
    world,
)
from ssm.tests.world import servers


def _rows() -> Iterator[models.Base]:
    """The world, with a service, an idle server, a replica, and a migration of srv-m."""
    for row in world.everything():
        if isinstance(row, models.ShareServer) and row.id in ('srv-m', 'srv-to'):
            row.task_state = State.PHASE1_DONE
        yield row
    yield models.Service(
        host='node1@beta', binary='manila-share', topic='t', availability_zone_id='zone-nova'
    )
    yield models.ShareServer(id='srv-idle', host='node1@alpha', status='active')
    yield models.SubnetMapping(share_server_id='srv-idle', share_network_subnet_id='sub-a')
    for name, project in (('r', 'aa'), ('rb', 'bb')):
        share, instance = world.share(name, project, replica_state='active')
        share.replication_type = 'readable'
        yield from (share, instance)
    yield from world.share('v', 'aa', size=3, revert_to_snapshot_support=True)
    yield from world.snapshot('v', 'aa')
    yield models.Migration(
        id='migration',
        source_share_server_id='srv-m',
        destination_share_server_id='srv-to',
        source_host='node1@alpha',
        destination_host='node1@beta',
        share_network_id='net-a',
        writable=True,
        nondisruptive=False,
        preserve_snapshots=True,
        state=State.PHASE1_DONE,
        capabilities={'migration_cancel': True},
    )


def _key(route: routes.Route) -> bad_input.Key:
    action = route.action
    return route.method, route.path, action and action.removeprefix('os-')


def _body(route: routes.Route) -> bad_input.Body:
    exact = (route.method, route.path, route.action)
    return bad_input.BODIES.get(exact) or bad_input.BODIES[_key(route)]


NESTED = b'[' * 50_000
FORMS: dict[str, bytes] = {
    'nothing': b'',
    'half': b'{"a": ',
    'quoted': b"{'a': 1}",
    'list': b'[{}]',
    'null': b'null',
    'text': b'"text"',
    'number': b'7',
    'not a number': b'{"a": NaN}',
    'infinite': b'{"a": 1e999}',
    'many digits': b'{"a": ' + b'9' * 5000 + b'}',
    'NUL': b'{"a": "\\u0000"}',
    'half a character': b'{"a": "\\ud800"}',
    'no UTF-8': b'{"a": "\xff"}',
    'deep': b'{"a": ' + NESTED,
}
"""Bodies that no route takes."""

LARGE = b'{"a": "%s"}' % (b'x' * 10_000_000)
LONGEST = 3000
"""Characters that a refusal has at most; it may repeat what was asked."""

IDS = ('nothing', 'x' * 3000, "' OR 1=1 --", 'ü☃𝄞', '%', '..', ' ', '{share_id}', '0')
"""Ids that nothing has."""


class Walk(base.TestCase):
    """What a test needs that walks all routes, and tells at the end all that went wrong."""

    def place(self) -> Any:
        """The fixture of the database, None is the usual one."""
        return None

    def setUp(self) -> None:
        super().setUp()
        # Walks take long where much else runs.
        environment = fixtures.Environment(
            self.place(), default_share_type='dhss', service_down_time=3600
        )
        self.environment = self.useFixture(environment)
        self.caller = calls.Caller(self.environment)
        self.environment.rpc.answers |= {
            'get_pools': [],
            'check_migration': {
                'compatible': True,
                'findings': [],
                'capabilities': {'compatible': True, 'preserve_snapshots': True},
            },
        }
        calls.fill(_rows())
        self.before = calls.dump()
        self.writes = self.useFixture(calls.Writes())
        self.errors: list[str] = []

    def send(self, what: str, route: routes.Route, code: int, *names: str, **how: Any) -> None:
        """Send one request, and look at the answer and at everything it may have done."""
        answer = self.caller.send_to(route, **how)
        status, text = answer.status_int, answer.text
        wrong = []
        if status != code:
            wrong.append(f'{status} instead of {code}')
        elif names and not any(name in calls.message(answer) for name in names):
            wrong.append(f'none of {names} is named')
        if status >= 400 and len(text) > LONGEST:
            wrong.append(f'{len(text)} characters long')
        done = bool(self.environment.rpc.take())
        if self.writes.seen:
            changed = calls.dump() != self.before
            if changed:
                calls.restore(self.before)
            done |= changed
            self.writes.seen = False
        if status >= 400 and done:
            wrong.append('something was done')
        label = f'{route.method} {route.path} {route.action or ""} {what}'
        self.errors += [f'{label}: {reason}: {text[:200]}' for reason in wrong]

    def told(self) -> None:
        self.assertEqual('', '\n'.join(self.errors))

    def bodies(self) -> Iterator[tuple[routes.Route, bad_input.Body, dict[str, Any]]]:
        """Routes that take a body, what they take, and the variables of their path."""
        for route in routes.ROUTES:
            if route.method in ('POST', 'PUT'):
                body = _body(route)
                yield route, body, {'variables': bad_input.VARIABLES | dict(body.variables)}

    def queried(self) -> Iterator[routes.Route]:
        """Routes without a resource in the path that are read."""
        for route in routes.ROUTES:
            if route.method == 'GET' and '{' not in route.path and route.path != '/':
                yield route


class EngineTest(Walk):
    """What the database engine has a part in."""

    tells_case = True
    """Whether it tells keys that differ in case."""

    def test_good_ones(self) -> None:
        for route, body, where in self.bodies():
            self.send('good', route, body.code or route.success, body=body.good, **where)
        self.told()

    def test_bounds(self) -> None:
        newest = {_key(route): route for route in routes.ROUTES if route.until is None}
        for key, body, code, said in bad_input.DEEP:
            names = [said] if said else []
            what = str(body)[:80]
            self.send(what, newest[key], code, *names, body=body, variables=bad_input.VARIABLES)
        self.told()

    def test_keys_that_are_the_same_to_some_databases(self) -> None:
        specs = {'Colour': 'x', 'colour': 'y'}
        body = {'name': 'new', 'extra_specs': {'driver_handles_share_servers': 'no', **specs}}
        for path, keys in (
            ('/types', {'share_type': body}),
            ('/types/type-dhss/extra_specs', {'extra_specs': specs}),
        ):
            answer = self.caller.send('POST', path, keys)
            if self.tells_case:
                self.assertEqual(200, answer.status_int, answer.text)
            else:
                self.assertEqual(400, answer.status_int, answer.text)
                self.assertIn('extra_specs', calls.message(answer))

    def test_ids_of_nothing(self) -> None:
        for route in routes.ROUTES:
            code = bad_input.UNKNOWN.get(_key(route), 404)
            how = {} if route.method in ('GET', 'DELETE') else {'body': _body(route).good}
            for name in re.findall(r'{(\w+)}', route.path):
                for value in IDS:
                    given = bad_input.VARIABLES | {name: urllib.parse.quote(value, safe='')}
                    expected = code if name == 'key' or code != 400 or 'type' not in name else 404
                    self.send(f'{name} {value[:20]}', route, expected, variables=given, **how)
        self.told()

    def test_queries_of_shares(self) -> None:
        self.queries(lambda collection: collection == 'shares')

    def test_queries_of_the_rest(self) -> None:
        self.queries(lambda collection: collection != 'shares')

    def queries(self, wanted: Callable[[str], bool]) -> None:
        for route in self.queried():
            if not wanted(route.segments[0]):
                continue
            needed = bad_queries.NEEDED.get(route.path, '')
            for name, field in bad_queries.QUERIES.get(route.path, {}).items():
                kinds = bad_queries.TEXTS if field is bad_queries.ANY else bad_queries.QUERY_KINDS
                for kind in kinds:
                    code = field.code(kind)
                    query = urllib.parse.urlencode({name: bad_queries.QUERY_KINDS[kind]})
                    self.send(
                        f'{name} {kind}',
                        route,
                        code or 200,
                        *([] if code is None else [name, name.replace('_', ' ')]),
                        variables={},
                        query=f'?{needed}&{query}',
                    )
        self.told()


@base.only_full
class MariadbTest(EngineTest):
    tells_case = False

    def place(self) -> Any:
        return database.OnServer(servers.MYSQL_URL)


@base.only_full
class PostgresqlTest(EngineTest):
    def place(self) -> Any:
        return database.OnServer(servers.POSTGRES_URL)


class BadInputTest(Walk):
    """What is refused before anything is looked up, or for whom."""

    def test_fields_of_share_types(self) -> None:
        self.fields('types')

    def test_fields_of_share_networks(self) -> None:
        self.fields('share-networks')

    def test_fields_of_shares(self) -> None:
        self.fields('shares')

    def test_fields_of_share_servers(self) -> None:
        self.fields('share-servers')

    def test_fields_of_the_rest(self) -> None:
        known = ('types', 'share-networks', 'shares', 'share-servers')
        self.fields(*{route.segments[0] for route in routes.ROUTES} - set(known))

    def fields(self, *collections: str) -> None:
        """Send each kind of value in each field; all routes at once would take a test too long."""
        for route, body, where in self.bodies():
            if route.segments[0] not in collections:
                continue
            for name, field in body.fields.items():
                for kind in ('missing', *bad_input.KINDS):
                    self.field(route, body, name, kind, field.code(kind), where)
        self.told()

    def field(
        self,
        route: routes.Route,
        body: bad_input.Body,
        name: str,
        kind: str,
        code: int | None,
        where: dict[str, Any],
    ) -> None:
        changed = copy.deepcopy(body.good)
        inner = changed[body.wrapper] if body.wrapper else changed
        inner.pop(name, None)
        if kind != 'missing':
            inner[name] = bad_input.KINDS[kind]
        names: tuple[str, ...] = ()
        if code is not None:
            said = body.fields[name].said
            names = (name, name.removesuffix('_id').replace('_', ' '), *([said] if said else []))
        expected = code or body.code or route.success
        self.send(f'{name} {kind}', route, expected, *names, body=changed, **where)

    def test_what_holds_the_fields(self) -> None:
        kinds = {kind: value for kind, value in bad_input.KINDS.items() if value != {'x': 'y'}}
        for route, body, where in self.bodies():
            if body.wrapper:
                code = body.missing or 400
                for kind, value in kinds.items():
                    if not isinstance(value, dict):
                        changed = {body.wrapper: value}
                        self.send(kind, route, code, body.wrapper, body=changed, **where)
                self.send('missing', route, code, body.wrapper, body={'x': {}}, **where)
            elif route.action and body.fields:
                names = (route.action, *body.fields, 'parameters')
                for kind, value in kinds.items():
                    if not isinstance(value, dict) and (value is not None or body.missing):
                        self.send(kind, route, 400, *names, body=value, **where)
            elif route.action:
                for kind, value in kinds.items():
                    self.send(kind, route, body.code or route.success, body=value, **where)
        self.told()

    def test_unknown_fields_are_ignored(self) -> None:
        for route, body, where in self.bodies():
            if body.fields and _key(route) not in bad_input.CLOSED:
                changed = copy.deepcopy(body.good)
                inner = changed[body.wrapper] if body.wrapper else changed
                inner |= {'colour': ['blue'], 'id': 'mine', 'deleted': True, 'project_id': 'bb'}
                code = body.code or route.success
                self.send('more fields', route, code, body=changed, **where)
                if body.wrapper:
                    changed['more'] = None
                    self.send('more keys', route, code, body=changed, **where)
        self.told()

    def test_forms(self) -> None:
        for route, body, where in self.bodies():
            for form, raw in FORMS.items():
                self.send(form, route, 400, body=raw, **where)
            for content_type in ('text/plain', 'application/xml', 'application/jsonp', 'json'):
                self.send(
                    content_type, route, 400, body=body.good, content_type=content_type, **where
                )
            self.send('no body', route, 400, **where)
            self.send('10 MB', route, 413, 'exceed', body=LARGE, **where)
        self.told()

    def test_large_body_without_a_length(self) -> None:
        request = webob.Request.blank('/v2/types', method='POST')
        request.headers['X-Auth-Token'] = calls.ADMIN
        request.content_type = 'application/json'
        request.body_file = io.BytesIO(LARGE)
        request.headers['Transfer-Encoding'] = 'chunked'
        answer = request.get_response(self.environment.application)
        self.assertEqual((413, '0'), (answer.status_int, answer.headers['Retry-After']))
        self.assertIn('exceed', calls.message(answer))

    def test_two_actions(self) -> None:
        for route, body, where in self.bodies():
            if route.action:
                for raw in ({}, {route.action: body.good, 'reset_status': {}, 'x': {}}):
                    path = route.path.format(**where['variables'])
                    answer = self.caller.send('POST', path, raw, version=route.until or (2, 70))
                    self.assertEqual(400, answer.status_int, f'{route}: {answer.text}')
        self.assertEqual(self.before, calls.dump())

    def test_another_projects_ids(self) -> None:
        for route in routes.ROUTES:
            key = _key(route)
            if key not in foreign.NAMES_NOTHING:
                self.foreign(route, foreign.FOREIGN[key], foreign.OF_OTHERS)
            if key in foreign.PUBLIC:
                public = foreign.OF_OTHERS | {'share_id': 'share-p'}
                self.foreign(route, foreign.PUBLIC[key], public)
        self.told()

    def foreign(self, route: routes.Route, code: int, variables: dict[str, str]) -> None:
        how: dict[str, Any] = {
            'variables': bad_input.VARIABLES | variables,
            'token': calls.MEMBER,
            'query': '?share_id=share-b' if route.path == '/share-access-rules' else '',
        }
        if route.method in ('GET', 'DELETE'):
            self.send('foreign', route, code, **how)
            return
        for body in foreign.FOREIGN_BODIES.get(route.path, (_body(route).good,)):
            self.send(f'foreign {body}', route, code, body=body, **how)

    def test_queries_of_unknown_names(self) -> None:
        for route in self.queried():
            needed = bad_queries.NEEDED.get(route.path, '')
            reads = route.path in bad_queries.QUERIES
            self.assertNotEqual(reads, route.path in bad_queries.READS_NOTHING, route)
            unknown = bad_queries.QUERY_CODES.get(route.path, 200)
            for query, code in (
                ('colour=blue', unknown),
                ('x' * 5000, unknown),
                ('name=%ff', 400 if reads else 200),
                ('name=%00', 400 if reads else 200),
                ('%00=x', 400 if reads else 200),
            ):
                self.send(query[:20], route, code, variables={}, query=f'?{needed}&{query}')
        self.told()

    def test_each_entry_has_a_route(self) -> None:
        keys = {_key(route) for route in routes.ROUTES}
        exact = {(route.method, route.path, route.action) for route in routes.ROUTES}
        self.assertEqual(set(), bad_input.BODIES.keys() - keys - exact)
        for table in (
            foreign.FOREIGN.keys(),
            foreign.NAMES_NOTHING,
            foreign.PUBLIC.keys(),
            bad_input.UNKNOWN.keys(),
            bad_input.CLOSED,
        ):
            self.assertEqual(set(), set(table) - keys)
        paths = {route.path for route in self.queried()} | {'/'}
        self.assertEqual(paths, bad_queries.QUERIES.keys() | bad_queries.READS_NOTHING)
