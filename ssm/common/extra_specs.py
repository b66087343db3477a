# SPDX-License-Identifier: Apache-2.0

"""Extra specs of a share type against the capabilities of a pool (rest-api 5.2)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from oslo_utils import strutils

BOOLEAN_SPECS = (
    'driver_handles_share_servers',
    'snapshot_support',
    'create_share_from_snapshot_support',
    'revert_to_snapshot_support',
    'mount_snapshot_support',
    'snapshot_inherit_share_access_support',
)

_IS = '<is>'
_OR = '<or>'
_SCOPE = 'capabilities'
_NOT_FOR_POOLS = ('availability_zones', 'capabilities:availability_zones', 'default_qos_type')


def rewrite(
    specs: Mapping[str, str], share_proto: str | None, *, any_backend: bool = False
) -> dict[str, str]:
    """Specs as the capabilities filter takes them.

    :param share_proto: protocol the pool has to serve, unless the specs name one
    :param any_backend: for replicas and clones, which may go to another back end
    """
    rewritten = {
        key: f'{_IS} {value}' if key in BOOLEAN_SPECS and not value.startswith(_IS) else value
        for key, value in specs.items()
    }
    if share_proto:
        rewritten.setdefault('storage_protocol', f'<in> {share_proto}')
    if any_backend:
        rewritten.pop('share_backend_name', None)
    return rewritten


class Unmet(NamedTuple):
    """A spec that a pool does not satisfy; ``offered`` is None where the pool does not say."""

    key: str
    wanted: str
    offered: Any

    def __str__(self) -> str:
        return f'{self.key} {self.wanted!r}'


def unmet(specs: Mapping[str, str], capabilities: Mapping[str, Any]) -> list[Unmet]:
    """The specs a pool does not satisfy; empty if it satisfies all."""
    found = [
        Unmet(key, wanted, _look_up(capabilities, path))
        for key, wanted in specs.items()
        if (path := _path(key))
    ]
    return [item for item in found if not _satisfies(item.offered, item.wanted)]


def matches(capability: Any, spec: str) -> bool:
    """Whether one value of a capability is what a spec asks for; case does not matter."""
    word, _space, wanted = spec.strip().partition(' ')
    if word in _OPERATORS:
        return _OPERATORS[word](str(capability).lower(), wanted.strip().lower())
    if isinstance(capability, bool):
        return _same_boolean(str(capability), spec)
    return str(capability).lower() == spec.strip().lower()


def _path(key: str) -> list[str]:
    """Where to find the capability, empty for specs that pools have nothing to say to."""
    scope, *nested = key.split(':')
    if key in _NOT_FOR_POOLS or (nested and scope != _SCOPE):
        return []
    return nested or [scope]


def _look_up(capabilities: Mapping[str, Any], path: list[str]) -> Any:
    value: Any = capabilities
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _satisfies(capability: Any, spec: str) -> bool:
    """A missing capability satisfies nothing, of several values one is enough."""
    values = capability if isinstance(capability, list | tuple) else [capability]
    return any(matches(value, spec) for value in values if value is not None)


def _same_boolean(capability: str, wanted: str) -> bool:
    try:
        parsed = [strutils.bool_from_string(text, strict=True) for text in (capability, wanted)]
    except ValueError:
        return False
    return parsed[0] == parsed[1]


def _numeric(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def matcher(capability: str, wanted: str) -> bool:
        try:
            return compare(float(capability), float(wanted))
        except ValueError:
            return False

    return matcher


def _one_of(capability: str, wanted: str) -> bool:
    return capability in [choice.strip() for choice in wanted.split(_OR)]


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    _IS: _same_boolean,
    '<in>': lambda capability, wanted: bool(wanted) and wanted in capability,
    _OR: _one_of,
    '=': _numeric(operator.ge),
    '>=': _numeric(operator.ge),
    '<=': _numeric(operator.le),
    '==': _numeric(operator.eq),
    '!=': _numeric(operator.ne),
    's==': operator.eq,
    's!=': operator.ne,
    's<': operator.lt,
    's<=': operator.le,
    's>': operator.gt,
    's>=': operator.ge,
}
"""Each takes capability and wanted value in lower case."""
