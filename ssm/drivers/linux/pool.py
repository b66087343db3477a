# SPDX-License-Identifier: Apache-2.0

"""Where things lie in the pool of a back end.

::

    <pool>/servers/<server>/server.json          identifier, addresses, and how they are reached
                            lock                 held by who changes what clients can reach
                            fence.json           there while a migration has closed the server
                            sentry               lock of who watches the fence, and signs of life
                            exports/<share>.json access rules, size and ids of a share
                            shares/<share>       the share, and its export location
                            closed/<share>       where it lies while the server is fenced
                            snapshots/<share>/<snapshot>
                            ganesha/             log and memory of export ganesha
                            sent/<migration>/<share>/<round>   of storage btrfs, while it copies
    <pool>/.ssm/host                             the one host that may use the pool
    <pool>/.ssm/id                               by what it is known on other hosts
    <pool>/.ssm/migrations/<id>/                 state and private copy of a migration, to its end
    <pool>/.ssm/guards/<id>/                     epoch, lock, worker, log and end of a migration;
                                                 kept after it, so that stale work still fails
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from typing import Any

from ssm.common.findings import Finding
from ssm.drivers.linux import locking
from ssm.drivers.linux.refusal import refusal

NAME = 'pool'
"""What the one pool of a back end is called in reports."""

PRIVATE = 0o700
PUBLIC = 0o755


def component(name: str) -> str:
    """The name, if it can be one component of a path.

    :raises DriverRefused: it could lead elsewhere
    """
    if not name or name.startswith('.') or '/' in name or '\0' in name:
        raise refusal('bad_name', f'{name!r} can not be a name on the storage.')
    return name


def write_json(path: pathlib.Path, data: Any, *, durable: bool = False) -> None:
    """Replace a file in one step; whoever reads sees the old or the new content.

    :param durable: on return it also survives a loss of power
    """
    temporary = path.with_name(f'{path.name}.{os.getpid()}.new')
    with temporary.open('w', encoding='ascii') as stream:
        json.dump(data, stream)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    temporary.replace(path)
    if durable:
        sync_directory(path.parent)


def read_json(path: pathlib.Path) -> Any:
    """Content of a file of :func:`write_json`, None if there is none."""
    try:
        return json.loads(path.read_text(encoding='ascii'))
    except FileNotFoundError:
        return None


def sync_directory(path: pathlib.Path) -> None:
    """Make names that were just added to or removed from a directory survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_filesystem(path: str | pathlib.Path) -> None:
    """Write out what is dirty in the file system of a path.

    :raises OSError: something could not be written
    """
    import ctypes  # late, because few processes need it

    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor):
            raise OSError(ctypes.get_errno(), 'the file system could not be written out', str(path))
    finally:
        os.close(descriptor)


def make_directory(path: pathlib.Path, mode: int) -> pathlib.Path:
    """Make a directory with exactly this mode, whatever the umask; one that exists stays."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    return path


def move(source: pathlib.Path, target: pathlib.Path) -> None:
    """Rename a directory to another parent and make that durable.

    Done already (target there, source gone) is no error, so that it can be repeated.

    :raises OSError: neither is there, both are there, or not permitted
    """
    if not os.path.lexists(source) and os.path.lexists(target):
        return
    if os.path.lexists(target):
        raise FileExistsError(f'{source} can not be moved: {target} exists')
    mode = source.stat().st_mode & 0o7777
    # without root a directory has to be writable to get another parent
    lift = not mode & 0o200 and os.geteuid() != 0
    if lift:
        source.chmod(mode | 0o200)
    source.rename(target)
    if lift:
        target.chmod(mode)
    for parent in {source.parent, target.parent}:
        sync_directory(parent)


_EXCHANGE = 2


def exchange(one: pathlib.Path, other: pathlib.Path) -> None:
    """Let two directories swap their names in one step, and make that durable.

    :raises OSError: one is not there, or the file system can't
    """
    import ctypes  # late, because few processes need it

    libc = ctypes.CDLL(None, use_errno=True)
    here = -100  # names are whole paths
    if libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), _EXCHANGE):
        raise OSError(ctypes.get_errno(), 'the directories could not be exchanged', str(one))
    for parent in {one.parent, other.parent}:
        sync_directory(parent)


def visible(directory: pathlib.Path) -> list[str]:
    """Names in a directory, less those of what is not finished; none if it does not exist."""
    if not directory.is_dir():
        return []
    return sorted(name for name in os.listdir(directory) if not name.startswith('.'))


class Server:
    """The place of one share server; nothing needs to exist yet."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.record = path / 'server.json'
        self.fence_file = path / 'fence.json'
        self.sentry_file = path / 'sentry'
        self.moved_file = path / 'moved'
        self.exports = path / 'exports'
        self.shares = path / 'shares'
        self.closed = path / 'closed'
        self.snapshots = path / 'snapshots'
        self.sent = path / 'sent'

    def prepare(self) -> None:
        """Make its directories; only the way to the shares is open to others."""
        make_directory(self.path, PUBLIC)
        make_directory(self.shares, PUBLIC)
        for private in (self.exports, self.closed, self.snapshots):
            make_directory(private, PRIVATE)

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Hold it against whoever else changes what clients can reach; for short work.

        :raises DriverBusy: somebody else holds it for long
        :raises FileNotFoundError: there is no such server
        """
        return locking.exclusive(self.path / 'lock', f'share server {self.path.name}')

    def share(self, name: str) -> pathlib.Path:
        """The share's directory, which is its export location."""
        return self.shares / component(name)

    def closed_share(self, name: str) -> pathlib.Path:
        """The share's directory while clients must not reach it."""
        return self.closed / component(name)

    def data(self, name: str) -> pathlib.Path:
        """Where the content of a share lies now, open or closed."""
        closed = self.closed_share(name)
        return closed if closed.is_dir() else self.share(name)

    def export(self, name: str) -> pathlib.Path:
        """The record of a share's access rules, size and ids."""
        return self.exports / f'{component(name)}.json'

    def snapshot(self, share_name: str, name: str) -> pathlib.Path:
        """The directory of a snapshot."""
        return self.snapshots / component(share_name) / component(name)

    def fence(self) -> dict[str, Any] | None:
        """The fence, with migration id and epoch; None while the server may be served."""
        fence: dict[str, Any] | None = read_json(self.fence_file)
        return fence


class Pool:
    """The directory tree of one back end."""

    def __init__(self, path: str | pathlib.Path) -> None:
        self.path = pathlib.Path(path)
        self.servers = self.path / 'servers'
        self.private = self.path / '.ssm'
        self.host_file = self.private / 'host'
        self.id_file = self.private / 'id'
        self.migrations = self.private / 'migrations'
        self.guards = self.private / 'guards'
        self.moved = self.private / 'moved'

    def prepare(self) -> None:
        """Make its directories."""
        make_directory(self.servers, PUBLIC)
        for private in (self.private, self.migrations, self.guards):
            make_directory(private, PRIVATE)
        if self.id() is None:
            write_json(self.id_file, os.urandom(16).hex(), durable=True)

    def id(self) -> str | None:
        """By what the pool is known on other hosts, None if it was never used."""
        known: str | None = read_json(self.id_file)
        return known

    def server(self, identifier: str) -> Server:
        """The place of a share server."""
        return Server(self.servers / component(identifier))

    def guards_of(self, server: str) -> list[pathlib.Path]:
        """Guards of migrations that brought a server here or were to do so, by its name.

        :param server: what it is called here, or was before it arrived
        """
        found = []
        for guard in self.guards.iterdir():
            record = read_json(self.migration(guard.name).epoch_file) or {}
            if server in (record.get('server'), record.get('place')):
                found.append(guard)
        return found

    def migration(self, migration_id: str) -> Migration:
        """The place of a migration into this pool."""
        name = component(migration_id)
        return Migration(name, self.migrations / name, self.guards / name)


class Migration:
    """The place of one migration in the pool of its destination.

    :param path: state and private copy; there as long as it goes on
    :param guard: epoch, lock, worker, log and end; kept until the destination is torn down
    """

    def __init__(self, migration_id: str, path: pathlib.Path, guard: pathlib.Path) -> None:
        self.id = migration_id
        self.path = path
        self.guard = guard
        self.epoch_file = guard / 'epoch.json'
        self.worker_file = guard / 'worker.json'
        self.lock_file = guard / 'lock'
        self.claim_file = guard / 'claim'
        self.opening_file = guard / 'opening.json'
        self.completed_file = guard / 'completed.json'
        self.retire_file = guard / 'retire.json'
        self.log_file = guard / 'worker.log'
        self.job_file = path / 'job.json'
        self.state_file = path / 'state.json'
        self.progress_file = path / 'progress.json'
        self.lost_file = path / 'lost.json'
        self.closing_file = path / 'closing.json'

    def prepare(self) -> None:
        """Make its directories; what is completed needs no more than the guard."""
        make_directory(self.guard, PRIVATE)
        if not self.completed_file.exists():
            make_directory(self.path, PRIVATE)

    def refuse_if_open(self) -> None:
        """Nothing, as long as the destination has not begun to open.

        :raises DriverRefused: it has; there is no way back
        """
        if self.opening_file.exists():
            raise refusal('destination_open', 'The destination serves, the source stays closed.')

    def lost(self) -> Finding | None:
        """Why the source does not answer, None if it does as far as is known."""
        found = read_json(self.lost_file)
        return Finding.from_dict(found) if found else None

    def result_file(self, step: str) -> pathlib.Path:
        """How a step ended; there is none before it did."""
        return self.path / f'{component(step)}.result.json'

    def result(self, step: str) -> dict[str, Any] | None:
        """Content of the step's result file."""
        result: dict[str, Any] | None = read_json(self.result_file(step))
        return result

    def is_done(self, step: str) -> bool:
        """Whether a step ended well, and was not forgotten."""
        result = self.result(step)
        return result is not None and result['state'] == 'done'

    def drop_result(self, step: str) -> None:
        """Forget how a step ended, so that it is done again."""
        with contextlib.suppress(FileNotFoundError):
            self.result_file(step).unlink()

    @property
    def copy(self) -> pathlib.Path:
        """All that is copied and has no place at the destination yet."""
        return self.path / 'copy'

    def copy_of_share(self, name: str) -> pathlib.Path:
        """The private copy of a share, before it is opened."""
        return self.copy / 'shares' / component(name)

    def copies_of_snapshots(self, share_name: str) -> pathlib.Path:
        """The private copies of a share's snapshots, each by its name."""
        return self.copy / 'snapshots' / component(share_name)

    def received(self, share_name: str) -> pathlib.Path:
        """What arrived of the rounds of a share, if the storage copies it so."""
        return self.copy / 'rounds' / component(share_name)
