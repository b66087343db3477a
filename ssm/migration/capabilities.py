# SPDX-License-Identifier: Apache-2.0

"""What was asked, what the driver offers, and whether the two fit (contract 5.4, 5.7).

Pure: the same functions decide in check, at start, and once more before the copy begins.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

from ssm.common.findings import Finding

SHOWN = (
    'writable',
    'nondisruptive',
    'preserve_snapshots',
    'migration_cancel',
    'migration_get_progress',
)
"""Capabilities shown to the caller; anything else of a driver's answer is dropped."""


class Mode(enum.StrEnum):
    """How the server gets to its new back end; decided once, kept in the row (contract 5.7)."""

    NEW_SERVER = 'new_server'
    """A new server with new addresses takes the shares over; the old one is deleted."""
    SAME_ADDRESS = 'same_address'
    """A new server takes the shares over with the addresses of the old one (decision 6)."""
    MOVED = 'moved'
    """The server itself moves and keeps its addresses."""
    MOVED_NEW_NETWORK = 'moved_new_network'
    """The server itself moves and gets new addresses."""


MOVES = frozenset({Mode.MOVED, Mode.MOVED_NEW_NETWORK})
"""Modes without a new server on the storage; the driver offered ``nondisruptive``."""

KEEPS_ADDRESSES = frozenset({Mode.MOVED, Mode.SAME_ADDRESS})
"""Modes in which addresses of the source become those of the destination."""


@dataclasses.dataclass(frozen=True)
class Requested:
    """The three demands; False means that the driver decides."""

    writable: bool
    nondisruptive: bool
    preserve_snapshots: bool


@dataclasses.dataclass(frozen=True)
class _Rule:
    """Refuse when the demand holds and the driver lacks the capability."""

    capability: str
    code: str
    message: str
    hint: str


_DEMANDS = (
    _Rule(
        'nondisruptive',
        'nondisruptive_unsupported',
        'The destination can not move the server without disrupting its clients.',
        'Start with nondisruptive False and choose the moment of the cut-over by complete.',
    ),
    _Rule(
        'writable',
        'writable_unsupported',
        'The destination can not keep the shares writable while they are copied.',
        'Start with writable False; access rules are read-only during the first phase then.',
    ),
    _Rule(
        'preserve_snapshots',
        'preserve_snapshots_unsupported',
        'The destination can not preserve snapshots.',
        'Start with preserve_snapshots False after the snapshots were removed.',
    ),
)


def judge(requested: Requested, offered: Mapping[str, Any], *, snapshots: int) -> list[Finding]:
    """Why the driver's offer does not fit the request; empty if it does (contract 5.4).

    :param offered: the driver's answer, a missing key counts as false
    :param snapshots: how many snapshots the server has
    """
    reasons = []
    if not offered.get('compatible'):
        reasons.append(
            Finding(
                'incompatible_back_ends',
                'The destination can not take this share server.',
                'See the other reasons, or choose another destination.',
            )
        )
        return reasons
    for rule in _DEMANDS:
        if getattr(requested, rule.capability) and not offered.get(rule.capability):
            reasons.append(Finding(rule.code, rule.message, rule.hint))
    if snapshots and not offered.get('preserve_snapshots') and not requested.preserve_snapshots:
        reasons.append(
            Finding(
                'snapshots_would_be_lost',
                f'The server has {snapshots} snapshots which the destination can not preserve.',
                'Remove the snapshots, or choose another destination.',
            )
        )
    return reasons


def shown(offered: Mapping[str, Any] | None, *, network_changes: bool) -> dict[str, bool | None]:
    """The capabilities as the answer of check has them: booleans, or None where unknown.

    :param offered: the driver's answer, None if there was none
    :param network_changes: a server with new addresses is never shown as nondisruptive
    """
    values: dict[str, bool | None] = {}
    for name in SHOWN:
        value = (offered or {}).get(name)
        values[name] = None if value is None else bool(value)
    if network_changes and values['nondisruptive']:
        values['nondisruptive'] = False
    return values


def mode(offered: Mapping[str, Any], *, network_changes: bool, same_subnets: bool) -> Mode:
    """The way a server moves: the driver decides, even if nobody asked (contract 5.4).

    :param same_subnets: addresses of the source are good for the destination
    """
    if not offered.get('nondisruptive'):
        keeps = offered.get('keeps_addresses') and same_subnets
        return Mode.SAME_ADDRESS if keeps else Mode.NEW_SERVER
    return Mode.MOVED_NEW_NETWORK if network_changes else Mode.MOVED


def fits(offered: Mapping[str, Any], mode: str | None) -> bool:
    """Whether a driver's offer is still good for the way a server was to move."""
    if mode == Mode.SAME_ADDRESS and not offered.get('keeps_addresses'):
        return False
    return bool(offered.get('nondisruptive')) == (mode in MOVES)


def network_changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two lists of subnets differ for clients (contract 5.7).

    They agree when they pair up by ``neutron_net_id`` and ``neutron_subnet_id``.
    """

    def key(subnet: Mapping[str, Any]) -> tuple:
        return (subnet['neutron_net_id'], subnet['neutron_subnet_id'])

    if len(old) != len(new):
        return True
    partners = {key(subnet) for subnet in new}
    return any(key(subnet) not in partners for subnet in old)
