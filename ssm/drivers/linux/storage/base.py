# SPDX-License-Identifier: Apache-2.0

"""What shares and snapshots are on the storage, and how they are copied into a pool."""

from __future__ import annotations

import abc
import dataclasses
import functools
import pathlib

from ssm.drivers.linux import pool
from ssm.drivers.linux.abilities import Abilities, probe
from ssm.drivers.linux.command import Commands
from ssm.drivers.linux.rsync import Report
from ssm.drivers.linux.transport.base import Transport
from ssm.drivers.linux.tree import Manifest


@dataclasses.dataclass
class Pass:
    """One time of making the copy of a share like the share.

    :param since: clock of the source when it began; the next pass looks closer at later changes
    :param size: bytes it copied
    :param seconds: how long it took
    :param look: how long it took to look at the source
    :param suspects: files whose content the last pass has to prove
    :param manifest: of the source, if it was asked to be strict
    """

    since: float
    size: int
    seconds: float
    look: float
    suspects: set[str]
    manifest: Manifest | None = None


class Storage(abc.ABC):
    """Storage of one pool; it must exist."""

    def __init__(self, place: pool.Pool, commands: Commands) -> None:
        self.pool = place
        self.commands = commands

    @functools.cached_property
    def abilities(self) -> Abilities:
        """What can be kept in this pool; found out when it is needed first."""
        return probe(self.pool.private)

    @abc.abstractmethod
    def create(self, path: pathlib.Path) -> None:
        """Make an empty share; one that is there stays."""

    @abc.abstractmethod
    def delete(self, path: pathlib.Path) -> None:
        """Remove a tree with all shares and snapshots in it; one that is gone is no error."""

    @abc.abstractmethod
    def snapshot(self, source: pathlib.Path, target: pathlib.Path) -> None:
        """Make a snapshot of a share; one that is there stays."""

    @abc.abstractmethod
    def clone(self, source: pathlib.Path, target: pathlib.Path) -> None:
        """Make a share from a snapshot; one that is there stays."""

    @abc.abstractmethod
    def copy_snapshot(
        self,
        transport: Transport,
        source: pathlib.Path,
        target: pathlib.Path,
        *,
        previous: pathlib.Path | None,
        checksum: bool = False,
        report: Report,
    ) -> None:
        """Copy a snapshot of the source into this pool; one that is there is made equal.

        :param previous: the copy of the snapshot before it
        :param checksum: compare the content of all files
        """

    @abc.abstractmethod
    def copy_share(
        self,
        transport: Transport,
        source: pathlib.Path,
        target: pathlib.Path,
        *,
        since: float | None,
        checksum: bool = False,
        strict: bool = False,
        report: Report | None = None,
    ) -> Pass:
        """Make the copy of a share like the share.

        :param since: the same of the pass before, None if there was none
        :param checksum: compare the content of all files
        :param strict: nobody writes to the source: nothing may go wrong, a manifest is made
        """
