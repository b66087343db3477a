# SPDX-License-Identifier: Apache-2.0

"""What the owner of a migration does next: one step, between its two entries in the journal.

What fails for good, what is tried again, and what follows a plan is decided here, for normal
operation and for recovery after a crash alike (rule 3).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

from ssm.common import exceptions, findings
from ssm.common.findings import Finding
from ssm.db import models
from ssm.db.engine import db_time
from ssm.migration import journal, networks, progress, recovery, states, steps, store, switch
from ssm.migration.plan import begun, next_step, plan_of
from ssm.migration.run import Run, Tools, Write, source_finding
from ssm.migration.states import FORWARD, Event, Plan, Step

LOG = logging.getLogger(__name__)

BACKOFF = 5.0
"""Seconds before a step is tried again after an error that says nothing of its own."""


def first_step(tools: Tools, row: models.Migration) -> Step | None:
    """The step a new owner begins with; None if there is none it may begin unasked."""
    plan = plan_of(row)
    step = next_step(row, row.journal, plan) if plan else None
    return None if step and _is_half_done(tools, row, step) else step


def _is_half_done(tools: Tools, row: models.Migration, step: Step) -> bool:
    """Whether a step that the driver can't repeat was begun before a crash (decision 18)."""
    attribute = steps.REPEATABLE.get(step)
    return bool(
        attribute and not getattr(tools.driver, attribute) and journal.begun(row.journal, step)
    )


def advance(run: Run) -> float | None:
    """Do the next step of a migration and write the result.

    :returns: seconds until it wants to go on, None when it rests and the lease is given back
    :raises LeaseLost: it is another's by now
    """
    try:
        plan = plan_of(run.row)
        if plan is None:
            _rest(run)
            return None
        step = next_step(run.row, run.row.journal, plan)
        if step is None:
            return _transition(run, plan, run.row.journal, steps.Done())
        return _run_step(run, plan, step)
    except exceptions.ConcurrentChange:
        # Either the API moved the row (a cancel), or the lease is another's.
        run.reread()
        return 0


def _rest(run: Run) -> None:
    """Keep the copy of a finished first phase fresh, and give the lease back."""
    waiting = None
    values: dict[str, Any] = {}
    try:
        values = steps.refresh(run)
    except (exceptions.ConcurrentChange, exceptions.LeaseLost):
        raise
    except exceptions.SsmError as exc:
        waiting = f'The copy could not be refreshed: {exc.message}'
        LOG.warning('Migration %s: %s', run.row.id, waiting)
    run.write(**values, **_resting(run), waiting=waiting)


def _run_step(run: Run, plan: Plan, step: Step) -> float | None:
    """One step, between its two entries in the journal."""
    if run.current is not step:
        if _is_half_done(run.tools, run.row, step):
            return _fail(run, step, [_not_repeatable(run, step)])
        run.write(**begun(run.row.journal, step))
        run.current = step
    try:
        outcome = steps.STEPS[step](run)
        if isinstance(outcome, steps.Again):
            return _go_on(run, step, outcome)
        return _commit(run, plan, step, outcome)
    except exceptions.DriverBusy as exc:
        reason = findings.sentence(exc.findings) or exc.message
        return _try_again(run, plan, step, reason, exc.retry_after)
    except (exceptions.ConcurrentChange, exceptions.LeaseLost):
        raise
    except exceptions.SsmError as exc:
        return _fail(run, step, exc.findings or [Finding(exc.code, exc.message)])
    except Exception as exc:
        LOG.exception('Migration %s: %s failed', run.row.id, step)
        # What was written last may be there without our knowing.
        run.reread()
        if plan_of(run.row) is not plan or next_step(run.row, run.row.journal, plan) is not step:
            return 0
        return _try_again(run, plan, step, f'Tried again after an error: {exc}', BACKOFF)


def _go_on(run: Run, step: Step, outcome: steps.Again) -> float:
    """The step has to be asked again; nothing to say is not written."""
    values = dict(outcome.values)
    written = journal.get_on(run.row.journal, step)
    if written is not run.row.journal:
        values['journal'] = written
    if values or outcome.waiting != run.row.waiting:
        run.write(**values, waiting=outcome.waiting)
    return outcome.seconds


def _commit(run: Run, plan: Plan, step: Step, outcome: steps.Done) -> float | None:
    """Write what a step did, and by the same statement what comes after it."""
    written = journal.finish(run.row.journal, step, models.now(), outcome.result)
    LOG.info('Migration %s: %s done', run.row.id, step)
    following = next_step(run.row, written, plan)
    if following is None:
        return _transition(run, plan, written, outcome)
    values = {'waiting': None} | outcome.values | begun(written, following)
    run.write(outcome.write, **values)
    run.current = following
    return 0


def _transition(
    run: Run, plan: Plan, written: journal.Journal, outcome: steps.Done
) -> float | None:
    """Move the migration by the event of its plan, and announce the first step after it."""
    target = states.TRANSITIONS[plan.then].after
    onward = None if target in states.FINISHED else FORWARD.get(target)
    following = next_step(run.row, written, onward) if onward else None
    values = {'waiting': None} | outcome.values | begun(written, following)
    if target in states.FINISHED:
        values |= store.RELEASED | {'finished_at': models.now()}
    elif onward is None:
        values |= _resting(run)
    if plan.then is Event.FAIL_CUT_OVER:
        values['reasons'] = [*run.row.reasons, recovery.outlook(run.row, written).to_dict()]
    run.write(outcome.write, plan.then, **values)
    run.current = following
    LOG.info('Migration %s is in %s now', run.row.id, target)
    if afterwards := _AFTERWARDS.get(plan.then):
        afterwards(run)
    return 0 if onward else None


def _try_again(run: Run, plan: Plan, step: Step, reason: str, seconds: float) -> float | None:
    """A temporary error is no failure (decision 3), unless it lasts: note it, and come back.

    Past its deadline an endless step is reported, any other one fails (decision 17).
    """
    LOG.warning('Migration %s: %s has to wait: %s', run.row.id, step, reason)
    now = models.now()
    written = journal.put_off(run.row.journal, step, reason, now)
    waited = journal.put_off_for(written, step, now)
    values = begun(written, step)
    if waited > run.tools.backend.migration_step_deadline:
        overdue = _overdue(run, step, waited, reason)
        if step not in plan.endless:
            return _fail(run, step, [overdue])
        LOG.error('Migration %s: %s', run.row.id, overdue.message)
        values |= steps.warnings(run, [overdue])
    run.write(**values, waiting=reason)
    return max(seconds, progress.FIRST_PAUSE)


def _fail(run: Run, step: Step, reasons: list[Finding]) -> float:
    """Decide that the migration fails, with its reasons; the way back is a plan of its own.

    A step of the way back that fails is noted and passed by.
    """
    row = run.row
    sentence = findings.sentence(reasons)
    run.write(
        _release_addresses(run, step),
        journal=journal.finish(row.journal, step, models.now(), reason=sentence),
        rolling_back=True,
        waiting=None,
        reasons=[*row.reasons, *(finding.to_dict() for finding in reasons)],
    )
    LOG.error('Migration %s failed in %s: %s', row.id, step, sentence)
    run.current = None
    return 0


def _resting(run: Run) -> dict[str, Any]:
    """Columns of a migration that rests until it is asked, or its copy grows stale."""
    interval = run.tools.backend.migration_refresh_interval
    return store.RELEASED | {'wake_at': db_time() + interval}


def _delete_unused(run: Run) -> None:
    """The destination of a cancelled migration; else the cleanup of unused servers does it."""
    destination = run.row.destination_share_server_id
    if run.tools.backend.delete_share_server_with_last_share and destination:
        run.tools.share_client.delete_share_server(
            run.context, run.row.destination_host, destination
        )


def _settle_rules(run: Run) -> None:
    """Rules that were changing when the migration began are settled where the shares are now."""
    destination = run.destination['id']
    pending, _failed = switch.rules_pending(destination)
    if pending:
        run.tools.share_client.update_access(
            run.context, run.row.destination_host, share_server_id=destination
        )


_AFTERWARDS: dict[Event, Callable[[Run], None]] = {
    Event.CANCELLED: _delete_unused,
    Event.SUCCEED: _settle_rules,
}
"""Messages that follow an event; one that is lost is made good by the periodic jobs."""


def _release_addresses(run: Run, step: Step) -> Write | None:
    """A server that was never made needs no addresses (F5)."""
    destination = run.row.destination_share_server_id
    if step is not Step.SETUP_SERVER or destination is None:
        return None
    return functools.partial(networks.release, server_id=destination)


def _not_repeatable(run: Run, step: Step) -> Finding:
    return source_finding(
        run.row,
        'step_not_repeatable',
        f'The service stopped during {step}, and the driver can not tell whether it was done.',
        'Look at both storages, then repair by reset_status and reset_task_state.',
    )


def _overdue(run: Run, step: Step, waited: float, reason: str) -> Finding:
    return source_finding(
        run.row,
        'step_overdue',
        f'{step} was put off for {waited:.0f} s. The last reason: {reason}',
        'Remove the reason; migration_step_deadline is the limit.',
    )
