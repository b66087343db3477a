# SPDX-License-Identifier: Apache-2.0

"""The back end's own condition, ``filter_function``."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler import expressions
from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class DriverFilter(base.Filter):
    """The pool's ``filter_function`` is true, or the pool has none."""

    code = 'filter_function'
    message_detail = '010'
    hint = 'Look at filter_function in the stanza of the back end.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        try:
            return _satisfied(pool, request)
        except expressions.ExpressionError:
            return False

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        return base.listed(_explanation(pool, request) for pool in refused)


def _satisfied(pool: PoolState, request: Request) -> bool:
    text = pool.capabilities.get('filter_function')
    if text is None:
        return True
    expression = expressions.parse(str(text))
    if request.share_id is None and 'share.size' in expression.variables:
        return True
    return bool(expression.evaluate(pool.variables(request)))


def _explanation(pool: PoolState, request: Request) -> str:
    try:
        _satisfied(pool, request)
    except expressions.ExpressionError as error:
        return f'{pool.host}: {error.message.rstrip(".")}'
    return f'{pool.host}: {pool.capabilities["filter_function"]!r} is false'
