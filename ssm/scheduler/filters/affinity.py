# SPDX-License-Identifier: Apache-2.0

"""The hints ``same_host`` and ``different_host``."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class AffinityFilter(base.Filter):
    """The pool holds every share named by ``same_host``."""

    code = 'same_host'
    hint = 'The shares named in the hint have to exist and to lie on one pool.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        hint = request.same_host
        return hint is None or all(pool.host in hosts for hosts in hint)

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        return _told('same_host', request.same_host or [])


class AntiAffinityFilter(base.Filter):
    """The pool holds none of the shares named by ``different_host``, and all of them exist."""

    code = 'different_host'
    hint = 'The shares named in the hint have to exist and to leave a pool.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        hint = request.different_host
        return hint is None or all(hosts and pool.host not in hosts for hosts in hint)

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        return _told('different_host', request.different_host or [])


def _told(hint: str, shares: Sequence[Sequence[str]]) -> str:
    """The hosts of the named shares, and how many shares have none."""
    hosts = base.listed(host for hosts in shares for host in hosts) or 'nowhere'
    lost = sum(not hosts for hosts in shares)
    return f'the shares of {hint} are on {hosts}' + (
        f', {lost} of them have no host' if lost else ''
    )
