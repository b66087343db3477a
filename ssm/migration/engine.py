# SPDX-License-Identifier: Apache-2.0

"""The loop that carries migrations forward (rules 1 to 3, decisions 1 to 22).

Each share manager has one engine, for the migrations *to* its back end. A sweep finds the rows
that are due; a message only makes it look sooner. Whoever gets a row's lease calls
:meth:`Engine.advance` until the migration rests. Normal operation and recovery after a crash are
this same path: what is done stands in the journal, and what was begun is done again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_log import log as logging

from ssm.common import exceptions, findings, loops
from ssm.common.context import RequestContext
from ssm.common.findings import Finding
from ssm.db import models
from ssm.migration import capabilities, inquiry, journal, networks, states, steps, store
from ssm.migration.lease import Bell, Identity, Keeper, Lease
from ssm.migration.run import Run, Tools, Write
from ssm.migration.states import BACKWARD, FORWARD, PAST_NO_RETURN, Event, Plan, State, Step

LOG = logging.getLogger(__name__)

BACKOFF = 5.0
"""Seconds before a step is tried again after an error that says nothing of its own."""

RELEASED: dict[str, Any] = {'owner': None, 'lease_expires_at': None}
"""Columns of a migration that nobody owns."""


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


class Engine:
    """Carries forward the migrations to one back end.

    :param tools: driver, back end, network plug-ins, RPC client
    :param boot_id: random, makes the process an owner of its own
    """

    def __init__(self, tools: Tools, boot_id: str) -> None:
        conf = cfg.CONF
        self.tools = tools
        self.host = tools.backend.host
        self._lease_seconds = conf.migration_lease_seconds
        self._identity = Identity(self.host, boot_id, conf.state_path)
        self._keeper = Keeper(self._lease_seconds)
        self._sweeper = loops.Periodic(
            f'migration-sweep-{self.host}', self.sweep, conf.migration_sweep_interval
        )
        self._bells: dict[str, Bell] = {}
        self._copying: set[str] = set()
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
        return inquiry.ask(self.tools.driver, self.host, context, question).to_dict()

    def wake(self, migration_id: str) -> None:
        """Look at a migration now: the row changed."""
        bell = self._bells.get(migration_id)
        if bell is not None:
            bell.ring()
        else:
            self._sweeper.wake()

    def sweep(self) -> None:
        """Take up what is due and nobody alive carries."""
        dead = self._identity.dead(store.owners(self.host))
        for migration_id, state, waiting in store.due(self.host, dead):
            if self._stopping or migration_id in self._bells:
                continue
            if state is State.STARTING and not self._has_room():
                self._let_wait(migration_id, waiting)
                continue
            self._bells[migration_id] = Bell()
            if state in states.FIRST_PHASE:
                self._copying.add(migration_id)
            threading.Thread(
                target=self._carry, args=(migration_id, dead), name=migration_id, daemon=True
            ).start()

    def _has_room(self) -> bool:
        return len(self._copying) < self.tools.backend.max_concurrent_migrations

    def _let_wait(self, migration_id: str, waiting: str | None) -> None:
        """Say in the row why nothing happens; once."""
        limit = self.tools.backend.max_concurrent_migrations
        sentence = (
            f'{limit} {"migration copies" if limit == 1 else "migrations copy"} to {self.host}, '
            'which is max_concurrent_migrations'
        )
        if waiting != sentence:
            store.let_wait(migration_id, sentence)

    def _carry(self, migration_id: str, dead: set[str]) -> None:
        """Own a migration until it rests; the edge of the loop."""
        run: Run | None = None
        try:
            run = self.claim(migration_id, dead)
            if run is not None:
                self._advance_until_rest(run)
        except exceptions.LeaseLost as exc:
            LOG.warning('%s', exc.message)
        except Exception as exc:
            LOG.exception('Migration %s is taken up again later', migration_id)
            if run is not None:
                self._leave(run, f'Tried again after an error: {exc}')
        finally:
            self._copying.discard(migration_id)
            self._bells.pop(migration_id, None)
            if run is not None:
                self._keeper.drop(run.lease)
            self._sweeper.wake()

    def claim(self, migration_id: str, dead_owners: Collection[str] = ()) -> Run | None:
        """Become the owner of a migration; None if it is another's or over."""
        row = store.get(migration_id)
        if row is None or row.state in states.FINISHED:
            return None
        lease = Lease(row.id, row.epoch + 1, self._lease_seconds)
        event = Event.TAKE if row.state == State.STARTING and not row.rolling_back else None
        known = {'epoch': row.epoch, 'state': row.state}
        if event:
            row.state = states.TRANSITIONS[event].after
        plan = plan_of(row)
        step = next_step(row, row.journal, plan) if plan else None
        if step and self._is_half_done(row, step):
            step = None
        values = {
            'epoch': row.epoch + 1,
            'owner': self._identity.owner,
            'waiting': None,
            **begun(row.journal, step),
        }
        if not store.claim(row, known, int(self._lease_seconds), dead_owners, event, values):
            return None
        for name, value in values.items():
            setattr(row, name, value)
        self._keeper.hold(lease)
        LOG.info('Migration %s in %s, epoch %s: taken up', row.id, row.state, row.epoch)
        run = Run(row, lease, self.tools)
        run.current = step
        return run

    def _advance_until_rest(self, run: Run) -> None:
        bell = self._bells.get(run.row.id) or Bell()
        while True:
            pause = self.advance(run)
            if pause is None:
                return
            if self._stopping:
                self._leave(run, None)
                return
            if pause:
                bell.wait(pause)
                self._reread(run)
            if run.row.state not in states.FIRST_PHASE:
                self._copying.discard(run.row.id)

    def _reread(self, run: Run) -> None:
        """See what the API wrote meanwhile: a cancel, or an override.

        :raises LeaseLost: the row is another's
        """
        row = store.get(run.row.id)
        if row is None or row.epoch != run.row.epoch:
            raise exceptions.LeaseLost(id=run.row.id)
        run.row = row

    def _leave(self, run: Run, waiting: str | None) -> None:
        """Give the lease back; the sweep takes the migration up again."""
        wake_at = store.db_time() + int(BACKOFF) if waiting else None
        try:
            run.write(**RELEASED, waiting=waiting, wake_at=wake_at)
        except (exceptions.ConcurrentChange, db_exc.DBError) as exc:
            LOG.warning('Migration %s: the lease has to run out: %s', run.row.id, exc)

    def advance(self, run: Run) -> float | None:
        """Do the next step of a migration and write the result.

        :returns: seconds until it wants to go on, None when it rests and the lease is given back
        :raises LeaseLost: it is another's by now
        """
        plan = plan_of(run.row)
        if plan is None:
            self._rest(run)
            return None
        try:
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
        except exceptions.DriverError as exc:
            waiting = f'The copy could not be refreshed: {exc.message}'[:1000]
            LOG.warning('Migration %s: %s', run.row.id, waiting)
        run.write(**values, **_resting(), waiting=waiting)

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
                run.write(waiting=outcome.waiting, **outcome.values)
                return outcome.seconds
            return self._commit(run, plan, step, outcome)
        except exceptions.DriverBusy as exc:
            return self._try_again(run, step, exc)
        except (exceptions.ConcurrentChange, exceptions.LeaseLost):
            raise
        except exceptions.SsmError as exc:
            return self._fail(run, step, exc.findings or [Finding(exc.code, exc.message)])

    def _is_half_done(self, row: models.Migration, step: Step) -> bool:
        """Whether a step that the driver can't repeat was begun before a crash (decision 18)."""
        attribute = steps.REPEATABLE.get(step)
        return bool(
            attribute
            and not getattr(self.tools.driver, attribute)
            and journal.begun(row.journal, step)
        )

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
        onward = FORWARD.get(target)
        following = next_step(run.row, written, onward) if onward else None
        values = {'waiting': None} | outcome.values | begun(written, following)
        if target in states.FINISHED:
            values |= RELEASED | {'finished_at': models.now()}
        elif onward is None:
            values |= _resting()
        run.write(outcome.write, plan.then, **values)
        run.current = following
        LOG.info('Migration %s is in %s now', run.row.id, target)
        if plan.then is Event.CANCELLED:
            self._delete_unused(run)
        return 0 if onward else None

    def _delete_unused(self, run: Run) -> None:
        """The destination of a cancelled migration; else the cleanup of unused servers does it."""
        destination = run.row.destination_share_server_id
        if cfg.CONF.delete_share_server_with_last_share and destination:
            self.tools.share_client.delete_share_server(run.context, self.host, destination)

    def _try_again(self, run: Run, step: Step, exc: exceptions.DriverBusy) -> float:
        """A temporary error is no failure (decision 3): note it, and come back."""
        reason = findings.sentence(exc.findings) or exc.message
        LOG.warning('Migration %s: %s has to wait: %s', run.row.id, step, reason)
        written = journal.note(run.row.journal, step, reason)
        run.write(**begun(written, step), waiting=reason[:1000])
        return exc.retry_after

    def _fail(self, run: Run, step: Step, reasons: list[Finding]) -> float:
        """Decide that the migration fails, with its reasons; the way back is a plan of its own.

        A step of the way back that fails is noted and passed by.
        """
        row = run.row
        sentence = findings.sentence(reasons)
        LOG.error('Migration %s failed in %s: %s', row.id, step, sentence)
        run.write(
            _release_addresses(run, step),
            journal=journal.finish(row.journal, step, models.now(), reason=sentence),
            rolling_back=True,
            waiting=None,
            reasons=[*row.reasons, *(finding.to_dict() for finding in reasons)],
        )
        run.current = None
        return 0


def _resting() -> dict[str, Any]:
    """Columns of a migration that rests until it is asked, or its copy grows stale."""
    return RELEASED | {'wake_at': store.db_time() + cfg.CONF.migration_refresh_interval}


def _release_addresses(run: Run, step: Step) -> Write | None:
    """A server that was never made needs no addresses (F5)."""
    destination = run.row.destination_share_server_id
    if step is not Step.SETUP_SERVER or destination is None:
        return None
    return lambda session: networks.release(session, destination)


def _not_repeatable(run: Run, step: Step) -> Finding:
    return Finding(
        'step_not_repeatable',
        f'The service stopped during {step}, and the driver can not tell whether it was done.',
        'Look at both storages, then repair by reset_status and reset_task_state.',
        object_type='share_server',
        object_id=run.row.source_share_server_id,
    )
