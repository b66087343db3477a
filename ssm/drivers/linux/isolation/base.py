# SPDX-License-Identifier: Apache-2.0

"""What separates share servers from each other on the network."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ssm.drivers.linux import pool


class Isolation(abc.ABC):
    """Gives one share server its addresses, as the record in its place says.

    All methods may be repeated.
    """

    def __init__(self, server: pool.Server) -> None:
        self.server = server

    @classmethod
    def unusable(cls, bridge: str | None) -> str | None:  # noqa: ARG003
        """Why this part can't be used on this host, None if it can.

        :param bridge: the option ``linux_bridge``
        """
        return None

    def admit(self, networks: Iterable[Mapping[str, Any]], bridge: str | None) -> None:
        """Nothing, if a server can have some networks here; :meth:`plan` finds the same.

        :param networks: subnets, or addresses in them: both say what kind of network it is
        :raises DriverRefused: it can't
        """

    @abc.abstractmethod
    def plan(self, network_info: Sequence[Mapping[str, Any]], bridge: str | None) -> dict[str, Any]:
        """What the server's record has to hold for :meth:`up`; changes nothing.

        :param network_info: one entry per subnet (contract 5.6)
        :raises DriverRefused: a server can't have that network here
        """

    def check(self) -> None:
        """Nothing, if the server's record has what :meth:`up` needs.

        :raises DriverRefused: it has not
        """

    def details(self) -> dict[str, str]:
        """Back end details, for operators."""
        return {}

    def make(self) -> None:
        """Make what daemons of the server need to start; nobody has to reach them yet.

        :raises DriverRefused: not possible on this host
        """

    def up(self) -> None:
        """Make the addresses of the record usable, and no others; does what :meth:`make` does.

        :raises DriverRefused: not possible on this host
        """

    def down(self) -> None:
        """Cut the server off: clients wait, whatever still serves behind."""

    def remove(self) -> None:
        """Undo :meth:`make` and :meth:`up`, also half done, also without a record."""
