# SPDX-License-Identifier: Apache-2.0

"""How much a pool can take: the figures behind capacity filter and weigher (rest-api 5.1)."""

from __future__ import annotations

import math

from oslo_utils import strutils

from ssm.scheduler.host_state import UNKNOWN, PoolState
from ssm.scheduler.request import Request


def reserved_percentage(pool: PoolState, request: Request) -> float:
    """Per cent of the pool that this kind of request may not use."""
    if request.extend:
        key = 'reserved_share_extend_percentage'
    elif request.snapshot_host:
        key = 'reserved_snapshot_percentage'
    else:
        key = 'reserved_percentage'
    return pool.capabilities.get(key) or 0


def is_thin(pool: PoolState, request: Request) -> bool:
    """Whether the share would be thin on this pool."""
    specs = request.extra_specs
    wanted = specs.get('thin_provisioning', specs.get('capabilities:thin_provisioning', 'True'))
    return pool.offers_thin and strutils.bool_from_string(wanted.removeprefix('<is>'))


def free_unreserved(pool: PoolState, request: Request) -> int:
    """Whole GiB free less what is reserved; the pool knows both its capacities."""
    reserved = pool.total_capacity_gb * reserved_percentage(pool, request) / 100
    return math.floor(pool.free_capacity_gb - reserved)


def room(pool: PoolState, request: Request) -> float | None:
    """GiB the pool can take for this request.

    :returns: infinite if the pool can't tell; None for not even a share of no size
    """
    free, total = pool.free_capacity_gb, pool.total_capacity_gb
    if free is None:
        return None
    if free == UNKNOWN:
        return math.inf
    if total == UNKNOWN:
        return None if reserved_percentage(pool, request) else free
    if not total or total < 0:
        return None
    unreserved = free_unreserved(pool, request)
    if not is_thin(pool, request):
        return unreserved
    ratio = pool.max_over_subscription_ratio
    if ratio < 1:
        return None
    promise = total * ratio - (pool.provisioned_capacity_gb or 0)
    # Rounded, or 100 GiB * 1.15 would fall short of 115 GiB.
    return round(min(promise, unreserved * ratio), 6)


def rating(pool: PoolState, request: Request) -> int | None:
    """Whole GiB that can still be given out, for comparing pools; None if unknown."""
    free, total = pool.free_capacity_gb, pool.total_capacity_gb
    if free in (None, UNKNOWN) or total in (None, UNKNOWN):
        return None
    if not is_thin(pool, request):
        return free_unreserved(pool, request)
    if pool.provisioned_capacity_gb is None:
        return None
    reserved = total * reserved_percentage(pool, request) / 100
    promise = total * pool.max_over_subscription_ratio - pool.provisioned_capacity_gb
    return math.floor(promise - reserved)
