# SPDX-License-Identifier: Apache-2.0

"""Which extra specs a share type may have (rest-api 4.5). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from oslo_utils import strutils

from ssm.common import exceptions

REQUIRED = 'driver_handles_share_servers'
SNAPSHOT_SUPPORT = 'snapshot_support'

INFERRED = (
    SNAPSHOT_SUPPORT,
    'create_share_from_snapshot_support',
    'revert_to_snapshot_support',
    'mount_snapshot_support',
)
"""Booleans that users see as false where they are not set."""

_SIZES = (
    'provisioning:max_share_size',
    'provisioning:min_share_size',
    'provisioning:max_share_extend_size',
)

TENANT_VISIBLE = frozenset(
    {
        REQUIRED,
        *INFERRED,
        *_SIZES,
        'replication_type',
        'mount_point_name_support',
        'snapshot_inherit_share_access_support',
        'availability_zones',
        'encryption_support',
        'provisioning:mount_point_prefix',
        'default_qos_type',
    }
)
"""What callers see who are no administrators."""

_KEY = re.compile(r'[\w.\-:]{1,255}')
_LONGEST = 255
_IS = '<is> '


def _boolean(value: str) -> bool:
    try:
        strutils.bool_from_string(value, strict=True)
    except ValueError:
        return False
    return True


def _zones(value: str) -> bool:
    return all(zone.strip() for zone in value.split(','))


def _size(value: str) -> bool:
    return value.isascii() and value.isdecimal() and int(value) >= 1


_STANDARD: dict[str, Callable[[str], bool]] = {
    REQUIRED: _boolean,
    **dict.fromkeys(
        (*INFERRED, 'snapshot_inherit_share_access_support', 'mount_point_name_support'),
        lambda value: _boolean(value.removeprefix(_IS)),
    ),
    **dict.fromkeys(_SIZES, _size),
    'replication_type': lambda value: value in ('writable', 'readable', 'dr'),
    'encryption_support': lambda value: value in ('share', 'share_server'),
    'availability_zones': _zones,
}
"""Whether a value will do, by spec; all others may have any."""


def valid(given: object) -> dict[str, str]:
    """Specs as they are stored: strings, zones without blanks.

    :raises Invalid: this is no object, a key or value is not of the allowed form, or the value
        of a standard spec has no meaning
    """
    if not isinstance(given, Mapping):
        raise exceptions.Invalid(reason='extra_specs is not an object.')
    return {key: _value(key, value) for key, value in given.items()}


def _value(key: str, given: Any) -> str:
    if not _KEY.fullmatch(key):
        raise exceptions.Invalid(
            reason=f'Extra spec key {key[:_LONGEST]!r}: 1 to 255 letters, digits or _ - . : only.'
        )
    if not isinstance(given, str | bool | int | float):
        raise exceptions.Invalid(reason=f'Extra spec {key}: the value is no string.')
    value = str(given)
    if not 1 <= len(value) <= _LONGEST:
        raise exceptions.Invalid(reason=f'Extra spec {key}: a value has 1 to 255 characters.')
    if key in _STANDARD and not _STANDARD[key](value):
        raise exceptions.Invalid(reason=f'Extra spec {key}: {value!r} has no meaning.')
    if key == 'availability_zones':
        value = ','.join(zone.strip() for zone in value.split(','))
    return value


def satisfies(specs: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a type belongs into a list that is filtered by extra specs.

    A type without ``availability_zones`` is for all zones.
    """
    return all(
        _offers_zones(specs.get(key), value)
        if key == 'availability_zones'
        else specs.get(key) == value
        for key, value in wanted.items()
    )


def _offers_zones(spec: str | None, wanted: str) -> bool:
    return spec is None or _zone_set(wanted) <= _zone_set(spec)


def _zone_set(value: str) -> set[str]:
    return {zone.strip() for zone in value.split(',')}
