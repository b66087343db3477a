# SPDX-License-Identifier: Apache-2.0

"""What uWSGI and other WSGI servers import: ``ssm.api.wsgi:application``.

The configuration is read from the usual places at the first request. Always native threads
(decision 23).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from ssm.common import concurrency

_lock = threading.Lock()


@functools.cache
def _built() -> Callable[..., Any]:
    # Before the imports: some of them choose green threads where nothing was chosen.
    concurrency.setup(concurrency.THREADING)
    from ssm import conf
    from ssm.api import app

    # The server's own command line is none of ours.
    conf.load([])
    return app.build()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """Answer one request."""
    with _lock:
        built = _built()
    return built(environ, start_response)
