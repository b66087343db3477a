# SPDX-License-Identifier: Apache-2.0

"""The loop that carries migrations forward (rules 1 to 3, decisions 1 to 22).

Each share manager has one engine, for the migrations *to* its back end. A sweep finds the rows
that are due; a message only makes it look sooner. Whoever gets a row's lease calls
:meth:`Engine.advance` until the migration rests. Normal operation and recovery after a crash are
this same path: what is done stands in the journal, and what was begun is done again.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging

from ssm.common import exceptions, findings, loops
from ssm.common.context import RequestContext
from ssm.common.findings import Finding
from ssm.db import models
from ssm.db.engine import db_time
from ssm.migration import (
    capabilities,
    claims,
    inquiry,
    journal,
    networks,
    progress,
    recovery,
    states,
    steps,
    store,
    switch,
)
from ssm.migration.lease import Bell, Identity, Keeper, Lease
from ssm.migration.plan import begun, next_step, plan_of
from ssm.migration.run import Run, Tools, Write
from ssm.migration.states import FORWARD, Event, Plan, Step

LOG = logging.getLogger(__name__)

BACKOFF = 5.0
"""Seconds before a step is tried again after an error that says nothing of its own."""


class Engine:
    """Carries forward the migrations to one back end.

    :param tools: driver, back end, network plug-ins, RPC client
    :param boot_id: random, makes the process an owner of its own
    """

    def __init__(self, tools: Tools, boot_id: str) -> None:
        conf = tools.backend
        self.tools = tools
        self.host = conf.host
        self._lease_seconds = conf.migration_lease_seconds
        self._identity = Identity(self.host, boot_id, cfg.CONF.state_path)
        self._keeper = Keeper(self._lease_seconds)
        self._sweeper = loops.Periodic(
            f'migration-sweep-{self.host}', self.sweep, conf.migration_sweep_interval
        )
        self._bells: dict[str, Bell] = {}
        self._runs: dict[str, Run] = {}
        self._stopping = False

    def start(self) -> None:
        """Begin to renew leases and to look for work."""
        self._keeper.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Stop looking for work; what runs gives its lease back after the step it is in."""
        self._stopping = True
        self._sweeper.stop(timeout=1)
        for bell in list(self._bells.values()):
            bell.ring()
        self._keeper.stop()

    def check(self, context: RequestContext, **arguments: Any) -> dict[str, Any]:
        """Whether this back end can take a server; the other side of the RPC ``check_migration``.

        :returns: an :class:`ssm.migration.inquiry.Answer` as a dict
        """
        requested = capabilities.Requested(
            arguments['writable'], arguments['nondisruptive'], arguments['preserve_snapshots']
        )
        question = inquiry.Question(
            arguments['share_server_id'],
            arguments['new_share_network_id'],
            arguments['availability_zone_id'],
            requested,
        )
        return inquiry.answer(self.tools, context, question).to_dict()

    def wake(self, migration_id: str) -> None:
        """Look at a migration now: the row changed."""
        bell = self._bells.get(migration_id)
        if bell is not None:
            bell.ring()
        else:
            self._sweeper.wake()

    # Who carries what.

    def sweep(self) -> None:
        """Take up what is due and nobody alive carries; tell what is stuck."""
        if self._keeper.trouble:
            LOG.warning('%s could not renew its leases: %s', self.host, self._keeper.trouble)
        for run in list(self._runs.values()):
            self._tell_silence(run)
        dead = self._identity.dead(claims.owners(self.host))
        for migration_id in claims.due(self.host, dead):
            if self._stopping:
                return
            if migration_id not in self._bells:
                self._take_up(migration_id, dead)

    def _take_up(self, migration_id: str, dead: set[str]) -> None:
        """Claim a migration and let a thread carry it; a failure leaves it to the next sweep."""
        self._bells[migration_id] = Bell()
        run: Run | None = None
        try:
            run = self.claim(migration_id, dead)
        except Exception:
            LOG.exception('Migration %s could not be taken up', migration_id)
        if run is None:
            del self._bells[migration_id]
            return
        threading.Thread(target=self._carry, args=(run,), name=migration_id, daemon=True).start()

    def claim(self, migration_id: str, dead_owners: Collection[str] = ()) -> Run | None:
        """Become the owner of a migration; None if it is another's, over, or has to wait."""
        seconds = self._lease_seconds
        began = time.monotonic()
        row = claims.claim(
            migration_id,
            self._identity.owner,
            int(seconds),
            dead_owners,
            self.tools.backend.max_concurrent_migrations,
            self._announce,
        )
        if row is None:
            return None
        run = Run(row, Lease(row.id, row.epoch, seconds, began), self.tools)
        run.current = self._first_step(row)
        self._keeper.hold(run.lease)
        self._runs[row.id] = run
        LOG.info('Migration %s in %s, epoch %s: taken up', row.id, row.state, row.epoch)
        return run

    def _announce(self, row: models.Migration) -> dict[str, Any]:
        """Intent before effect: the first step is written down with the claim."""
        return begun(row.journal, self._first_step(row))

    def _first_step(self, row: models.Migration) -> Step | None:
        plan = plan_of(row)
        step = next_step(row, row.journal, plan) if plan else None
        return None if step and self._is_half_done(row, step) else step

    def _carry(self, run: Run) -> None:
        """Own a migration until it rests; the edge of the loop."""
        # Lines of the log carry the id of the request that began the migration.
        run.context.update_store()
        try:
            self._advance_until_rest(run)
        except exceptions.LeaseLost as exc:
            LOG.warning('%s', exc.message)
        except Exception as exc:
            LOG.exception('Migration %s is taken up again later', run.row.id)
            self._leave(run, f'Tried again after an error: {exc}', BACKOFF)
        finally:
            self.drop(run)
            self._bells.pop(run.row.id, None)
            self._sweeper.wake()

    def drop(self, run: Run) -> None:
        """Forget a run that is over."""
        self._keeper.drop(run.lease)
        if self._runs.get(run.row.id) is run:
            del self._runs[run.row.id]

    def _advance_until_rest(self, run: Run) -> None:
        bell = self._bells.get(run.row.id) or Bell()
        while True:
            pause = self.advance(run)
            if pause is None:
                return
            if self._stopping:
                self._leave(run, None, 0)
                return
            if pause:
                bell.wait(pause)
                self._reread(run)

    def _reread(self, run: Run) -> None:
        """See what the API wrote meanwhile: a cancel, or an override.

        :raises LeaseLost: the row is another's
        """
        row = store.get(run.row.id)
        if row is None or row.epoch != run.row.epoch:
            raise exceptions.LeaseLost(id=run.row.id)
        run.row = row

    def _leave(self, run: Run, waiting: str | None, seconds: float) -> None:
        """Give the lease back; a sweep takes the migration up again after so many seconds."""
        try:
            claims.release(run.row, waiting, int(seconds))
        except db_exc.DBError as exc:
            LOG.warning('Migration %s: the lease has to run out: %s', run.row.id, exc)

    def _tell_silence(self, run: Run) -> None:
        """A driver that does not answer can't be stopped, but it shall not go unnoticed."""
        asked = run.asked
        deadline = self.tools.backend.migration_step_deadline
        if asked is None or time.monotonic() - asked[1] < deadline:
            return
        waiting = f'The driver has not answered {asked[0]} for {time.monotonic() - asked[1]:.0f} s.'
        LOG.error('Migration %s: %s', run.row.id, waiting)
        claims.tell(run.row.id, run.lease.epoch, waiting)

    # What is done next.

    def advance(self, run: Run) -> float | None:
        """Do the next step of a migration and write the result.

        :returns: seconds until it wants to go on, None when it rests and the lease is given back
        :raises LeaseLost: it is another's by now
        """
        try:
            plan = plan_of(run.row)
            if plan is None:
                self._rest(run)
                return None
            step = next_step(run.row, run.row.journal, plan)
            if step is None:
                return self._transition(run, plan, run.row.journal, steps.Done())
            return self._run_step(run, plan, step)
        except exceptions.ConcurrentChange:
            # Either the API moved the row (a cancel), or the lease is another's.
            self._reread(run)
            return 0

    def _rest(self, run: Run) -> None:
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

    def _run_step(self, run: Run, plan: Plan, step: Step) -> float | None:
        """One step, between its two entries in the journal."""
        if run.current is not step:
            if self._is_half_done(run.row, step):
                return self._fail(run, step, [_not_repeatable(run, step)])
            run.write(**begun(run.row.journal, step))
            run.current = step
        try:
            outcome = steps.STEPS[step](run)
            if isinstance(outcome, steps.Again):
                return self._go_on(run, step, outcome)
            return self._commit(run, plan, step, outcome)
        except exceptions.DriverBusy as exc:
            reason = findings.sentence(exc.findings) or exc.message
            return self._try_again(run, plan, step, reason, exc.retry_after)
        except (exceptions.ConcurrentChange, exceptions.LeaseLost):
            raise
        except exceptions.SsmError as exc:
            return self._fail(run, step, exc.findings or [Finding(exc.code, exc.message)])
        except Exception as exc:
            LOG.exception('Migration %s: %s failed', run.row.id, step)
            # What was written last may be there without our knowing.
            self._reread(run)
            if (
                plan_of(run.row) is not plan
                or next_step(run.row, run.row.journal, plan) is not step
            ):
                return 0
            return self._try_again(run, plan, step, f'Tried again after an error: {exc}', BACKOFF)

    def _is_half_done(self, row: models.Migration, step: Step) -> bool:
        """Whether a step that the driver can't repeat was begun before a crash (decision 18)."""
        attribute = steps.REPEATABLE.get(step)
        return bool(
            attribute
            and not getattr(self.tools.driver, attribute)
            and journal.begun(row.journal, step)
        )

    def _go_on(self, run: Run, step: Step, outcome: steps.Again) -> float:
        """The step has to be asked again; nothing to say is not written."""
        values = dict(outcome.values)
        written = journal.get_on(run.row.journal, step)
        if written is not run.row.journal:
            values['journal'] = written
        if values or outcome.waiting != run.row.waiting:
            run.write(**values, waiting=outcome.waiting)
        return outcome.seconds

    def _commit(self, run: Run, plan: Plan, step: Step, outcome: steps.Done) -> float | None:
        """Write what a step did, and by the same statement what comes after it."""
        written = journal.finish(run.row.journal, step, models.now(), outcome.result)
        LOG.info('Migration %s: %s done', run.row.id, step)
        following = next_step(run.row, written, plan)
        if following is None:
            return self._transition(run, plan, written, outcome)
        values = {'waiting': None} | outcome.values | begun(written, following)
        run.write(outcome.write, **values)
        run.current = following
        return 0

    def _transition(
        self, run: Run, plan: Plan, written: journal.Journal, outcome: steps.Done
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

    def _try_again(
        self, run: Run, plan: Plan, step: Step, reason: str, seconds: float
    ) -> float | None:
        """A temporary error is no failure (decision 3), unless it lasts: note it, and come back.

        Past its deadline an endless step is reported, any other one fails (decision 17).
        """
        LOG.warning('Migration %s: %s has to wait: %s', run.row.id, step, reason)
        now = models.now()
        written = journal.put_off(run.row.journal, step, reason, now)
        waited = journal.put_off_for(written, step, now)
        values = begun(written, step)
        if waited > self.tools.backend.migration_step_deadline:
            overdue = _overdue(run, step, waited, reason)
            if step not in plan.endless:
                return self._fail(run, step, [overdue])
            LOG.error('Migration %s: %s', run.row.id, overdue.message)
            values |= steps.warnings(run, [overdue])
        run.write(**values, waiting=reason)
        return max(seconds, progress.FIRST_PAUSE)

    def _fail(self, run: Run, step: Step, reasons: list[Finding]) -> float:
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
    return Finding(
        'step_not_repeatable',
        f'The service stopped during {step}, and the driver can not tell whether it was done.',
        'Look at both storages, then repair by reset_status and reset_task_state.',
        object_type='share_server',
        object_id=run.row.source_share_server_id,
    )


def _overdue(run: Run, step: Step, waited: float, reason: str) -> Finding:
    return Finding(
        'step_overdue',
        f'{step} was put off for {waited:.0f} s. The last reason: {reason}',
        'Remove the reason; migration_step_deadline is the limit.',
        object_type='share_server',
        object_id=run.row.source_share_server_id,
    )
