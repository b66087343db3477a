# SPDX-License-Identifier: Apache-2.0

"""A request of the API: what handlers read of it."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple
from urllib import parse

import webob
from oslo_config import cfg
from webob import exc as webob_exc

from ssm.api import faults
from ssm.common import exceptions
from ssm.common.context import RequestContext

JSON = 'application/json'
CONTEXT_KEY = 'ssm.context'
VERSION_KEY = 'ssm.version'
PROJECT_KEY = 'ssm.project_in_path'
ACTION_KEY = 'ssm.action'
_BODY_KEY = 'ssm.body'
_VERSION_IN_URL = re.compile(r'/v\d+/?$')


class Version(NamedTuple):
    """A microversion; compares with plain tuples."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f'{self.major}.{self.minor}'


class Request(webob.Request):
    """What a handler gets; the dispatcher has filled in version, action and project."""

    @property
    def context(self) -> RequestContext:
        """Who asks."""
        return self.environ[CONTEXT_KEY]

    @property
    def version(self) -> Version:
        """The effective microversion."""
        return self.environ[VERSION_KEY]

    @property
    def filters(self) -> dict[str, str]:
        """Query parameters; of a repeated one the last value counts.

        :raises Invalid: the query is no UTF-8, or holds a NUL
        """
        try:
            found = dict(self.GET.items())
        except UnicodeDecodeError as error:
            raise exceptions.Invalid(reason='The query is not UTF-8.') from error
        if any('\0' in item for pair in found.items() for item in pair):
            raise exceptions.Invalid(reason='The query holds a NUL character.')
        return found

    @property
    def body_json(self) -> dict[str, Any]:
        """The body, decoded; a body of another content type counts as none (rest-api 1.5).

        :raises Invalid: there is no body, or it is no JSON object
        :raises TooLarge: it is longer than ``max_request_body_size``
        """
        if _BODY_KEY not in self.environ:
            self.environ[_BODY_KEY] = self._decode()
        return self.environ[_BODY_KEY]

    @property
    def action_body(self) -> Any:
        """What stands under the action's key."""
        return self.body_json[self.environ[ACTION_KEY]]

    @property
    def action_object(self) -> dict[str, Any]:
        """The same where it has to be an object.

        :raises Invalid: it is none
        """
        if not isinstance(self.action_body, dict):
            raise exceptions.Invalid(reason=f'{self.environ[ACTION_KEY]} is not an object.')
        return self.action_body

    def _decode(self) -> dict[str, Any]:
        if self.content_type != JSON:
            raise exceptions.Invalid(reason=f'A body of content type {JSON} is needed.')
        try:
            raw = self.body
            decoded = json.loads(raw, parse_constant=_no_constant, parse_float=_finite)
            if b'\\u' in raw:
                _storable(decoded)
        except webob_exc.HTTPRequestEntityTooLarge as error:
            raise faults.TooLarge() from error
        except (ValueError, RecursionError) as error:
            raise exceptions.Invalid(reason='The body is not valid JSON.') from error
        if not isinstance(decoded, dict):
            raise exceptions.Invalid(reason='The body is not a JSON object.')
        return decoded

    def object_in_body(
        self, *keys: str, missing: type[exceptions.SsmError] = exceptions.Unprocessable
    ) -> dict[str, Any]:
        """The object under the first of the keys that the body has.

        :param missing: class of the error when there is none; 422 or 400, by resource
        """
        for key in keys:
            found = self.body_json.get(key)
            if isinstance(found, dict):
                return found
        raise missing(reason=f'The body has no object {keys[0]}.')

    @property
    def base_url(self) -> str:
        """Scheme, host and prefix of this service, without ``/v2``."""
        configured = cfg.CONF.osapi_share_base_URL
        own = self.application_url
        if configured:
            own = configured.rstrip('/') + parse.urlsplit(own).path
        return _VERSION_IN_URL.sub('', own).rstrip('/')

    def links(self, collection: str, item_id: str) -> list[dict[str, str]]:
        """``links`` of an item (rest-api 1.9)."""
        path = f'{self._project_part}/{collection}/{item_id}'
        return [
            {'rel': 'self', 'href': f'{self.base_url}/v2{path}'},
            {'rel': 'bookmark', 'href': f'{self.base_url}{path}'},
        ]

    def next_page(self, collection: str, marker: str) -> list[dict[str, str]]:
        """``<collection>_links`` of a full page (rest-api 1.8)."""
        query = parse.urlencode(self.filters | {'marker': marker})
        return [
            {
                'rel': 'next',
                'href': f'{self.base_url}/v2{self._project_part}/{collection}?{query}',
            }
        ]

    @property
    def _project_part(self) -> str:
        project = self.environ.get(PROJECT_KEY)
        return f'/{project}' if project else ''


def _no_constant(name: str) -> None:
    raise ValueError(f'{name} is no JSON')


def _finite(text: str) -> float:
    """A number; one that is too large would be answered as ``Infinity``, which is no JSON."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f'{text} is too large')
    return number


def _storable(decoded: Any) -> None:
    """Escapes can name what no database keeps: half characters (ValueError here) and NUL."""
    if '\\u0000' in json.dumps(decoded):
        raise ValueError('NUL in a string')
    json.dumps(decoded, ensure_ascii=False).encode()
