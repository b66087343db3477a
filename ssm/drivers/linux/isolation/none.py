# SPDX-License-Identifier: Apache-2.0

"""No separation: addresses are recorded with the server and used by nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ssm.drivers.linux.isolation.base import Isolation


class NoIsolation(Isolation):
    """For exports that need no network."""

    def plan(self, network_info: Sequence[Mapping[str, Any]], bridge: str | None) -> dict[str, Any]:
        return {}
