# SPDX-License-Identifier: Apache-2.0

"""The interface of a filter."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from typing import ClassVar

from ssm.common.findings import Finding
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request

NO_STORAGE = '002'
"""Message detail of filters without one of their own: no storage could be allocated."""


class Filter(abc.ABC):
    """Tells which pools may take a share; has no state."""

    code: ClassVar[str]
    """Stable code of the finding."""

    message_detail: ClassVar[str] = NO_STORAGE
    """Detail of the user message when this filter leaves no pool (rest-api 8)."""

    hint: ClassVar[str] = ''
    """What to do when this filter leaves no pool."""

    @abc.abstractmethod
    def passes(self, pool: PoolState, request: Request) -> bool:
        """Whether the pool may take the share."""

    @abc.abstractmethod
    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        """A sentence, without full stop, why these pools did not pass; with figures."""

    def finding(self, refused: Sequence[PoolState], asked: int, request: Request) -> Finding:
        """What the filter has to say after it refused some of ``asked`` pools."""
        return Finding(
            code=self.code,
            message=f'{type(self).__name__} refused {len(refused)} of {asked} pools: '
            f'{self.reason(refused, request)}.',
            hint=self.hint,
        )


def listed(texts: Iterable[object], limit: int = 3) -> str:
    """The first different ones, sorted, and how many are left out."""
    distinct = sorted({str(text) for text in texts})
    more = f' and {len(distinct) - limit} more' if len(distinct) > limit else ''
    return ', '.join(distinct[:limit]) + more
