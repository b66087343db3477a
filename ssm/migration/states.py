# SPDX-License-Identifier: Apache-2.0

"""States, transitions and steps of a share server migration, as tables.

Pure data: no I/O, nothing of oslo. The engine, the answers 400 and 409 of the API, and the
diagram in the documentation are made from what stands here.
"""

from __future__ import annotations

import dataclasses
import enum


class State(enum.StrEnum):
    """State of a migration; both share servers show it as ``task_state`` (guide, S14)."""

    STARTING = 'migration_starting'
    """Checks passed; shares and snapshots are locked to the end (S15)."""
    IN_PROGRESS = 'migration_in_progress'
    """The destination host prepares the destination server (S16)."""
    DRIVER_STARTING = 'migration_driver_starting'
    """The driver was called, its answer is awaited (S17)."""
    DRIVER_IN_PROGRESS = 'migration_driver_in_progress'
    """The driver copies while clients go on working (S18)."""
    PHASE1_DONE = 'migration_driver_phase1_done'
    """The copy is there and kept fresh; complete or cancel may come, days later (S19)."""
    COMPLETING = 'migration_completing'
    """The cut-over (S24)."""
    SUCCESS = 'migration_success'
    """The shares live at the destination (S25)."""
    CANCEL_IN_PROGRESS = 'migration_cancel_in_progress'
    """The driver undoes what it did (S28)."""
    CANCELLED = 'migration_cancelled'
    """The source serves on as before (S29)."""
    ERROR = 'migration_error'
    """Failed; the reasons stand in the row (S23, S27, S30)."""
    OVERRIDDEN = 'overridden'
    """An administrator reset a server of it; nobody touches a status any more (decision 7).

    What works on the storage is still ended, and the source left open, once.
    """


class ServerStatus(enum.StrEnum):
    """Statuses of a share server (rest-api 4.1.4)."""

    ACTIVE = 'active'
    ERROR = 'error'
    DELETING = 'deleting'
    CREATING = 'creating'
    MANAGE_STARTING = 'manage_starting'
    MANAGE_ERROR = 'manage_error'
    UNMANAGE_STARTING = 'unmanage_starting'
    UNMANAGE_ERROR = 'unmanage_error'
    INACTIVE = 'inactive'
    SERVER_MIGRATING = 'server_migrating'
    SERVER_MIGRATING_TO = 'server_migrating_to'
    NETWORK_CHANGE = 'network_change'


AVAILABLE = 'available'
SERVER_MIGRATING = 'server_migrating'
ERROR = 'error'

RESETTABLE_TASK_STATES: frozenset[str | None] = frozenset(
    {
        State.STARTING,
        State.IN_PROGRESS,
        State.COMPLETING,
        State.SUCCESS,
        State.ERROR,
        State.CANCEL_IN_PROGRESS,
        State.CANCELLED,
        State.DRIVER_IN_PROGRESS,
        State.PHASE1_DONE,
        None,
    }
)
"""What reset_task_state accepts; ``migration_driver_starting`` is refused (contract 2.9)."""

FIRST_PHASE = frozenset(
    {State.STARTING, State.IN_PROGRESS, State.DRIVER_STARTING, State.DRIVER_IN_PROGRESS}
)
COPYING = FIRST_PHASE - {State.STARTING}
"""What counts against ``max_concurrent_migrations``."""
FINISHED = frozenset({State.SUCCESS, State.CANCELLED, State.ERROR, State.OVERRIDDEN})
UNFINISHED = frozenset(State) - FINISHED
CARRIED = UNFINISHED | {State.OVERRIDDEN}
"""States in which the engine may have something to do."""


class Event(enum.StrEnum):
    """What moves a migration from one state to another."""

    START = 'start'
    TAKE = 'take'
    PREPARED = 'prepared'
    ACCEPTED = 'accepted'
    COPIED = 'copied'
    COMPLETE = 'complete'
    CANCEL = 'cancel'
    SUCCEED = 'succeed'
    CANCELLED = 'cancelled'
    FAIL_FIRST_PHASE = 'fail_first_phase'
    FAIL_CUT_OVER = 'fail_cut_over'
    FAIL_CANCEL = 'fail_cancel'
    RECOVER = 'recover'
    OVERRIDE = 'override'
    ABANDONED = 'abandoned'


class Actor(enum.StrEnum):
    """Who may cause an event."""

    API = 'API'
    ENGINE = 'engine'


@dataclasses.dataclass(frozen=True)
class Transition:
    """One row of the table.

    :param before: states it leads away from; empty for the first one
    :param after: the state it leads to
    :param actor: who causes it
    :param refused: HTTP status for a request that comes in another state, or loses the race
    :param source: status the source server gets, None leaves it
    :param destination: status the destination server gets, None leaves it
    :param resources: status all shares and snapshots of the server get, None leaves them
    :param expected: status they have to be in for that, None for any
    :param shown: whether the servers show the new state as their task_state
    """

    before: frozenset[State]
    after: State
    actor: Actor
    refused: int | None = None
    source: ServerStatus | None = None
    destination: ServerStatus | None = None
    resources: str | None = None
    expected: str | None = None
    shown: bool = True


def _row(
    before: State | frozenset[State] | None, after: State, actor: Actor, **values: object
) -> Transition:
    states = frozenset({before}) if isinstance(before, State) else before or frozenset()
    return Transition(states, after, actor, **values)  # type: ignore[arg-type]


TRANSITIONS: dict[Event, Transition] = {
    # The way forward.
    Event.START: _row(
        None,
        State.STARTING,
        Actor.API,
        refused=409,
        source=ServerStatus.SERVER_MIGRATING,
        resources=SERVER_MIGRATING,
        expected=AVAILABLE,
    ),
    Event.TAKE: _row(State.STARTING, State.IN_PROGRESS, Actor.ENGINE),
    Event.PREPARED: _row(State.IN_PROGRESS, State.DRIVER_STARTING, Actor.ENGINE),
    Event.ACCEPTED: _row(State.DRIVER_STARTING, State.DRIVER_IN_PROGRESS, Actor.ENGINE),
    Event.COPIED: _row(State.DRIVER_IN_PROGRESS, State.PHASE1_DONE, Actor.ENGINE),
    Event.COMPLETE: _row(State.PHASE1_DONE, State.COMPLETING, Actor.API, refused=400),
    Event.SUCCEED: _row(
        State.COMPLETING,
        State.SUCCESS,
        Actor.ENGINE,
        source=ServerStatus.INACTIVE,
        destination=ServerStatus.ACTIVE,
        resources=AVAILABLE,
    ),
    # The way back on request, open until the cut-over begins.
    Event.CANCEL: _row(
        frozenset({State.DRIVER_IN_PROGRESS, State.PHASE1_DONE}),
        State.CANCEL_IN_PROGRESS,
        Actor.API,
        refused=400,
    ),
    Event.CANCELLED: _row(
        State.CANCEL_IN_PROGRESS,
        State.CANCELLED,
        Actor.ENGINE,
        source=ServerStatus.ACTIVE,
        destination=ServerStatus.INACTIVE,
        resources=AVAILABLE,
    ),
    # Failures. A crash is none: the next owner goes on in the same state.
    Event.FAIL_FIRST_PHASE: _row(
        FIRST_PHASE,
        State.ERROR,
        Actor.ENGINE,
        source=ServerStatus.ACTIVE,
        destination=ServerStatus.ERROR,
        resources=AVAILABLE,
    ),
    Event.FAIL_CUT_OVER: _row(
        State.COMPLETING,
        State.ERROR,
        Actor.ENGINE,
        source=ServerStatus.ERROR,
        destination=ServerStatus.ERROR,
        resources=ERROR,
    ),
    Event.FAIL_CANCEL: _row(
        State.CANCEL_IN_PROGRESS,
        State.ERROR,
        Actor.ENGINE,
        source=ServerStatus.ACTIVE,
        destination=ServerStatus.ERROR,
        resources=AVAILABLE,
    ),
    # The way back after a failed cut-over that was undone (decision 3).
    Event.RECOVER: _row(
        State.ERROR,
        State.ERROR,
        Actor.API,
        refused=409,
        source=ServerStatus.ACTIVE,
        resources=AVAILABLE,
        expected=ERROR,
    ),
    # reset_status and reset_task_state on a server of an unfinished migration.
    Event.OVERRIDE: _row(UNFINISHED, State.OVERRIDDEN, Actor.API, shown=False),
    Event.ABANDONED: _row(State.OVERRIDDEN, State.OVERRIDDEN, Actor.ENGINE, shown=False),
}


class Step(enum.StrEnum):
    """A unit of work the engine does and journals; each may be run twice (rule 3)."""

    CHECK = 'check'
    """Ask the destination's driver; unless the answer given at start is still fresh."""
    MAKE_SERVER = 'make_server'
    """Insert the destination server with subnets and addresses."""
    SETUP_SERVER = 'setup_server'
    """Make that server on the storage; not for a server that moves itself."""
    CAST_READ_ONLY = 'cast_read_only'
    """Have the source back end apply all rules read-only; only if not writable."""
    DRIVER_START = 'driver_start'
    COPY = 'copy'
    """Ask the driver until the first phase is over."""
    CATCH_UP = 'catch_up'
    """Copy what changed since, clients still writing."""
    FENCE = 'fence'
    """Close the source, copy the rest, verify."""
    OPEN = 'open'
    """Open the destination. That this began is the point of no return (decision 4)."""
    SWITCH = 'switch'
    """Move the rows to the destination, by what the driver answered to ``open``."""
    DRIVER_CANCEL = 'driver_cancel'
    UNFENCE = 'unfence'
    """End what works on the storage, and open the source; the copy stays."""
    RESTORE_RULES = 'restore_rules'
    """Have the source back end apply the rules at their real level again."""
    RECOVER = 'recover'
    """An administrator took the source for sound; changes rows only."""


POINT_OF_NO_RETURN = Step.OPEN


@dataclasses.dataclass(frozen=True)
class Plan:
    """The steps of a state in their order, and the event their end causes.

    :param endless: steps that are tried for ever, because nothing else could have the shares
        served again (decision 17); others fail when they were put off for too long
    """

    steps: tuple[Step, ...]
    then: Event
    endless: frozenset[Step] = frozenset()


FORWARD: dict[State, Plan] = {
    State.STARTING: Plan((), Event.TAKE),
    State.IN_PROGRESS: Plan(
        (Step.CHECK, Step.MAKE_SERVER, Step.SETUP_SERVER, Step.CAST_READ_ONLY), Event.PREPARED
    ),
    State.DRIVER_STARTING: Plan((Step.DRIVER_START,), Event.ACCEPTED),
    State.DRIVER_IN_PROGRESS: Plan((Step.COPY,), Event.COPIED),
    State.COMPLETING: Plan(
        (Step.CATCH_UP, Step.FENCE, Step.OPEN, Step.SWITCH),
        Event.SUCCEED,
        frozenset({Step.OPEN, Step.SWITCH}),
    ),
    State.CANCEL_IN_PROGRESS: Plan((Step.DRIVER_CANCEL, Step.RESTORE_RULES), Event.CANCELLED),
    State.OVERRIDDEN: Plan((Step.UNFENCE, Step.RESTORE_RULES), Event.ABANDONED),
}
"""What the engine does in each state; a state that is missing rests."""

_UNDO_FIRST_PHASE = Plan((Step.DRIVER_CANCEL, Step.RESTORE_RULES), Event.FAIL_FIRST_PHASE)

BACKWARD: dict[State, Plan] = {
    **dict.fromkeys(FIRST_PHASE, _UNDO_FIRST_PHASE),
    State.COMPLETING: Plan(
        (Step.UNFENCE, Step.RESTORE_RULES), Event.FAIL_CUT_OVER, frozenset({Step.UNFENCE})
    ),
    State.CANCEL_IN_PROGRESS: Plan((Step.RESTORE_RULES,), Event.FAIL_CANCEL),
    State.OVERRIDDEN: FORWARD[State.OVERRIDDEN],
}
"""What it does instead once a failure was decided. A failing step of it is noted and passed by."""

PAST_NO_RETURN: dict[State, Plan] = {
    State.COMPLETING: Plan((), Event.FAIL_CUT_OVER),
    State.OVERRIDDEN: Plan((), Event.ABANDONED),
}
"""The same past the point of no return: nobody can say which side is right, nothing is undone."""

PROGRESS_WITHOUT_DRIVER: dict[str | None, int] = {
    State.STARTING: 0,
    State.IN_PROGRESS: 0,
    State.DRIVER_STARTING: 0,
    State.PHASE1_DONE: 100,
    State.COMPLETING: 100,
    State.CANCEL_IN_PROGRESS: 100,
    State.CANCELLED: 100,
    State.SUCCESS: 100,
    State.ERROR: 100,
}
"""``total_progress`` by task_state of the source (contract 2.7); others have none."""
