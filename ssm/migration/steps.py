# SPDX-License-Identifier: Apache-2.0

"""What the engine does in each step; each may be run twice with the same outcome (rule 3).

A step does its effect and returns what is to be written together with "done": the rows, columns
of the migration, and a result for later steps. It may also ask to be run again after a pause.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.findings import Finding, Severity
from ssm.db import models
from ssm.migration import (
    capabilities,
    destination,
    inquiry,
    journal,
    progress,
    store,
    switch,
)
from ssm.migration.outcome import Again, Done, Outcome
from ssm.migration.run import Run, source_finding
from ssm.migration.states import POINT_OF_NO_RETURN, Step

LOG = logging.getLogger(__name__)

CHECK_HOLDS = 300
"""Seconds for which the answer a driver gave at start is not asked for again."""


def check(run: Run) -> Outcome:
    """F4 unless the driver can take the server."""
    row = run.row
    requested = capabilities.Requested(row.writable, row.nondisruptive, row.preserve_snapshots)
    question = inquiry.Question(
        row.source_share_server_id, row.share_network_id, row.availability_zone_id, requested
    )
    answer = inquiry.ask(run.tools, run.context, question)
    if not answer.compatible or answer.capabilities is None:
        raise exceptions.DriverRefused(findings=answer.findings)
    if not capabilities.fits(answer.capabilities, row.mode):
        raise exceptions.DriverRefused(findings=[_offer_changed(run)])
    return Done(values={'capabilities': answer.capabilities, 'checked_at': models.now()})


def _offer_changed(run: Run) -> Finding:
    return source_finding(
        run.row,
        'offer_changed',
        'Whether the destination moves the server without disrupting its clients, or under its '
        'addresses, has changed since the migration was started.',
        'Check again, then start again.',
    )


def _cast_rules(run: Run, *, read_only: bool) -> Outcome:
    """Have the source apply all rules read-only, or at their own level.

    ``syncing`` is set before the message goes out, so that the wait can't end too early. Once a
    later migration of the source has begun, the rules are its business.
    """
    source = run.objects.source
    key = f'rules_{read_only}'
    if key not in run.memory:
        mine = True

        def write(session: orm.Session) -> None:
            nonlocal mine
            other = store.unfinished_of(session, source['id'])
            mine = other is None or other.id == run.row.id
            if mine:
                switch.queue_rules(session, source['id'], read_only=read_only)

        run.write(write)
        if not mine:
            return Done()
        run.memory[key] = time.monotonic()
        run.tools.share_client.update_access(
            run.context, source['host'], share_server_id=source['id']
        )
    pending, failed = switch.rules_pending(source['id'])
    if failed:
        raise exceptions.DriverRefused(findings=[_rules_failed(run, failed)])
    if not pending:
        return Done()
    waited = time.monotonic() - run.memory[key]
    if waited > run.tools.backend.migration_wait_access_rules_timeout:
        raise exceptions.DriverRefused(findings=[_rules_slow(run, pending, waited)])
    return Again(0.2 if waited < 5 else 1.0, f'{pending} shares wait for their access rules')


def _rules_failed(run: Run, failed: int) -> Finding:
    return source_finding(
        run.row,
        'access_rules_failed',
        f'{run.row.source_host} could not apply the access rules of {failed} shares.',
        'See the states of the rules and the log of that service.',
    )


def _rules_slow(run: Run, pending: int, waited: float) -> Finding:
    return source_finding(
        run.row,
        'access_rules_timeout',
        f'{run.row.source_host} did not apply the access rules of {pending} shares within '
        f'{waited:.0f} s.',
        'See whether that service is up; migration_wait_access_rules_timeout is the limit.',
    )


def cast_read_only(run: Run) -> Outcome:
    """Lock the shares against writing for the first phase (guide, S16)."""
    return _cast_rules(run, read_only=True)


def restore_rules(run: Run) -> Outcome:
    """Undo the read-only cast."""
    return _cast_rules(run, read_only=False)


def driver_start(run: Run) -> Outcome:
    """F6 if it fails."""
    answer = run.migrate('start') or {}
    details = answer.get('backend_details') or {}
    if not details:
        return Done()
    run.destination['backend_details'] |= details
    return Done(
        write=lambda session: switch.replace_details(session, run.destination['id'], details)
    )


def copy(run: Run) -> Outcome:
    """Ask the driver until the first phase is over; F7 if it fails."""
    over = run.migrate('continue')
    values = _progress(run)
    if over:
        return Done(values=values | {'total_progress': 100, 'phase1_done_at': models.now()})
    pause = progress.next_pause(
        run.memory.get('pause'), run.tools.backend.server_migration_driver_continue_update_interval
    )
    run.memory['pause'] = pause
    return Again(pause, values=values)


def _progress(run: Run) -> dict[str, Any]:
    """Columns from the driver's progress; findings of it are warnings in the row.

    A driver that can't tell does not hold the migration up.
    """
    if not (run.row.capabilities or {}).get('migration_get_progress'):
        return {}
    try:
        answer = run.migrate('get_progress')
    except exceptions.DriverError as exc:
        LOG.warning('Migration %s: no progress: %s', run.row.id, exc.message)
        return {}
    return progress.columns(answer) | warnings(run, answer.get('findings', []))


def warnings(run: Run, findings: list[Finding]) -> dict[str, Any]:
    """The column ``reasons`` with further warnings, each code and object once."""
    known = {(reason['code'], reason['object_id']) for reason in run.row.reasons}
    new = [
        dataclasses.replace(finding, severity=Severity.WARNING).to_dict()
        for finding in findings
        if (finding.code, finding.object_id) not in known
    ]
    return {'reasons': [*run.row.reasons, *new]} if new else {}


def refresh(run: Run) -> dict[str, Any]:
    """Copy once more what changed; returns columns of the migration (decision 5)."""
    run.migrate('refresh')
    return _progress(run)


def catch_up(run: Run) -> Outcome:
    """Rounds of copying under writing clients, until the predicted cut-over fits the budget."""
    conf = run.tools.backend
    if conf.migration_catch_up_rounds == 0:
        return Done()
    values = refresh(run)
    values.pop('total_progress', None)
    run.memory['rounds'] = run.memory.get('rounds', 0) + 1
    short = progress.fits(values.get('progress', {}), conf.migration_downtime_budget)
    if short or run.memory['rounds'] >= conf.migration_catch_up_rounds:
        return Done(values=values)
    return Again(0, values=values)


def fence(run: Run) -> Outcome:
    """The last step with a way back."""
    run.migrate('fence')
    return Done()


def open_destination(run: Run) -> Outcome:
    """Hand the shares over under their real access rules."""
    rules = switch.real_rules(run.objects.source['id'])
    for share in run.objects.shares:
        share['access_rules'] = rules.get(share['id'], [])
    completion = run.migrate('complete', destination.network(run))
    if not isinstance(completion, dict):
        raise exceptions.DriverRefused('The driver gave no answer to complete.')
    completion = dict(completion)
    return Done(result=completion, values=warnings(run, completion.pop('findings', [])))


def switch_rows(run: Run) -> Outcome:
    """Move the rows by the stored answer of the driver; the state moves with them."""
    known = run.objects
    return Done(write=lambda session: switch.move_rows(session, run.row, known))


def driver_cancel(run: Run) -> Outcome:
    """End and remove the copy; F10 if that fails."""
    run.migrate('cancel')
    return Done()


def unfence(run: Run) -> Outcome:
    """End what works on the storage, and have the source serve again."""
    run.migrate('unfence')
    return Done()


STEPS: dict[Step, Callable[[Run], Outcome]] = {
    Step.CHECK: check,
    Step.MAKE_SERVER: destination.make_server,
    Step.SETUP_SERVER: destination.setup_server,
    Step.CAST_READ_ONLY: cast_read_only,
    Step.DRIVER_START: driver_start,
    Step.COPY: copy,
    Step.CATCH_UP: catch_up,
    Step.FENCE: fence,
    Step.OPEN: open_destination,
    Step.SWITCH: switch_rows,
    Step.DRIVER_CANCEL: driver_cancel,
    Step.UNFENCE: unfence,
    Step.RESTORE_RULES: restore_rules,
}


def _answer_is_old(row: models.Migration) -> bool:
    age = models.now() - row.checked_at if row.checked_at else None
    return age is None or age.total_seconds() >= CHECK_HOLDS


def _makes_server(row: models.Migration) -> bool:
    return row.mode not in capabilities.MOVES


def _casts_rules(row: models.Migration) -> bool:
    return not (row.capabilities or {}).get('writable')


def _is_open(row: models.Migration) -> bool:
    return journal.begun(row.journal, POINT_OF_NO_RETURN)


_NEEDED: dict[Step, Callable[[models.Migration], bool]] = {
    Step.CHECK: _answer_is_old,
    Step.SETUP_SERVER: _makes_server,
    Step.CAST_READ_ONLY: _casts_rules,
    Step.RESTORE_RULES: lambda row: (
        journal.begun(row.journal, Step.CAST_READ_ONLY) and not _is_open(row)
    ),
    Step.DRIVER_CANCEL: lambda row: journal.begun(row.journal, Step.DRIVER_START),
    Step.UNFENCE: lambda row: journal.begun(row.journal, Step.DRIVER_START) and not _is_open(row),
}


def is_needed(step: Step, row: models.Migration) -> bool:
    """Whether a migration has to go through a step at all."""
    needed = _NEEDED.get(step)
    return needed is None or needed(row)


REPEATABLE: dict[Step, str] = {
    Step.SETUP_SERVER: 'repeatable_setup',
    Step.DRIVER_START: 'repeatable_start',
    Step.OPEN: 'repeatable_complete',
}
"""Steps a driver may declare not repeatable, with the attribute that says so (decision 18)."""
