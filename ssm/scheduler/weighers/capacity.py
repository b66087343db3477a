# SPDX-License-Identifier: Apache-2.0

"""Prefers pools with much room."""

from __future__ import annotations

from ssm.scheduler import capacity
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request
from ssm.scheduler.weighers import base


class CapacityWeigher(base.Weigher):
    """GiB that can still be given out."""

    multiplier_option = 'capacity_weight_multiplier'

    def weight(self, pool: PoolState, request: Request) -> float | None:
        return capacity.rating(pool, request)
