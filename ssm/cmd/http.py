# SPDX-License-Identifier: Apache-2.0

"""The API behind a web server of its own; a larger site runs ``ssm.api.wsgi`` under uWSGI."""

from __future__ import annotations

import threading

from cheroot import wsgi
from oslo_config import cfg
from oslo_log import log as logging

from ssm.api import app

LOG = logging.getLogger(__name__)

_SHUTDOWN_SECONDS = 1
"""How long stopping waits for requests that are being answered."""


class _Server(wsgi.Server):
    """Says what it has to say into the log of the service."""

    def error_log(self, msg: str = '', level: int = 20, traceback: bool = False) -> None:
        LOG.log(level, 'HTTP: %s', msg, exc_info=traceback)


class HttpService:
    """Serves the API on ``osapi_share_listen`` and ``osapi_share_listen_port``.

    :param conf: the loaded configuration
    :param keep_alive: whether connections stay open for further requests; on green threads the
        server does not see at once that a connection is back, and each request waits half a second
    """

    name = 'API'

    def __init__(self, conf: cfg.ConfigOpts, *, keep_alive: bool = True) -> None:
        self._address = (str(conf.osapi_share_listen), conf.osapi_share_listen_port)
        self._server = _Server(
            self._address,
            app.build(),
            numthreads=conf.osapi_share_workers,
            server_name='ssm-api',
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        self._server.keep_alive_conn_limit = 10 * conf.osapi_share_workers if keep_alive else 0
        self._thread = threading.Thread(target=self._server.serve, daemon=True, name='http')

    @property
    def url(self) -> str:
        """Where clients on this node find it."""
        host, port = self._address
        if host in ('::', '0.0.0.0'):  # noqa: S104 (compared, not bound)
            host = '127.0.0.1'
        return f'http://[{host}]:{port}' if ':' in host else f'http://{host}:{port}'

    def start(self) -> bool:
        """Bind the address and begin to answer.

        :raises OSError: the address is in use or not of this node
        """
        self._server.prepare()
        self._thread.start()
        LOG.info('The API listens on %s', self.url)
        return True

    def stop(self) -> None:
        """Answer what was begun, then close."""
        self._server.stop()
