# SPDX-License-Identifier: Apache-2.0

"""Any history of a migration ends well: requests, failures, deaths and owners in any order.

The real engine moves a server of the dummy driver. Two processes serve its destination; both may
die between any two effects, and may be at work at once when a lease ran out. Clients write all
the while. After each event the rows and the storage are compared with what the texts promise.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any
from unittest import mock

import hypothesis
import sqlalchemy as sa
from hypothesis import stateful
from hypothesis import strategies as st
from oslo_utils import fixture as utils_fixture
from oslo_utils import timeutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.db import models
from ssm.drivers.dummy import state
from ssm.migration import claims, journal, requests, steps
from ssm.migration.advance import advance
from ssm.migration.run import Run
from ssm.migration.states import Step
from ssm.tests.unit.migration import scenario

PROFILE = hypothesis.settings(
    max_examples=50,
    stateful_step_count=30,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)

METHODS = (
    'setup_server',
    'share_server_migration_check_compatibility',
    'share_server_migration_start',
    'share_server_migration_continue',
    'share_server_migration_get_progress',
    'share_server_migration_refresh',
    'share_server_migration_fence',
    'share_server_migration_unfence',
    'share_server_migration_complete',
    'share_server_migration_cancel',
)
FAILURES: dict[str, Callable[[], Exception]] = {
    'refused': lambda: exceptions.DriverRefused('refused'),
    'busy': lambda: exceptions.DriverBusy('busy'),
    'error': lambda: RuntimeError('error'),
}
KINDS: dict[str, tuple[dict[str, str], dict[str, bool]]] = {
    'writable': ({}, {}),
    'read-only': ({'writable': 'False'}, {'writable': False}),
    'moved': ({}, {'nondisruptive': True}),
}
"""What is asked, and what the driver offers."""

MIGRATING = ('server_migrating', 'server_migrating_to', 'server_migrating')
FAILED_EARLY = ('active', 'error', 'available')
FAILED_LATE = ('error', 'error', 'error')
STATUSES: dict[str, tuple[str, str, str]] = {
    'migration_starting': MIGRATING,
    'migration_in_progress': MIGRATING,
    'migration_driver_starting': MIGRATING,
    'migration_driver_in_progress': MIGRATING,
    'migration_driver_phase1_done': MIGRATING,
    'migration_completing': MIGRATING,
    'migration_cancel_in_progress': MIGRATING,
    'migration_cancelled': ('active', 'inactive', 'available'),
    'migration_success': ('inactive', 'active', 'available'),
}
"""Of source, destination, and of all shares and snapshots (contract 3.2 to 3.4)."""

RESTS = {
    'migration_driver_phase1_done',
    'migration_success',
    'migration_cancelled',
    'migration_error',
    'overridden',
}


class Process:
    """One of the two share managers of the destination."""

    def __init__(self, case: TestAnyHistory) -> None:
        self.case = case
        self.come_up()

    def come_up(self) -> None:
        self.case.drivers['beta'] = self.case._make_driver('beta')
        self.engine = self.case._make_engine()
        self.run: Run | None = None

    def die(self) -> None:
        self.engine._identity.close()
        self.come_up()

    def take(self) -> None:
        """Claim what is due, as a sweep does."""
        if self.run is None:
            dead = self.engine._identity.dead(claims.owners(scenario.DESTINATION))
            for migration_id in claims.due(scenario.DESTINATION, dead):
                self.run = self.run or self.engine.claim(migration_id, dead)

    def work(self, turns: int) -> None:
        """What a carrying thread does, without its pauses."""
        self.take()
        for _turn in range(turns):
            if self.run is None:
                return
            try:
                if advance(self.run) is None:
                    self.stop()
                else:
                    self.run.reread()
            except exceptions.LeaseLost:
                self.stop()

    def stop(self) -> None:
        if self.run is not None:
            self.engine.drop(self.run)
        self.run = None


class View:
    """All rows that matter, by one query a table."""

    def __init__(self, case: TestAnyHistory) -> None:
        self.migrations = case.living(models.Migration, models.Migration.created_at)
        self.row: models.Migration = self.migrations[-1]
        self.servers: list[Any] = case.query(sa.select(models.ShareServer))
        self.allocations = case.living(models.NetworkAllocation)
        self.shares = case.living(models.ShareInstance)
        self.snapshots = case.living(models.SnapshotInstance)

    def statuses(self) -> dict[str, Any]:
        """As :meth:`scenario.ScenarioCase.statuses`, without rules."""
        shown = {server.id: f'{server.status}/{server.task_state}' for server in self.servers}
        return {
            'source': shown[self.row.source_share_server_id],
            'destination': shown.get(self.row.destination_share_server_id),
            'shares': {share.status for share in self.shares},
            'snapshots': {snapshot.status for snapshot in self.snapshots},
        }


class History(stateful.RuleBasedStateMachine):
    """What may happen, and what has to hold after it."""

    case: TestAnyHistory

    def __init__(self) -> None:
        super().__init__()
        case = self.case
        case.failures.clear()
        case.points_left = None
        case.source_is_down = False
        case.stanza('beta', dummy_driver_capabilities={})
        case.load(case.seeded)
        case.pass_time(0)
        case.engine._identity.close()
        self.processes = [Process(case), Process(case)]
        self.refused = ''
        self.written: dict[str, str] = {}
        self.by_hand: dict[str, Any] | None = None
        """Statuses since somebody set one; nobody may touch them any more."""

    # Requests

    def ask(self, request: Callable[..., Any], *arguments: Any) -> bool:
        """Make a request; one that is refused changes nothing."""
        before = self.case.save()
        try:
            request(self.case.context, *arguments)
        except exceptions.SsmError as error:
            assert error.message
            assert self.case.save() == before, f'refused and changed: {error.message}'
            self.refused = error.message
            return False
        return True

    @stateful.initialize(kind=st.sampled_from(sorted(KINDS)))
    def first_start(self, kind: str) -> None:
        body, offer = KINDS[kind]
        self.case.stanza('beta', dummy_driver_capabilities=offer)
        self.body = scenario.BODY | body
        assert self.ask(requests.start, self.case.source_id, self.body), self.refused

    @stateful.rule()
    def start(self) -> None:
        self.case.failures.pop('share_server_migration_check_compatibility', None)
        self.case.pass_time(1)
        if self.ask(requests.start, self.case.source_id, self.body):
            self.by_hand = None

    @stateful.rule()
    def complete(self) -> None:
        self.ask(requests.complete, self.case.source_id)

    @stateful.rule()
    def cancel(self) -> None:
        self.ask(requests.cancel, self.case.source_id)

    @stateful.rule()
    def recover(self) -> None:
        if self.ask(requests.recover, self.case.migration().id):
            assert self.case.statuses()['source'] == 'active/migration_error'
            assert self.case.statuses()['shares'] == {'available'}

    @stateful.precondition(lambda self: self.case.migration().destination_share_server_id)
    @stateful.rule(destination=st.booleans(), status=st.sampled_from([None, 'active', 'error']))
    def reset(self, destination: bool, status: str | None) -> None:
        row = self.case.migration()
        server = row.destination_share_server_id if destination else row.source_share_server_id
        if status is None:
            requests.override_task_state(self.case.context, server, None)
        else:
            requests.override_status(self.case.context, server, status)
        self.by_hand = self.visible()

    @stateful.precondition(lambda self: self.case.migration().state == 'overridden')
    @stateful.rule()
    def repair(self) -> None:
        """All statuses by hand, so that the source may migrate again."""
        row = self.case.migration()
        requests.override_status(self.case.context, row.source_share_server_id, 'active')
        if row.destination_share_server_id:
            destination = row.destination_share_server_id
            requests.override_status(self.case.context, destination, 'error')
        for model in (models.ShareInstance, models.SnapshotInstance):
            self.case.change(model, status='available')
        self.by_hand = self.visible()

    # Work, failures, deaths

    @stateful.rule(which=st.booleans(), turns=st.integers(1, 8))
    def work(self, which: bool, turns: int) -> None:
        self.processes[which].work(turns)

    @stateful.rule(which=st.booleans(), point=st.integers(0, 14))
    def die_at_work(self, which: bool, point: int) -> None:
        """At a commit or a call of the driver, before it or after it."""
        self.case.points_left = point
        try:
            self.processes[which].work(10)
        except scenario.Killed:
            self.processes[which].die()
        self.case.points_left = None

    @stateful.rule(which=st.booleans())
    def leave(self, which: bool) -> None:
        """A service that is stopped gives its lease back."""
        process = self.processes[which]
        if process.run:
            process.engine._leave(process.run, None, 0)
            process.stop()

    @stateful.rule()
    def lease_runs_out(self) -> None:
        """Its owner was stopped, and wakes up some time; somebody else may come meanwhile."""
        self.case.change(models.Migration, models.Migration.owner.is_not(None), lease_expires_at=1)

    @stateful.rule(
        method=st.sampled_from(METHODS),
        failures=st.lists(st.sampled_from(sorted(FAILURES)), min_size=1, max_size=3),
    )
    def driver_will_fail(self, method: str, failures: list[str]) -> None:
        self.case.failures[method].extend(failures)

    @stateful.rule(seconds=st.sampled_from([1, 200, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.case.pass_time(seconds)

    @stateful.rule(down=st.booleans())
    def source_goes_down_or_up(self, down: bool) -> None:
        self.case.source_is_down = down
        if not down:
            self.case.resume_rules()

    @stateful.rule()
    def clients_write(self) -> None:
        """Each share takes the same; what it took may never be missing."""
        serving = self.case.served_by()
        if not serving:
            return
        name = f'file-{len(self.written)}'
        with state.StateFile(str(self.case.storage)).change() as now:
            for instance in self.case.instance_ids:
                state.write(now, min(serving), instance, name, name)
        self.written[name] = name

    # What has to hold

    def visible(self) -> dict[str, Any]:
        """Statuses as clients see them."""
        return View(self.case).statuses()

    @stateful.invariant()
    def all_is_well(self) -> None:
        view = View(self.case)
        for check in (
            self.one_server_serves,
            self.addresses_have_one_owner,
            self.each_migration_has_one_destination,
            self.statuses_are_those_of_the_table,
            self.rules_stay_read_only_while_they_have_to,
            self.what_is_over_has_no_owner,
        ):
            check(view)

    def one_server_serves(self, view: View) -> None:
        """And it has all that was ever written."""
        serving = self.case.served_by()
        assert len(serving) <= 1, serving
        if not any(journal.begun(row.journal, Step.FENCE) for row in view.migrations):
            assert serving == {self.case.source_id}, serving
        now = self.case.stored()
        for server in serving:
            for instance in self.case.instance_ids:
                files = state.read(now, server, instance)
                assert self.written.items() <= files.items(), 'acknowledged writes are missing'

    def addresses_have_one_owner(self, view: View) -> None:
        addresses = [allocation.ip_address for allocation in view.allocations]
        assert len(addresses) == len(set(addresses)), addresses
        living = {server.id for server in view.servers if server.deleted == models.NOT_DELETED}
        held = collections.Counter(item.share_server_id for item in view.allocations)
        assert held.keys() <= living, 'an address of a server that is gone'
        assert all(count == 2 for count in held.values()), held

    def each_migration_has_one_destination(self, view: View) -> None:
        source = self.case.source_id
        pointing = [row.id for row in view.servers if row.source_share_server_id == source]
        known = [row.destination_share_server_id for row in view.migrations]
        assert sorted(pointing) == sorted(filter(None, known))

    def statuses_are_those_of_the_table(self, view: View) -> None:
        row, seen = view.row, view.statuses()
        if row.state == 'overridden' or self.by_hand:
            assert seen == (self.by_hand or seen), 'what was set by hand was changed'
            return
        for shown in (seen['source'], seen['destination']):
            server, _slash, task_state = (shown or f'-/{row.state}').partition('/')
            assert task_state == row.state or server == 'deleted', (row.state, seen)
        source, destination, resources = self._expected(row)
        assert seen['source'].partition('/')[0] in (source, 'deleted'), seen
        assert (seen['destination'] or destination).partition('/')[0] == destination, seen
        assert seen['shares'] == seen['snapshots'] == {resources}, seen

    def _expected(self, row: models.Migration) -> tuple[str, str, str]:
        if row.state != 'migration_error':
            return STATUSES[row.state]
        assert row.reasons, 'a failure without a reason'
        late = journal.begun(row.journal, Step.CATCH_UP)
        return FAILED_LATE if late and not journal.done(row.journal, 'recover') else FAILED_EARLY

    def rules_stay_read_only_while_they_have_to(self, view: View) -> None:
        entry = journal.entry(view.row.journal, Step.CAST_READ_ONLY)
        copying = view.row.state in (
            'migration_driver_starting',
            'migration_driver_in_progress',
            'migration_driver_phase1_done',
        )
        if entry and copying and not view.row.rolling_back:
            assert {share.cast_rules_to_readonly for share in view.shares} == {True}

    def what_is_over_has_no_owner(self, view: View) -> None:
        for row in view.migrations:
            if row.finished_at is not None:
                assert (row.owner, row.waiting) == (None, None), row.waiting
                assert row.state in RESTS

    def teardown(self) -> None:
        """All trouble ends; whatever was begun comes to its rest."""
        self.case.failures.clear()
        self.case.source_is_down = False
        self.case.resume_rules()
        for process in self.processes:
            process.die()
        self._come_to_rest()
        if self.case.migration().state == 'migration_driver_phase1_done' and not self.by_hand:
            assert self.ask(requests.complete, self.case.source_id)
            self._come_to_rest()
        self._expect_end(self.case.migration())

    def _come_to_rest(self) -> None:
        for _sweep in range(5):
            self.case.pass_time(1)
            self.processes[0].work(40)
            rows = View(self.case).migrations
            if all(row.owner is None and row.state in RESTS for row in rows):
                break
        else:
            raise AssertionError([(row.state, row.waiting) for row in rows])
        self.all_is_well()

    def _expect_end(self, row: models.Migration) -> None:
        """Somebody serves, and rules hold as the users wrote them, unless a human is asked."""
        opened = journal.begun(row.journal, Step.OPEN)
        if row.state == 'migration_success':
            expected = {row.destination_share_server_id}
        elif opened or 'unfence' in {
            entry['name'] for entry in row.journal if entry['reason'] and entry['done_at']
        }:
            return
        else:
            expected = {self.case.source_id}
        assert self.case.served_by() == expected, (row.state, self.case.served_by())
        if row.finished_at is None:
            return
        seen = self.case.statuses()
        assert seen['read_only'] == {False}, row.state
        assert seen['rules'] == {'active'}, (row.state, seen['rules'])


class TestAnyHistory(scenario.ScenarioCase):
    def setUp(self) -> None:
        self.failures: dict[str, list[str]] = collections.defaultdict(list)
        self.points_left: int | None = None
        self.source_is_down = False
        super().setUp()
        self.clock = self.useFixture(utils_fixture.TimeFixture(timeutils.utcnow()))
        self.monotonic = 0.0
        for target, name, replacement in (
            (steps, 'time', mock.Mock(monotonic=lambda: self.monotonic)),
            (scenario, 'apply_rules', self._apply_rules),
        ):
            patch = mock.patch.object(target, name, replacement)
            patch.start()
            self.addCleanup(patch.stop)
        for name in ('before_commit', 'after_commit'):
            sa.event.listen(orm.Session, name, self._point)
            self.addCleanup(sa.event.remove, orm.Session, name, self._point)
        self.seed()
        self.seeded = self.save()

    def _point(self, *_session: orm.Session) -> None:
        """A process that is to die at one of the next points may do so here."""
        if self.points_left is not None:
            self.points_left -= 1
            if self.points_left < 0:
                self.points_left = None
                raise scenario.Killed

    def _make_driver(self, name: str) -> Any:
        driver = super()._make_driver(name)
        if name == 'beta':
            for method in METHODS:
                setattr(driver, method, self._whimsical(method, getattr(driver, method)))
        return driver

    def _whimsical(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._point()
            if self.failures[name]:
                raise FAILURES[self.failures[name].pop(0)]()
            answer = method(*args, **kwargs)
            self._point()
            return answer

        return call

    def _apply_rules(self, driver: Any, server_id: str, apply: Any = scenario.apply_rules) -> None:
        if driver is not self.drivers['alpha'] or not self.source_is_down:
            apply(driver, server_id)

    def resume_rules(self) -> None:
        """The source back end comes up: it applies what is queued."""
        if 'syncing' in self.query(sa.select(models.ShareInstance.access_rules_status)):
            for server in {item.share_server_id for item in self.living(models.ShareInstance)}:
                scenario.apply_rules(self.drivers['alpha'], server)

    def pass_time(self, seconds: int) -> None:
        """Services show signs of life, and what slept is due."""
        self.clock.advance_time_seconds(seconds)
        self.monotonic += seconds
        self.change(models.Service, updated_at=models.now())
        self.change(models.Migration, models.Migration.wake_at.is_not(None), wake_at=1)

    def living(self, model: type[models.Base], *order: Any) -> list[Any]:
        query = sa.select(model).where(model.deleted == models.NOT_DELETED).order_by(*order)
        return self.query(query)

    def note_states(self) -> None:
        """Looked at by the invariants."""

    def test_any_history(self) -> None:
        machine = type('AnyHistory', (History,), {'case': self})
        stateful.run_state_machine_as_test(machine, settings=PROFILE)
