# SPDX-License-Identifier: Apache-2.0

"""What separates share servers from each other on the network."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any


class Isolation(abc.ABC):
    """Gives a share server its addresses. All methods may be repeated."""

    @abc.abstractmethod
    def setup(self, server: str, network_info: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Make the addresses of a server usable; returns back end details to keep.

        :param server: name of the server on the storage
        :param network_info: one entry per subnet (contract 5.6)
        """

    @abc.abstractmethod
    def teardown(self, server: str, details: Mapping[str, str]) -> None:
        """Remove what ``setup`` made."""
