# SPDX-License-Identifier: Apache-2.0

"""From a request to its handler and back, in the order of rest-api 1.5."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import webob
from oslo_config import cfg

from ssm.api import microversions
from ssm.api.request import ACTION_KEY, JSON, PROJECT_KEY, Request
from ssm.api.routes import Route
from ssm.common import exceptions

_WITH_BODY = frozenset({'POST', 'PUT'})
_NOWHERE = 'There is nothing at this address.'


class _Node:
    """A place in the tree of paths: what may follow, and the routes that end here."""

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.routes: dict[str, list[Route]] = {}

    def find(self, segments: list[str]) -> Iterator[_Node]:
        """Places that a path leads to; the literal spelling comes before the variable."""
        if not segments:
            yield self
            return
        first, rest = segments[0], segments[1:]
        if first in self.named:
            yield from self.named[first].find(rest)
        if first and self.any:
            yield from self.any.find(rest)


class Dispatcher:
    """The innermost application: below ``/v2``, with or without a project in the path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.segments:
                if segment.startswith('{'):
                    node.any = node.any or _Node()
                    node = node.any
                else:
                    node = node.named.setdefault(segment, _Node())
            node.routes.setdefault(route.method, []).append(route)
        self._project = re.compile(cfg.CONF.project_id_regex)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        req = Request(environ)
        segments, routes = self._look_up(req)
        version = microversions.negotiate(req)
        routes = _of_action(req, routes)
        if req.method in _WITH_BODY:
            # Decoded here so that a bad body is refused before version and policy are looked at.
            _ = req.body_json
        if environ.get(PROJECT_KEY, req.context.project_id) != req.context.project_id:
            raise exceptions.Invalid(reason='The project in the path is not that of the token.')
        experimental = microversions.is_experimental(environ)
        route = next((r for r in routes if r.offered(version, experimental)), None)
        if route is None:
            raise exceptions.NotFound(_NOWHERE)
        result = route.handler(req, **route.variables(segments))
        body = b'' if result is None else json.dumps(result).encode()
        return webob.Response(body, route.success, content_type=JSON)(environ, start_response)

    def _look_up(self, req: Request) -> tuple[list[str], list[Route]]:
        """The segments of the path after version and project, and the routes that have them.

        :raises NotFound: there is none
        """
        try:
            top, version, *segments = req.path_info.split('/')
        except (UnicodeDecodeError, ValueError):
            raise exceptions.NotFound(_NOWHERE) from None
        if (top, version) == ('', 'v2') and '\0' not in req.path_info:
            if segments and segments[0] not in self._root.named:
                project = segments.pop(0)
                if not self._project.fullmatch(project):
                    raise exceptions.NotFound(_NOWHERE)
                req.environ[PROJECT_KEY] = project
            for node in self._root.find(segments):
                if req.method in node.routes:
                    return segments, node.routes[req.method]
        raise exceptions.NotFound(_NOWHERE)


def _of_action(req: Request, routes: list[Route]) -> list[Route]:
    """Those whose action the body names; all of them where there are no actions.

    :raises Invalid: the body does not name exactly one known action
    """
    if routes[0].action is None:
        return routes
    if len(req.body_json) != 1:
        raise exceptions.Invalid(reason='The body has to have exactly one key, the action.')
    (action,) = req.body_json
    found = [route for route in routes if route.action == action]
    if not found:
        raise exceptions.Invalid(reason=f'There is no action {action!r}.')
    req.environ[ACTION_KEY] = action
    return found
