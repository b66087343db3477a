# SPDX-License-Identifier: Apache-2.0

"""From a path to a handler, on a small table."""

from typing import Any

from ssm.api import dispatch
from ssm.api.request import CONTEXT_KEY, Request
from ssm.api.routes import Route
from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.tests.base import TestCase


def _named(name: str, **more: Any) -> Any:
    def handler(_req: Request, **variables: str) -> dict[str, Any]:
        return {'handler': name, **variables, **more}

    return handler


def _action(req: Request, thing_id: str) -> dict[str, Any]:
    return {'thing': thing_id, 'value': req.action_body}


ROUTES = (
    Route('GET', '/things', _named('index')),
    Route('GET', '/things/{thing_id}', _named('show')),
    Route('GET', '/things/special', _named('special'), since=(2, 5)),
    Route('POST', '/things/special', _named('make special'), 202),
    Route('POST', '/things/{thing_id}/action', _action, action='go'),
    Route('POST', '/things/{thing_id}/action', _action, action='fly', experimental=True),
    Route('GET', '/things/{thing_id}/parts/{part_id}', _named('part')),
    Route('GET', '/changing', _named('old'), until=(2, 9)),
    Route('GET', '/changing', _named('new'), since=(2, 10)),
)


class DispatchTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.dispatcher = dispatch.Dispatcher(ROUTES)

    def ask(self, path: str, method: str = 'GET', version: str = '2.70', **more: Any) -> Any:
        headers = {'X-OpenStack-Manila-API-Version': version, **more.pop('headers', {})}
        headers['Content-Type'] = 'application/json'
        req = Request.blank(path, method=method, headers=headers, **more)
        req.environ[CONTEXT_KEY] = RequestContext(project_id='ab', overwrite=False)
        return req.get_response(self.dispatcher).json

    def test_variables(self) -> None:
        self.assertEqual(
            {'handler': 'part', 'thing_id': '1', 'part_id': 'a:b'},
            self.ask('/v2/things/1/parts/a:b'),
        )

    def test_project_in_the_path(self) -> None:
        self.assertEqual({'handler': 'index'}, self.ask('/v2/ab/things'))
        self.assertRaises(exceptions.Invalid, self.ask, '/v2/ac/things')

    def test_the_literal_goes_before_the_variable(self) -> None:
        self.assertEqual('special', self.ask('/v2/things/special')['handler'])

    def test_a_literal_that_is_not_offered_hides_the_variable(self) -> None:
        self.assertRaises(exceptions.NotFound, self.ask, '/v2/things/special', version='2.4')

    def test_rows_by_version(self) -> None:
        self.assertEqual('old', self.ask('/v2/changing', version='2.9')['handler'])
        self.assertEqual('new', self.ask('/v2/changing', version='2.10')['handler'])

    def test_actions(self) -> None:
        answer = self.ask('/v2/things/1/action', 'POST', json={'go': {'to': 'there'}})
        self.assertEqual({'thing': '1', 'value': {'to': 'there'}}, answer)
        for body in ({}, {'go': 1, 'fly': 2}, {'swim': 1}, []):
            self.assertRaises(
                exceptions.Invalid, self.ask, '/v2/things/1/action', 'POST', json=body
            )

    def test_experimental(self) -> None:
        fly = {'method': 'POST', 'json': {'fly': None}}
        self.assertRaises(exceptions.NotFound, self.ask, '/v2/things/1/action', **fly)
        headers = {'X-OpenStack-Manila-API-Experimental': 'true'}
        answer = self.ask('/v2/things/1/action', headers=headers, **fly)
        self.assertEqual({'thing': '1', 'value': None}, answer)

    def test_nowhere(self) -> None:
        for path in (
            '/',
            '/v1/things',
            '/things',
            '/v2',
            '/v2/ab',
            '/v2/things/',
            '/v2//things',
            '/v2/things/1/',
            '/v2/things//parts/2',
            '/v2/XY/things',
        ):
            self.assertRaises(exceptions.NotFound, self.ask, path)
        self.assertRaises(exceptions.NotFound, self.ask, '/v2/things', 'DELETE')
