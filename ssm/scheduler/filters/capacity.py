# SPDX-License-Identifier: Apache-2.0

"""Whether there is room."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler import capacity
from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class CapacityFilter(base.Filter):
    """The pool has room for the size, over-subscription and reserve considered."""

    code = 'no_capacity'
    message_detail = '009'
    hint = 'Free space, lower the reserve, or raise max_over_subscription_ratio of a thin pool.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        room = capacity.room(pool, request)
        return room is not None and request.size <= room

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        rooms = {pool.host: capacity.room(pool, request) or 0 for pool in refused}
        best = max(rooms, key=lambda host: rooms[host])
        return f'{request.size:g} GiB are needed, the best of them, {best}, takes {rooms[best]:g}'
