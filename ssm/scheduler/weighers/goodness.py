# SPDX-License-Identifier: Apache-2.0

"""Prefers pools that rate themselves well, by ``goodness_function``."""

from __future__ import annotations

from oslo_log import log as logging

from ssm.scheduler import expressions
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request
from ssm.scheduler.weighers import base

LOG = logging.getLogger(__name__)


class GoodnessWeigher(base.Weigher):
    """0 to 100 as the pool's expression says, true is 100; none, wrong or out of range is 0."""

    def weight(self, pool: PoolState, request: Request) -> float | None:
        text = pool.capabilities.get('goodness_function')
        if text is None:
            return 0
        try:
            value = expressions.parse(str(text)).evaluate(pool.variables(request))
        except expressions.ExpressionError as error:
            LOG.warning('goodness_function of %s: %s', pool.host, error)
            return 0
        goodness = 100 * value if isinstance(value, bool) else value
        return goodness if 0 <= goodness <= 100 else 0
