# SPDX-License-Identifier: Apache-2.0

"""What a migration's row says is to be done next. Pure."""

from __future__ import annotations

from typing import Any

from ssm.db import models
from ssm.migration import journal, states, steps
from ssm.migration.states import BACKWARD, FORWARD, PAST_NO_RETURN, Plan, State, Step


def plan_of(row: models.Migration) -> Plan | None:
    """What is to be done with a migration now; None if it rests."""
    if not row.rolling_back:
        return FORWARD.get(State(row.state))
    if journal.begun(row.journal, states.POINT_OF_NO_RETURN):
        return PAST_NO_RETURN.get(State(row.state))
    return BACKWARD.get(State(row.state))


def next_step(row: models.Migration, written: journal.Journal, plan: Plan) -> Step | None:
    """The first step of a plan that is needed and not done yet, by a journal."""
    return next(
        (
            step
            for step in plan.steps
            if not journal.done(written, step) and steps.is_needed(step, row)
        ),
        None,
    )


def begun(written: journal.Journal, step: Step | None) -> dict[str, Any]:
    """Columns that say a step is about to run; without one the journal as it is."""
    if step is None:
        return {'journal': written}
    written = journal.begin(written, step, models.now())
    return {'journal': written, 'attempt': journal.attempts(written, step)}
