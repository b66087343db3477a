# SPDX-License-Identifier: Apache-2.0

"""The decision: filters leave some pools, weighers pick one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from oslo_config import cfg

from ssm.common import findings as findings_lib
from ssm.common.findings import Finding
from ssm.scheduler import filters, weighers
from ssm.scheduler.filters.base import NO_STORAGE
from ssm.scheduler.host_state import PoolState, service_host
from ssm.scheduler.request import Request
from ssm.scheduler.weighers.base import scaled

NO_POOLS = '028'
"""Message detail when no back end is ready."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the scheduler decided.

    :param pool: the chosen pool, None if there is none; the caller debits it
    :param sentence: what was decided and why, for the log
    :param findings: what refused how many pools and why, in the order of the filters
    :param message_detail: detail id of the user message if no pool was chosen (rest-api 5.5)
    """

    pool: PoolState | None
    sentence: str
    findings: list[Finding]
    message_detail: str | None = None


def choose(pools: Sequence[PoolState], request: Request, conf: cfg.ConfigOpts) -> Decision:
    """The best pool for a request; among equals the first.

    :param pools: all pools of live services
    :param conf: names of filters and weighers, multipliers
    :raises ConfigurationError: a filter or weigher is unknown
    """
    if not pools:
        return _refused(_no_pools(), NO_POOLS)
    request = _located(request, pools)
    candidates = [pool for pool in pools if request.host in (None, pool.host)]
    if not candidates:
        return _refused(_no_such_host(request), NO_STORAGE)
    option = f'scheduler_default_{"extend_" if request.extend else ""}filters'
    refusals: list[Finding] = []
    for filter_ in filters.load(conf[option], option):
        verdicts = [(pool, filter_.passes(pool, request)) for pool in candidates]
        passed = [pool for pool, verdict in verdicts if verdict]
        if refused := [pool for pool, verdict in verdicts if not verdict]:
            refusals.append(filter_.finding(refused, len(candidates), request))
        if not passed:
            return _refused(refusals, filter_.message_detail)
        candidates = passed
    return _best(candidates, request, conf, refusals)


def weigh(
    pools: Sequence[PoolState], request: Request, conf: cfg.ConfigOpts
) -> list[tuple[float, PoolState]]:
    """The pools with the sum of their weights, best first, equals in the given order."""
    sums = [0.0] * len(pools)
    for weigher in weighers.load(conf.scheduler_default_weighers):
        multiplier = conf[weigher.multiplier_option] if weigher.multiplier_option else 1.0
        weights = scaled([weigher.weight(pool, request) for pool in pools], multiplier)
        sums = [total + weight for total, weight in zip(sums, weights, strict=True)]
    rated = zip(sums, pools, strict=True)
    return sorted(rated, key=lambda pair: pair[0], reverse=True)


def _best(
    candidates: Sequence[PoolState],
    request: Request,
    conf: cfg.ConfigOpts,
    refusals: list[Finding],
) -> Decision:
    weight, pool = weigh(candidates, request, conf)[0]
    told = [
        f'{pool.host} takes {request.size:g} GiB: weight {weight:.3f}, best of '
        f'{len(candidates)} pools that passed.',
        *(refusal.message for refusal in refusals),
    ]
    return Decision(pool, ' '.join(told), refusals)


def _located(request: Request, pools: Sequence[PoolState]) -> Request:
    """The request with domain and zone of the hosts it starts from, where those are live."""
    if snapshot := _pool_at(request.snapshot_host, pools):
        request = dataclasses.replace(
            request,
            snapshot_domain=snapshot.replication_domain,
            snapshot_zone_id=snapshot.availability_zone_id,
        )
    if active := _pool_at(request.active_replica_host, pools):
        request = dataclasses.replace(request, active_replica_domain=active.replication_domain)
    return request


def _pool_at(host: str | None, pools: Sequence[PoolState]) -> PoolState | None:
    """The pool of that host, else another one of its back end."""
    if host is None:
        return None
    near = [pool for pool in pools if pool.service_host == service_host(host)]
    return next((pool for pool in near if pool.host == host), near[0] if near else None)


def _refused(findings: list[Finding], message_detail: str) -> Decision:
    sentence = f'No pool was chosen. {findings_lib.sentence(findings)}'
    return Decision(None, sentence, findings, message_detail)


def _no_pools() -> list[Finding]:
    return [
        Finding(
            code='no_pools',
            message='No live back end has reported a pool.',
            hint='See that share services are up and enabled; they report every '
            'periodic_interval seconds.',
        )
    ]


def _no_such_host(request: Request) -> list[Finding]:
    return [
        Finding(
            code='no_such_pool',
            message=f'{request.host} is no pool of a live back end.',
            hint='Name a pool of the pools API, as host@backend#pool.',
        )
    ]
