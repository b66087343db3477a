# SPDX-License-Identifier: Apache-2.0

"""What shares and snapshots are on the storage, and how they are copied into a pool."""

from __future__ import annotations

import abc
import dataclasses
import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ssm.common.exceptions import DataLoss
from ssm.common.findings import Finding
from ssm.drivers.linux import pool
from ssm.drivers.linux.abilities import Abilities, probe
from ssm.drivers.linux.command import Commands
from ssm.drivers.linux.stream import Report
from ssm.drivers.linux.transport.base import Transport
from ssm.drivers.linux.tree import Manifest

Paths = dict[str, list[str]]
"""The snapshots of each share of a source, all as paths there."""


def refuse_loss(name: str, used: int, size: int) -> None:
    """Refuse to make a share smaller than it is.

    :param used: bytes it uses
    :param size: GiB it would have
    :raises DataLoss: they do not fit
    """
    if used > size << 30:
        message = f'{name} uses {used / (1 << 30):.3f} GiB, which do not fit {size} GiB.'
        hint = 'Remove files, or choose a larger size.'
        raise DataLoss(message, findings=[Finding('data_does_not_fit', message, hint)])


@dataclasses.dataclass(frozen=True)
class Task:
    """One share with its snapshots: from where it is copied to where.

    :param source: reaches the source's pool
    :param side: names the share server there, for the agent
    :param origin: the same as a place
    :param place: where the share lies there
    :param migration: gets the copy
    :param name: of the share
    :param size: of the share, GiB; 0 if it is not held to one
    :param snapshots: their names, oldest first
    """

    source: Transport
    side: dict[str, str]
    origin: pool.Server
    place: pathlib.Path
    migration: pool.Migration
    name: str
    size: int
    snapshots: list[str]

    @property
    def target(self) -> pathlib.Path:
        """Where the copy of the share has to be in the end."""
        return self.migration.copy_of_share(self.name)

    def original(self, number: int) -> pathlib.Path:
        """A snapshot at the source."""
        return self.origin.snapshot(self.name, self.snapshots[number])

    def copy(self, number: int) -> pathlib.Path:
        """The copy of a snapshot."""
        return self.migration.copies_of_snapshots(self.name) / self.snapshots[number]


@dataclasses.dataclass
class Trees:
    """A tree at the source that does not change, and a copy of it that has to be equal.

    :param look: waits until the source was looked at; returns its manifest, and the paths whose
        content has to be compared
    :param large: files that are compared in pieces, of which some have to do
    """

    source: str
    copy: str
    look: Callable[[], tuple[Manifest, set[str]]]
    large: tuple[str, ...] = ()


@dataclasses.dataclass
class Pass:
    """One time of making the copy of a share like the share.

    :param since: what the next pass has to know of this one; plain data
    :param size: bytes it copied
    :param seconds: how long it took
    :param look: how long the last pass will look at trees, None if that is not known here
    :param trees: what there is to compare, None if clients change it
    """

    since: Any
    size: int
    seconds: float
    look: float | None
    trees: Trees | None = None


@dataclasses.dataclass
class Measured:
    """What there is of a share server.

    :param used: bytes that have to be copied
    :param files: entries of all kinds, 0 if the storage does not count them
    :param shares: bytes used by share name, of those that nothing holds to their size
    :param snapshots: how many there are
    :param uncopyable: entries this process can't read or make, ``first_uncopyable`` is one
    :param foreign: entries that belong to another user than this process
    :param nested: names of subvolumes inside of shares, which would not be copied
    """

    used: int
    files: int = 0
    shares: dict[str, int] = dataclasses.field(default_factory=dict)
    snapshots: int = 0
    uncopyable: int = 0
    first_uncopyable: str = ''
    foreign: int = 0
    nested: list[str] = dataclasses.field(default_factory=list)


class Storage(abc.ABC):
    """Storage of one pool; it must exist.

    :param quotas: hold shares to their sizes, where the storage can
    """

    program: ClassVar[str]
    """What copies; has to be installed."""

    atomic_snapshots: ClassVar[bool] = False
    """A snapshot is of one moment, whatever clients do."""

    moves_servers: ClassVar[bool] = False
    """A server is copied as a whole, with what the handles of its files depend on."""

    opening: ClassVar[float] = 0.3
    """Seconds of a cut-over in which nothing is copied."""

    lineage: ClassVar[bool] = False
    """A file has the same inode number in all snapshots of a share."""

    def __init__(self, place: pool.Pool, commands: Commands, *, quotas: bool = True) -> None:
        self.pool = place
        self.commands = commands
        self.quotas = quotas

    @functools.cached_property
    def abilities(self) -> Abilities:
        """What can be kept in this pool; found out when it is needed first."""
        return probe(self.pool.private)

    def prepare(self) -> None:
        """See to it that the pool can be used; called before anything is written to it.

        :raises ValueError: it can't; says why
        """

    # Servers

    def make(self, server: pool.Server, size: int) -> None:
        """Make what the shares of a server will lie in; it is open then.

        :param size: GiB that they may have together, where that matters
        """
        server.prepare()

    def is_open(self, server: pool.Server) -> bool:
        """Whether shares of a server can be reached on this host."""
        return True

    def open(self, server: pool.Server) -> None:
        """See to it that shares of a server can be reached on this host."""
        server.prepare()

    def close(self, server: pool.Server, timeout: float = 0) -> dict[str, str]:
        """Undo :meth:`open`, when nothing serves shares of the server any more.

        :param timeout: seconds to wait for who uses them
        :returns: where what is copied lies now, by name, if it is not where it was
        :raises DriverRefused: somebody uses them
        """
        return {}

    def admit(self, server: pool.Server, name: str, size: int) -> None:
        """Nothing, if a share can have a size in GiB, beside the others of its server.

        :raises DriverRefused: it can't
        """

    # Shares

    @abc.abstractmethod
    def create(self, path: pathlib.Path, size: int) -> None:
        """Make an empty share of a size in GiB; one that is there stays."""

    @abc.abstractmethod
    def delete(self, path: pathlib.Path) -> None:
        """Remove a tree with all shares and snapshots in it; one that is gone is no error."""

    @abc.abstractmethod
    def snapshot(self, source: pathlib.Path, target: pathlib.Path) -> None:
        """Make a snapshot of a share; one that is there stays."""

    @abc.abstractmethod
    def clone(self, source: pathlib.Path, target: pathlib.Path, size: int) -> None:
        """Make a share of a size in GiB from a snapshot; one that is there stays."""

    @abc.abstractmethod
    def resize(self, path: pathlib.Path, old: int, new: int) -> None:
        """Hold a share to another size, where shares are held to sizes; both are GiB.

        :raises DataLoss: the new size is smaller than what the share uses; the old one holds
        """

    # As the destination of a migration

    def units(self, shares: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is copied each by itself: ``id``, ``share_id``, ``name`` and ``size``."""
        return shares

    def place(self, server: pool.Server, name: str) -> pathlib.Path:
        """Where one of :meth:`units` lies at the source, open."""
        return server.share(name)

    def trees(self, server: pool.Server, shares: Mapping[str, Any]) -> Paths:
        """What there is of a server at the source.

        :param shares: as :func:`ssm.drivers.linux.agent.describe` says
        """
        return {
            str(server.share(name)): [str(server.snapshot(name, s)) for s in share['snapshots']]
            for name, share in shares.items()
        }

    def arrive(self, migration: pool.Migration, server: pool.Server) -> None:
        """Make a server what its shares can be served from; may be repeated."""
        server.prepare()

    def install(
        self, migration: pool.Migration, server: pool.Server, shares: list[str], snapshots: set[str]
    ) -> None:
        """Give the copies of shares and snapshots their places in a server; may be repeated.

        :param snapshots: names of shares that have some
        """
        # whole directories of them, because a read-only subvolume can't be moved to another one
        for name in sorted(snapshots):
            pool.move(migration.copies_of_snapshots(name), server.snapshots / pool.component(name))
        for name in shares:
            pool.move(migration.copy_of_share(name), server.share(name))

    @abc.abstractmethod
    def look(self, transport: Transport, trees: Paths, timeout: float) -> Measured:
        """How much there is of a share server at the source; changes nothing.

        :param trees: shares, and their snapshots
        :param timeout: seconds
        :raises TimeoutError: it takes longer
        """

    @abc.abstractmethod
    def measure(self, task: Task) -> list[int]:
        """Bytes to be copied of each snapshot, then of the share."""

    @abc.abstractmethod
    def copy_snapshot(
        self, task: Task, number: int, *, checksum: bool = False, report: Report
    ) -> None:
        """Copy a snapshot whose predecessors are copied; one that is there is made equal.

        :param checksum: compare the content of all files
        """

    @abc.abstractmethod
    def copy_share(
        self,
        task: Task,
        path: pathlib.Path,
        *,
        since: Any,
        checksum: bool = False,
        strict: bool = False,
        report: Report | None = None,
    ) -> Pass:
        """Make the copy of a share like the share.

        :param path: where the share lies
        :param since: the same of the pass before, None if there was none
        :param checksum: compare the content of all files, or give trees to compare
        :param strict: nobody writes to the source: nothing may go wrong, ``task.target`` is as it
            has to be, and there are trees to compare
        """

    def make_room(self, migration: pool.Migration) -> None:
        """Remove what arrived only in part, because the pool is full."""

    def forget(self, source: Transport, side: dict[str, str], migration: str) -> None:
        """Remove what copying left in the source's pool."""
