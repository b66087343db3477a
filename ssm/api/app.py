# SPDX-License-Identifier: Apache-2.0

"""The API as one WSGI application: the whole stack stands here, there is no paste file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_middleware import healthcheck, http_proxy_to_wsgi, request_id, sizelimit

from ssm.api import auth, dispatch, faults, microversions, routes, versions
from ssm.common.context import RequestContext
from ssm.policies import enforcer

Application = Callable[..., Any]


class _RequestId(request_id.RequestId):
    """Puts the id under both names that clients look for."""

    compat_headers = ['x-compute-request-id']


def _log_context(application: Application) -> Application:
    """Let the log name this request before its caller is known, not the thread's last one."""

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        # Making a context puts it where the log finds it.
        RequestContext(request_id=environ[request_id.ENV_REQUEST_ID])
        return application(environ, start_response)

    return run


def _proxy_headers(application: Application) -> Application:
    return http_proxy_to_wsgi.HTTPProxyToWSGI(application, cfg.CONF)


def _size_limit(application: Application) -> Application:
    """Refuse a body longer than ``[oslo_middleware] max_request_body_size`` bytes."""
    cfg.CONF.register_opts(sizelimit.OPTS, group='oslo_middleware')

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        limit = cfg.CONF.oslo_middleware.max_request_body_size
        length = environ.get('CONTENT_LENGTH')
        if not length:
            environ['wsgi.input'] = sizelimit.LimitingReader(environ['wsgi.input'], limit)
        elif not length.isdecimal() or int(length) > limit:
            raise faults.TooLarge()
        return application(environ, start_response)

    return run


def _healthcheck(application: Application) -> Application:
    answer = healthcheck.Healthcheck(None, cfg.CONF)

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        chosen = answer if environ.get('PATH_INFO') == '/healthcheck' else application
        return chosen(environ, start_response)

    return run


def _authentication(application: Application) -> Application:
    return auth.STRATEGIES[cfg.CONF.auth_strategy](application)


STACK: tuple[Callable[[Application], Application], ...] = (
    # Outermost, so that every answer has an id, and the log of a fault too.
    _RequestId,
    # Before anything that may log.
    _log_context,
    # Outside of the faults, which are to say their version as well.
    microversions.echo,
    # Whatever is raised below becomes a fault body.
    faults.catcher,
    # Before anything that makes or reads an address.
    _proxy_headers,
    # Before anything that reads the body.
    _size_limit,
    # The next two answer anybody: before authentication.
    _healthcheck,
    versions.unauthenticated,
    # The context is made of what authentication found out.
    _authentication,
    auth.contextual,
)
"""Middleware from the outside to the inside; the dispatcher follows."""


def build() -> Application:
    """The application, by the configuration that is loaded now."""
    enforcer.init()
    application: Application = dispatch.Dispatcher(routes.ROUTES)
    for middleware in reversed(STACK):
        application = middleware(application)
    return application
