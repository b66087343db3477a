# SPDX-License-Identifier: Apache-2.0

"""Who asks: authentication, and the context made of it (rest-api 1.10).

Each strategy ends in the same headers, those of keystonemiddleware, from which
:func:`contextual` makes the context.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import webob
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_middleware import request_id

from ssm.api import faults
from ssm.api.request import CONTEXT_KEY, Request
from ssm.common.context import RequestContext
from ssm.policies import enforcer

Application = Callable[..., Any]


def _keystone(application: Application) -> Application:
    return auth_token.AuthProtocol(application, {'oslo_config_config': cfg.CONF})


def _without_keystone(application: Application, *, project_in_url: bool) -> Application:
    """Believe the token ``user:project``, and hand one out to who has none."""

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        token = environ.get('HTTP_X_AUTH_TOKEN')
        if not token:
            return _hand_out(Request(environ), project_in_url)(environ, start_response)
        user, _, project = token.partition(':')
        environ['HTTP_X_USER_ID'] = user
        environ['HTTP_X_PROJECT_ID'] = project or user
        environ['HTTP_X_ROLES'] = 'admin,member,reader'
        return application(environ, start_response)

    return run


def _hand_out(req: Request, project_in_url: bool) -> webob.Response:
    user = req.headers.get('X-Auth-User', 'admin')
    project = req.headers.get('X-Auth-Project-Id', 'admin')
    address = f'{req.base_url}/v2' + (f'/{project}' if project_in_url else '')
    answer = webob.Response(status=204)
    answer.headers.update({'X-Auth-Token': f'{user}:{project}', 'X-Server-Management-Url': address})
    return answer


STRATEGIES: dict[str, Callable[[Application], Application]] = {
    'keystone': _keystone,
    'noauth': lambda application: _without_keystone(application, project_in_url=True),
    'noauthv2': lambda application: _without_keystone(application, project_in_url=False),
}
"""By the values of ``auth_strategy``."""


def contextual(application: Application) -> Application:
    """Middleware that makes the context; ``is_admin`` is what the policy says.

    :raises Unauthorized: no user is known
    """

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        context = RequestContext.from_environ(
            environ, request_id=environ.get(request_id.ENV_REQUEST_ID)
        )
        if not context.user_id:
            raise faults.Unauthorized()
        context.is_admin = enforcer.is_admin(context)
        environ[CONTEXT_KEY] = context
        return application(environ, start_response)

    return run
