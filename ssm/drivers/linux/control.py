# SPDX-License-Identifier: Apache-2.0

"""The service's side of the worker: who may start it, whether it runs, how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import time
from typing import Any

from oslo_log import log as logging

from ssm.common.exceptions import DriverBusy, DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.base import Token
from ssm.drivers.linux import command, locking, pool, process
from ssm.drivers.linux.refusal import refusal

LOG = logging.getLogger(__name__)

_FAILURES = 3
"""Times a step may fail in one attempt for a reason that may pass."""

_INTERRUPTING = frozenset({'fence'})
"""Steps that hold clients up each time: their failures count over all attempts in a row."""

LOST_PAUSE = 10.0
"""Seconds between two attempts to reach a source that does not answer."""

_POLL = 0.05
_ENDLESS = frozenset({'complete'})
"""Steps behind the point of no return: tried for ever (decision 17)."""


@dataclasses.dataclass
class _Child:
    """A worker this process started and has to reap."""

    step: str
    epoch: int
    process: subprocess.Popen[bytes]


class Workers:
    """The workers of all migrations into one pool."""

    def __init__(self, place: pool.Pool) -> None:
        self._pool = place
        self._children: dict[str, _Child] = {}

    def claim(self, token: Token, server: str, place: str) -> pool.Migration:
        """Take a migration over: end work of lower epochs, then let none of it begin again.

        :param server: what the destination is called by who tears it down before it is complete
        :param place: what it is called on the storage
        :returns: the place of the migration
        :raises DriverRefused: somebody came with a higher epoch
        :raises DriverBusy: old work does not end
        """
        migration = self._pool.migration(token.migration_id)
        migration.prepare()
        with _exclusive(migration):
            epoch = _epoch(migration)
            if epoch > token.epoch:
                raise _stale(token, epoch)
            if epoch < token.epoch:
                record = {'epoch': token.epoch, 'server': server, 'place': place}
                pool.write_json(migration.epoch_file, record, durable=True)
            worker = pool.read_json(migration.worker_file)
            if worker and worker['epoch'] < token.epoch:
                self._end(migration)
        return migration

    def begin(self, migration: pool.Migration, token: Token, step: str) -> None:
        """Start a step anew, whatever came of it before; another step that runs is ended."""
        with _exclusive(migration):
            if (epoch := _epoch(migration)) != token.epoch:
                raise _stale(token, epoch)
            self._end(migration)
            migration.drop_result(step)
            with migration.log_file.open('ab') as log:
                value = process.mark(migration.id, token.epoch)
                child = subprocess.Popen(
                    command.python('ssm.drivers.linux.worker')
                    + [str(self._pool.path), migration.id, step, str(token.epoch)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd='/',
                    start_new_session=True,
                    env={**os.environ, **command.ENVIRONMENT, process.MARK: value},
                )
            self._children[migration.id] = _Child(step, token.epoch, child)

    def ask(self, migration: pool.Migration, token: Token, step: str) -> bool:
        """Whether a step is over; if it is not, see to it that it is worked on.

        :raises DriverRefused: it can't be done, or failed too often
        :raises DriverBusy: it failed and will be tried again by the next call
        """
        if result := migration.result(step):
            return self._judge(migration, token, step, result)
        if self.running(migration, token, step):
            return False
        # a result may have come between the two looks
        if result := migration.result(step):
            return self._judge(migration, token, step, result)
        if self._known(migration, token, step):
            self._failed(migration, token, step, f'Its worker died. {_last_line(migration)}')
        self.begin(migration, token, step)
        return False

    def run(self, migration: pool.Migration, token: Token, step: str, timeout: float) -> None:
        """Do a step and wait for its end.

        :param timeout: seconds; past them the worker is stopped
        :raises DriverRefused: it can't be done
        :raises DriverBusy: it failed or took too long, and may be tried again
        """
        if not self.running(migration, token, step):
            self.begin(migration, token, step)
        deadline = time.monotonic() + timeout
        while not self.ask(migration, token, step):
            if time.monotonic() > deadline:
                with _exclusive(migration):
                    self._end(migration)
                raise DriverBusy(f'The step {step} took longer than {timeout:g} s and was stopped.')
            time.sleep(_POLL)

    def running(self, migration: pool.Migration, token: Token, step: str) -> bool:
        """Whether a worker is at this step under this epoch."""
        child = self._children.get(migration.id)
        if child and (child.step, child.epoch) == (step, token.epoch):
            return child.process.poll() is None
        worker = pool.read_json(migration.worker_file)
        return bool(
            worker
            and (worker['step'], worker['epoch']) == (step, token.epoch)
            and process.alive(worker['pid'], worker['start'])
        )

    def forget(self, migration: pool.Migration) -> None:
        """A migration came to its end and has no worker any more."""
        self._children.pop(migration.id, None)

    def forget_server(self, server: str) -> list[pool.Migration]:
        """Migrations into a server that is torn down; their workers are ended."""
        found = [self._pool.migration(guard.name) for guard in self._pool.guards_of(server)]
        for migration in found:
            with _exclusive(migration):
                self._end(migration)
        return found

    def _known(self, migration: pool.Migration, token: Token, step: str) -> bool:
        """Whether a worker was started for this step and is gone."""
        child = self._children.get(migration.id)
        worker = pool.read_json(migration.worker_file)
        return bool(
            (child and (child.step, child.epoch) == (step, token.epoch))
            or (worker and (worker['step'], worker['epoch']) == (step, token.epoch))
        )

    def _end(self, migration: pool.Migration) -> None:
        """End the worker that is recorded and what it started, and forget it."""
        worker = pool.read_json(migration.worker_file)
        child = self._children.pop(migration.id, None)
        if child:
            child.process.kill()
            child.process.wait()
        if worker is None:
            return
        value = process.mark(migration.id, worker['epoch'])
        if not process.end_group(worker['pgid'], worker['start'], value):
            raise DriverBusy('An earlier worker of this migration does not end.')
        migration.worker_file.unlink(missing_ok=True)

    def _judge(
        self, migration: pool.Migration, token: Token, step: str, result: dict[str, Any]
    ) -> bool:
        message = result['message']
        if result['state'] == 'done':
            # not those of a fence, which is undone each time
            if (pool.read_json(_failures_file(migration)) or {}).get('step') == step:
                _failures_file(migration).unlink()
            if child := self._children.pop(migration.id, None):
                child.process.wait()  # nothing but its exit is left
            return True
        if result['state'] == 'busy':
            with _exclusive(migration):
                self._end(migration)
                migration.drop_result(step)
            if lost := migration.lost():
                # no failure of the work: how long it may last is for the engine to say
                raise DriverBusy(message, findings=[lost], retry_after=LOST_PAUSE)
            self._failed(migration, token, step, message)
            raise DriverBusy(f'The step {step} failed and is tried again. {message}')
        findings = [Finding.from_dict(finding) for finding in result['findings']]
        raise DriverRefused(message, findings=findings)

    def _failed(self, migration: pool.Migration, token: Token, step: str, reason: str) -> None:
        """Count a failure that may pass.

        :raises DriverRefused: it was one too many in this attempt
        """
        LOG.warning('Migration %s, step %s: %s', migration.id, step, reason)
        file = _failures_file(migration)
        key = {'attempt': None if step in _INTERRUPTING else token.attempt, 'step': step}
        known = pool.read_json(file) or {}
        count = known.get('count', 0) + 1 if known.items() >= key.items() else 1
        pool.write_json(file, key | {'count': count})
        if count > _FAILURES and step not in _ENDLESS:
            file.unlink()
            raise refusal(
                'worker_failed',
                f'The step {step} failed {count} times. {reason}',
                f'See {migration.log_file} on the destination.',
            )


def _failures_file(migration: pool.Migration) -> Any:
    return migration.path / 'failures.json'


def _epoch(migration: pool.Migration) -> int:
    """The highest epoch anybody came with."""
    record = pool.read_json(migration.epoch_file)
    return record['epoch'] if record else -1


def _stale(token: Token, epoch: int) -> DriverRefused:
    return refusal(
        'stale_epoch', f'Epoch {token.epoch} is over, the migration is worked on under {epoch}.'
    )


def _last_line(migration: pool.Migration) -> str:
    """The last line of the worker's log."""
    try:
        with migration.log_file.open('rb') as log:
            log.seek(max(0, migration.log_file.stat().st_size - 4096))
            lines = log.read().decode('utf-8', 'replace').strip().split('\n')
    except FileNotFoundError:
        return ''
    return lines[-1]


def _exclusive(migration: pool.Migration) -> contextlib.AbstractContextManager[None]:
    """Hold the claim of a migration against other threads and processes."""
    return locking.exclusive(migration.claim_file, 'this migration')
