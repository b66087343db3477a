# SPDX-License-Identifier: Apache-2.0

"""The journal of a migration: which steps were begun and done, how often, with what result.

A plain list in the migration's row, so that each entry is written by the same statement as the
state it belongs to: intent before effect costs no statement of its own. Pure functions over
that list; none changes the one it was given.
"""

from __future__ import annotations

import datetime
from typing import Any

Journal = list[dict[str, Any]]


def entry(journal: Journal, step: str) -> dict[str, Any] | None:
    """What stands about a step, None if it was never begun."""
    return next((item for item in journal if item['name'] == step), None)


def begun(journal: Journal, step: str) -> bool:
    """Whether the step's effect may have happened."""
    return entry(journal, step) is not None


def done(journal: Journal, step: str) -> bool:
    """Whether the step is over, well or not."""
    item = entry(journal, step)
    return item is not None and item['done_at'] is not None


def attempts(journal: Journal, step: str) -> int:
    """How often the step was begun."""
    item = entry(journal, step)
    return item['attempts'] if item else 0


def result(journal: Journal, step: str) -> Any:
    """What the step left for later ones, None if nothing."""
    item = entry(journal, step)
    return item['result'] if item else None


def succeeded(journal: Journal, step: str) -> bool:
    """Whether the step is over without a reason against it."""
    item = entry(journal, step)
    return item is not None and item['done_at'] is not None and not item['reason']


def _with(journal: Journal, step: str, **values: Any) -> Journal:
    old = entry(journal, step) or {
        'name': str(step),
        'attempts': 0,
        'begun_at': None,
        'done_at': None,
        'result': None,
        'reason': None,
        'put_off_since': None,
    }
    new = old | values
    if old in journal:
        return [new if item is old else item for item in journal]
    return [*journal, new]


def begin(journal: Journal, step: str, now: datetime.datetime) -> Journal:
    """The step is about to run, once more or for the first time."""
    old = entry(journal, step)
    return _with(
        journal,
        step,
        attempts=attempts(journal, step) + 1,
        begun_at=old['begun_at'] if old else now.isoformat(),
    )


def finish(
    journal: Journal, step: str, now: datetime.datetime, outcome: Any = None, reason: str = ''
) -> Journal:
    """The step is over.

    :param outcome: JSON for later steps
    :param reason: why it did not do what it should, empty if it did
    """
    return _with(
        journal,
        step,
        done_at=now.isoformat(),
        result=outcome,
        reason=reason or None,
        put_off_since=None,
    )


def put_off(journal: Journal, step: str, reason: str, now: datetime.datetime) -> Journal:
    """The step has to be tried again, for this reason; the first time in a row is kept."""
    since = entry(journal, step) or {}
    return _with(
        journal, step, reason=reason, put_off_since=since.get('put_off_since') or now.isoformat()
    )


def get_on(journal: Journal, step: str) -> Journal:
    """The step goes on: nothing puts it off any more; the same list if nothing did."""
    item = entry(journal, step)
    if item is None or not item.get('put_off_since'):
        return journal
    return _with(journal, step, reason=None, put_off_since=None)


def put_off_for(journal: Journal, step: str, now: datetime.datetime) -> float:
    """Seconds since which the step has been put off again and again, 0 if it is not."""
    since = (entry(journal, step) or {}).get('put_off_since')
    return (now - datetime.datetime.fromisoformat(since)).total_seconds() if since else 0.0
