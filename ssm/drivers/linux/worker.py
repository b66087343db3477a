# SPDX-License-Identifier: Apache-2.0

"""The process that does one step of a migration into a pool.

``python -m ssm.drivers.linux.worker POOL MIGRATION STEP EPOCH``, started by
:mod:`ssm.drivers.linux.control` as leader of a session of its own. It takes the migration's lock
and says who it is, then makes sure that nobody came with a higher epoch: whoever raises the epoch
looks for a worker afterwards, so one of the two notices (decision 15). Its children inherit the
lock, which is free only when all of them are gone.

A step ends in its result file: ``state`` (done, refused, busy), ``message``, ``findings``.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from ssm.common.exceptions import DriverError, DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux import abilities, moving, pool, process
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.copying import ShareCopy
from ssm.drivers.linux.refusal import disk_full, refusal
from ssm.drivers.linux.work import Work

# stdlib: oslo.log takes longer to import than most steps take
LOG = logging.getLogger('worker')

_LOCK_TIMEOUT = 10.0
STALE = 3
"""Exit code of a worker whose epoch was over before it did anything."""


def copy(work: Work) -> None:
    """The first phase; all is measured first, so that progress knows the whole."""
    work.each_share(ShareCopy.measure)
    work.each_share(ShareCopy.first_phase)


def refresh(work: Work) -> None:
    """One more pass over all shares, clients writing."""
    work.each_share(ShareCopy.refresh)


def fence(work: Work) -> None:
    """Close the source, copy the rest, prove it; whatever goes wrong opens the source again."""
    lease = work.lease()
    if lease is not None:
        moving.refuse_late(work.progress.predicted(), lease)
    begun = time.monotonic()
    nonce = os.urandom(8).hex()
    # what an earlier attempt may have left stays noted until the source has answered
    if not work.migration.closing_file.exists():
        work.note_closing(confirming=False)
    call = work.source.start(
        'close',
        side=work.source_side,
        shares=work.names,
        migration=work.migration.id,
        epoch=work.epoch,
        timeout=work.options['fence_timeout'],
        nonce=nonce,
        lease=work.options['fence_lease'],
    )
    closed = None
    try:
        with work.beating():
            closed = call.result()
            if work.may_be_confirmed():
                work.note_closing(confirming=False)
            work.progress.warn([Finding.from_dict(warning) for warning in closed['warnings']])
            work.each_share(
                lambda share: share.last_pass(
                    closed['paths'][share.name], verify_all=work.options['verify_all']
                )
            )
            if lease is not None:
                moving.refuse_late(time.monotonic() - begun + moving.OPENING, lease)
            work.confirm(nonce)
    except BaseException as error:
        undone = work.reopen()
        if closed and not undone and isinstance(error, CommandFailed):
            # its agent was ended
            raise work.opened_again() from error
        raise


def unfence(work: Work) -> None:
    """Let the source serve again."""
    work.migration.refuse_if_open()
    work.migration.drop_result('fence')
    work.reopen()


def complete(work: Work) -> None:
    """Give the copy its places: rules, then snapshots, then shares. There is no way back."""
    if not work.migration.opening_file.exists():
        _refuse_if_not_fenced(work)
    pool.make_directory(work.server.path, pool.PUBLIC)
    pool.write_json(work.migration.opening_file, {'epoch': work.epoch}, durable=True)
    if work.moves is not None and not work.server.record.exists():
        pool.write_json(work.server.record, work.moves['record'], durable=True)
    work.storage.arrive(work.migration, work.server)
    for share in work.shares:
        work.export.record(share, share['access_rules'])
    with_snapshots = {snapshot['share_name'] for snapshot in work.snapshots}
    work.storage.install(work.migration, work.server, work.names, with_snapshots)
    for name in work.names:
        work.export.publish(name)
    _connect(work)
    try:
        work.forget()
    except CommandFailed as error:
        LOG.warning('Rounds stay in the source until it is deleted: %s', error.errors)
    if work.moves is not None:
        left = {'way': work.way, 'side': work.source_side}
        pool.write_json(work.migration.retire_file, left, durable=True)
        if not work.alone:
            _retire(work)


def _connect(work: Work) -> None:
    """Let the server have the addresses that were the source's until now, if it waits for them."""
    record = pool.read_json(work.server.record)
    if record.pop('waits', False):
        pool.write_json(work.server.record, record, durable=True)
    # also if a worker died between the two
    work.export.start()


def _retire(work: Work) -> None:
    """See to it that the source is removed, which has no row any more; it is not needed."""
    try:
        moving.retire(work.source, work.source_side, work.migration)
    except (CommandFailed, DriverError) as error:
        LOG.warning('The source stays where it was, closed, for the time being: %s', error)


def cancel(work: Work) -> None:
    """Let the source serve, remove the copy."""
    work.migration.refuse_if_open()
    work.migration.drop_result('fence')
    work.reopen()
    work.forget()
    work.storage.delete(work.migration.copy)


def _refuse_if_not_fenced(work: Work) -> None:
    """The copy is equal only as long as nobody opened the source again, so it is asked.

    One that can't be reached is closed: that was confirmed (decision 16).
    """
    fenced = work.migration.is_done('fence')
    if fenced and not work.alone:
        known = work.source.start('fenced_by', side=work.source_side).result()
        fenced = known == work.migration.id
    if not fenced:
        raise refusal('not_fenced', 'The source is not closed, the copy may not be opened.')


STEPS: dict[str, Callable[[Work], None]] = {
    step.__name__: step for step in (copy, refresh, fence, unfence, complete, cancel)
}


def _lock(migration: pool.Migration) -> int | None:
    """The descriptor of the migration's lock, None if somebody keeps it."""
    descriptor = os.open(migration.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            time.sleep(0.05)
    os.close(descriptor)
    return None


def _introduce(migration: pool.Migration, step: str, epoch: int) -> bool:
    """Say who works, then look whether that is still wanted; needs the lock."""
    own = process.status(os.getpid())
    assert own is not None
    worker = {'pid': os.getpid(), 'start': own.start, 'pgid': os.getpgrp(), 'epoch': epoch}
    pool.write_json(migration.worker_file, worker | {'step': step})
    return bool(pool.read_json(migration.epoch_file)['epoch'] == epoch)


def _result(state: str, message: str, findings: Iterable[Finding] = ()) -> dict[str, Any]:
    return {
        'state': state,
        'message': message,
        'findings': [finding.to_dict() for finding in findings],
    }


def _is_opening(migration: pool.Migration, step: str) -> bool:
    return step == 'complete' and migration.opening_file.exists()


def _do(work: Work, step: str) -> None:
    """Do a step.

    If the pool is full, there is room for notes and for what ends it afterwards. There is a note
    of a source that does not answer.
    """
    try:
        work.meet(step)
        STEPS[step](work)
    except CommandFailed as error:
        if lost := work.source.lost(error):
            pool.write_json(work.migration.lost_file, lost.to_dict())
        raise
    except (DriverError, OSError) as error:
        if _is_full(error) and not _is_opening(work.migration, step):
            work.storage.make_room(work.migration)
        raise


def _is_full(error: DriverError | OSError) -> bool:
    if isinstance(error, OSError):
        return abilities.is_full(error)
    return any(finding.code == 'destination_full' for finding in error.findings)


def _perform(place: pool.Pool, migration: pool.Migration, step: str, epoch: int, lock: int) -> Any:
    """Do the step; returns its result."""
    try:
        with contextlib.closing(Work(place, migration, epoch, lock)) as work:
            _do(work, step)
    except DriverError as error:
        # what began to open has to be opened, so that is tried for ever (decision 17)
        refused = isinstance(error, DriverRefused) and not _is_opening(migration, step)
        return _result('refused' if refused else 'busy', error.message, error.findings)
    except (CommandFailed, OSError) as error:
        LOG.warning('%s: %s', step, getattr(error, 'errors', error))
        full = isinstance(error, OSError) and abilities.is_full(error)
        if full and not _is_opening(migration, step):
            refusal_ = disk_full(str(place.path), str(error))
            return _result('refused', refusal_.message, refusal_.findings)
        return _result('busy', str(error))
    except Exception as error:
        LOG.exception('%s', step)
        return _result('busy', f'{type(error).__name__}: {error}')
    return _result('done', '')


def main(argv: list[str]) -> int:
    """Do one step; returns the exit code."""
    place = pool.Pool(argv[0])
    migration = place.migration(argv[1])
    step, epoch = argv[2], int(argv[3])
    logging.basicConfig(level=logging.INFO, format='%(asctime)s %(levelname)s %(message)s')
    lock = _lock(migration)
    if lock is None or not _introduce(migration, step, epoch):
        LOG.warning('%s: epoch %s may not work any more', step, epoch)
        return STALE
    LOG.info('%s: begun, epoch %s', step, epoch)
    result = _perform(place, migration, step, epoch, lock)
    # before the result is there, upon which this worker may be ended
    LOG.info('%s: %s %s', step, result['state'], result['message'])
    pool.write_json(migration.result_file(step), result | {'epoch': epoch}, durable=True)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
