# SPDX-License-Identifier: Apache-2.0

"""How often to ask, and what to keep of the answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIRST_PAUSE = 1.0
GROWTH = 1.5

_KEPT = (
    'bytes_total',
    'bytes_done',
    'rate',
    'seconds_left',
    'round',
    'dirty_bytes',
    'predicted_downtime',
    'shares',
)


def next_pause(previous: float | None, limit: float) -> float:
    """Seconds until the driver is asked again: quickly at first, then slower (decision 12)."""
    if previous is None:
        return min(FIRST_PAUSE, limit)
    return min(previous * GROWTH, limit)


def columns(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Columns of the migration's row from a driver's answer; other keys are dropped."""
    if not answer:
        return {}
    total = answer.get('total_progress')
    kept = {name: answer[name] for name in _KEPT if answer.get(name) is not None}
    values: dict[str, Any] = {'progress': kept}
    if total is not None:
        values['total_progress'] = max(0, min(100, round(total)))
    return values


def fits(answer: Mapping[str, Any], budget: float) -> bool:
    """Whether the predicted cut-over, if there is a prediction, is within the budget (seconds)."""
    predicted = answer.get('predicted_downtime')
    return predicted is not None and predicted <= budget
