# SPDX-License-Identifier: Apache-2.0

"""The hint ``only_host`` of an administrator."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class OnlyHostFilter(base.Filter):
    """The one pool that was named; without the hint, or from others than host admins, all."""

    code = 'not_only_host'
    hint = 'Name a pool of the pools API, as host@backend#pool.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        return not request.considers_disabled or pool.host == request.only_host

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        return f'the request wants only {request.only_host}'
