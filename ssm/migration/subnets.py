# SPDX-License-Identifier: Apache-2.0

"""Which subnets a server gets at its destination (contract 5.7). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Subnet(Protocol):
    """What the choice looks at."""

    availability_zone_id: str | None


S = TypeVar('S', bound=Subnet)


def for_zone(subnets: Iterable[S], availability_zone_id: str | None) -> list[S]:
    """All subnets of a network in a zone, or else all its default subnets; may be none."""
    every = list(subnets)
    in_zone = [subnet for subnet in every if subnet.availability_zone_id == availability_zone_id]
    return in_zone or [subnet for subnet in every if subnet.availability_zone_id is None]
