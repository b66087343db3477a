# SPDX-License-Identifier: Apache-2.0

"""The one place where exceptions become answers (rest-api 1.6, decision 8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import webob
from oslo_log import log as logging
from webob import exc as webob_exc

from ssm.common import exceptions

LOG = logging.getLogger(__name__)

FAULT_NAMES = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    405: 'badMethod',
    409: 'conflictingRequest',
    413: 'overLimit',
    415: 'badMediaType',
    501: 'notImplemented',
    503: 'serviceUnavailable',
}
"""Key of the fault body by status; every other status has ``computeFault``."""

_LONGEST = 1000
"""Characters of a message, which may repeat what the caller wrote."""

_HIDDEN = 'The server could not do this. The request id finds the reason in its log.'


class Unauthorized(exceptions.SsmError):
    """Nobody is known to ask (401)."""

    code = 'unauthorized'
    status = 401
    template = 'The request has no valid identity.'


class NotAcceptable(exceptions.SsmError):
    """The microversion is outside the range (406)."""

    code = 'not_acceptable'
    status = 406
    template = 'Version {version} is not supported. Minimum is {minimum}, maximum is {maximum}.'


class TooLarge(exceptions.SsmError):
    """The body is too long (413). Clients take a 413 without "exceed" for a rate limit."""

    code = 'too_large'
    status = 413
    template = 'The body exceeds max_request_body_size.'


def response(error: Exception) -> webob.Response | None:
    """The answer to what was raised on purpose: its message and findings. None to all else."""
    if isinstance(error, exceptions.SsmError) and error.status != 500:
        return _answer(error.status, error.message, [f.to_dict() for f in error.findings])
    if isinstance(error, webob_exc.HTTPException):
        return _answer(error.code, error.explanation)
    return None


def _answer(status: int, message: str, reasons: Iterable[dict[str, Any]] = ()) -> webob.Response:
    fault: dict[str, Any] = {'code': status, 'message': _cut(message)}
    headers = {}
    if status == 413:
        fault['retryAfter'] = headers['Retry-After'] = '0'
    if reasons:
        fault['reasons'] = [{**reason, 'message': _cut(reason['message'])} for reason in reasons]
    body = {FAULT_NAMES.get(status, 'computeFault'): fault}
    answer = webob.Response(json.dumps(body).encode(), status, content_type='application/json')
    answer.headers.update(headers)
    return answer


def _cut(message: str) -> str:
    return message if len(message) <= _LONGEST else f'{message[: _LONGEST - 1]}…'


def catcher(application: Callable[..., Any]) -> Callable[..., Any]:
    """Middleware that answers whatever exception comes out of the application.

    What nobody expected, and every 500, is logged with its traceback and answered without detail.
    """

    def catch(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        try:
            return application(environ, start_response)
        except Exception as error:
            answer = response(error)
            if answer is None:
                LOG.exception('Unexpected error')
                answer = _answer(500, _HIDDEN)
            return answer(environ, start_response)

    return catch
