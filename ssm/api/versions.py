# SPDX-License-Identifier: Apache-2.0

"""Version documents (rest-api 1.2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import webob

from ssm.api import microversions
from ssm.api.request import JSON, Request


def document(req: Request) -> dict[str, Any]:
    """Range and address of the API."""
    return {
        'versions': [
            {
                'id': 'v2.0',
                'status': 'CURRENT',
                'version': str(microversions.MAXIMUM),
                'min_version': str(microversions.MINIMUM),
                'updated': '2015-08-27T11:33:21Z',
                'links': [
                    {
                        'rel': 'describedby',
                        'type': 'text/html',
                        'href': 'http://docs.openstack.org/',
                    },
                    {'rel': 'self', 'href': f'{req.base_url}/v2/'},
                ],
                'media-types': [
                    {'base': JSON, 'type': 'application/vnd.openstack.share+json;version=1'}
                ],
            }
        ]
    }


def unauthenticated(application: Callable[..., Any]) -> Callable[..., Any]:
    """Middleware that answers ``/`` by 300 and sends ``/v2`` to ``/v2/``, to anybody."""

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path = environ.get('PATH_INFO', '')
        if path in ('', '/'):
            body = json.dumps(document(Request(environ))).encode()
            answer = webob.Response(body, 300, content_type=JSON)
        elif path == '/v2':
            location = f'{Request(environ).base_url}/v2/'
            answer = webob.Response(status=302, location=location)
        else:
            return application(environ, start_response)
        return answer(environ, start_response)

    return run
