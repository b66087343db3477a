# SPDX-License-Identifier: Apache-2.0

"""Prefers pools near the snapshot a share is cloned from."""

from __future__ import annotations

from ssm.scheduler.host_state import PoolState, service_host
from ssm.scheduler.request import Request
from ssm.scheduler.weighers import base


class HostAffinityWeigher(base.Weigher):
    """100 for the snapshot's pool, 75 for its back end, 50 for its zone, else 25."""

    def weight(self, pool: PoolState, request: Request) -> float | None:
        source = request.snapshot_host
        if source is None:
            return 0
        if pool.host == source:
            return 100
        if pool.service_host == service_host(source):
            return 75
        zone = request.snapshot_zone_id
        return 50 if zone is not None and zone == pool.availability_zone_id else 25
