# SPDX-License-Identifier: Apache-2.0

"""The interface of a weigher, and how raw weights are made comparable."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class Weigher(abc.ABC):
    """Rates pools; has no state."""

    multiplier_option: ClassVar[str | None] = None
    """Option of [DEFAULT] the scaled weights are multiplied by; none is 1."""

    @abc.abstractmethod
    def weight(self, pool: PoolState, request: Request) -> float | None:
        """Raw weight, more is better; None if it is not known."""


def scaled(raw: Sequence[float | None], multiplier: float) -> list[float]:
    """Weights between 0 and 1 times the multiplier; all equal are 0.

    What is not known ranks last whatever the sign of the multiplier.
    """
    known = [weight for weight in raw if weight is not None]
    if not known:
        return [0.0] * len(raw)
    last = min(known) - 1 if multiplier > 0 else max(known) + 1
    weights = [last if weight is None else weight for weight in raw]
    low, high = min(weights), max(weights)
    if low == high:
        return [0.0] * len(raw)
    return [multiplier * (weight - low) / (high - low) for weight in weights]
