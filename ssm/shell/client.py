# SPDX-License-Identifier: Apache-2.0

"""The HTTP client: JSON in, JSON out, a fault becomes one error."""

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keystoneauth1 import exceptions as ks_exceptions
from keystoneauth1 import session as ks_session

from ssm.shell import errors

if TYPE_CHECKING:
    import requests


def v2_url(endpoint: str) -> str:
    """The endpoint with the ``/v2`` that all paths of the API start with, no slash at the end.

    :param endpoint: URL with or without it, with or without a project after it
    """
    endpoint = endpoint.rstrip('/')
    return endpoint if re.search(r'/v2(/|$)', endpoint) else f'{endpoint}/v2'


class Client:
    """Sends requests to one Shared File Systems endpoint.

    :param session: a keystoneauth1 session, authenticated or not
    :param endpoint: URL of the API
    :param version: microversion sent with every request
    """

    def __init__(self, session: ks_session.Session, endpoint: str, version: str) -> None:
        self._session = session
        self._url = v2_url(endpoint)
        self._headers = {
            'Accept': 'application/json',
            'X-OpenStack-Manila-API-Version': version,
            'X-OpenStack-Manila-API-Experimental': 'true',
        }

    def get(self, path: str, key: str, **query: Any) -> Any:
        """What the answer has under ``key``; query values that are None are not sent."""
        params = {name: value for name, value in query.items() if value is not None}
        answer = self._request('GET', path, params=params)
        if not isinstance(answer, dict) or key not in answer:
            raise errors.ShellError(f'The answer to GET {self._url}{path} has no {key}.')
        return answer[key]

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The decoded answer, None if it has no body."""
        return self._request('POST', path, json=body)

    def action(self, path: str, name: str, value: Any = None) -> Any:
        """POST one action of the resource at ``path``."""
        return self.post(f'{path}/action', {name: value})

    def delete(self, path: str) -> None:
        """DELETE the resource at ``path``."""
        self._request('DELETE', path)

    def _request(self, method: str, path: str, **kwargs: Any) -> Any:
        """Raises ApiError for a fault, Unreachable without an answer."""
        with readable_connection_errors():
            response = self._session.request(
                self._url + path, method, headers=dict(self._headers), raise_exc=False, **kwargs
            )
        if response.status_code >= 400:
            raise _fault(response)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise errors.ShellError(f'{self._url} does not answer in JSON.') from error


@contextlib.contextmanager
def readable_connection_errors() -> Iterator[None]:
    """Turns what keystoneauth1 raises without an answer into Unreachable."""
    try:
        yield
    except ks_exceptions.ConnectionError as error:
        raise errors.Unreachable(_no_connection(error)) from error


def _no_connection(error: BaseException) -> str:
    """The sentence of a connection error, without the wrapping of three HTTP libraries."""
    sentence = str(error).split(': HTTP', 1)[0].rstrip('.')
    while inner := error.__cause__ or error.__context__:
        error = inner
    detail = getattr(error, 'strerror', None)
    return f'{sentence}: {detail}.' if detail else f'{sentence}.'


def _fault(response: 'requests.Response') -> errors.ApiError:
    """A fault body ``{"<fault>": {"code", "message", "reasons"}}`` as an error."""
    try:
        body = response.json()
    except ValueError:
        body = None
    faults = list(body.values()) if isinstance(body, dict) else []
    fault = next((value for value in faults if isinstance(value, dict)), {})
    reasons = fault.get('reasons')
    return errors.ApiError(
        fault.get('message') or response.reason or 'The request failed.',
        response.status_code,
        reasons if isinstance(reasons, list) else (),
        response.headers.get('x-compute-request-id'),
    )
