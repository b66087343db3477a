# SPDX-License-Identifier: Apache-2.0

"""The microversion of a request: which one it asks for, and what the answer says about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import microversion_parse
from oslo_utils import strutils

from ssm.api import faults
from ssm.api.request import VERSION_KEY, Request, Version
from ssm.common import exceptions

MINIMUM = Version(2, 0)
MAXIMUM = Version(2, 70)

HEADER = 'X-OpenStack-Manila-API-Version'
EXPERIMENTAL_HEADER = 'X-OpenStack-Manila-API-Experimental'
SERVICE_TYPE = 'shared-file-system'
_FORM = re.compile(r'([1-9]\d{0,5})\.([1-9]\d{0,5}|0)')
_ECHO_KEY = 'ssm.version_echo'


def parse(text: str) -> Version:
    """A version as clients write it.

    :raises Invalid: it is not of the form X.Y
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise exceptions.Invalid(reason=f'Version {text!r} is not of the form X.Y.')
    return Version(int(match[1]), int(match[2]))


def negotiate(req: Request) -> Version:
    """The effective version of a request; without a header it is the minimum (rest-api 1.3).

    :raises Invalid: the header is malformed
    :raises NotAcceptable: the version is out of range
    """
    text = req.headers.get(HEADER) or microversion_parse.get_version(req.headers, SERVICE_TYPE)
    version = parse(text) if text else MINIMUM
    req.environ[_ECHO_KEY] = str(version)
    if not MINIMUM <= version <= MAXIMUM:
        raise faults.NotAcceptable(version=version, minimum=MINIMUM, maximum=MAXIMUM)
    req.environ[VERSION_KEY] = version
    return version


def is_experimental(environ: dict[str, Any]) -> bool:
    """Whether the caller accepts experimental operations (rest-api 1.4)."""
    return strutils.bool_from_string(environ.get('HTTP_X_OPENSTACK_MANILA_API_EXPERIMENTAL'))


def echo(application: Callable[..., Any]) -> Callable[..., Any]:
    """Middleware that puts version and ``Vary`` on each answer that has a negotiated version."""

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if _ECHO_KEY in environ:
                headers += [(HEADER, environ[_ECHO_KEY]), ('Vary', HEADER)]
                if is_experimental(environ):
                    headers.append((EXPERIMENTAL_HEADER, 'True'))
            return start_response(status, headers, *more)

        return application(environ, start)

    return run
