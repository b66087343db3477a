# SPDX-License-Identifier: Apache-2.0

"""Bodies and queries about snapshots."""

from __future__ import annotations

from collections.abc import Mapping

from ssm.api import params
from ssm.api.listings import Filter
from ssm.common import exceptions
from ssm.resources import snapshots

_NAMES = {
    'name': params.TEXT,
    'display_name': params.TEXT,
    'description': params.TEXT,
    'display_description': params.TEXT,
}

check_names = params.validator({'type': 'object', 'properties': _NAMES})
check_share = params.validator(
    {
        'type': 'object',
        'properties': {'share_id': {'type': 'string', 'maxLength': 255}},
        'required': ['share_id'],
    }
)
check_status = params.validator(
    {
        'type': 'object',
        'properties': {'status': {'enum': sorted(snapshots.RESETTABLE)}},
        'required': ['status'],
    }
)


def _usage(value: str, name: str) -> str:
    if value not in ('any', 'used', 'unused'):
        raise exceptions.Invalid(reason=f'{name} has to be any, used or unused.')
    return value


def _size(value: str, name: str) -> int:
    return params.integer(value, name)


FILTERS: Mapping[str, Filter] = {
    'name': Filter(),
    'status': Filter(),
    'share_id': Filter(),
    'size': Filter(parse=_size),
    'project_id': Filter(),
    'usage': Filter(parse=_usage),
    'name~': Filter(since=(2, 36)),
    'description~': Filter(since=(2, 36)),
    'description': Filter(since=(2, 36)),
}
FOR_ADMINISTRATORS = frozenset({'project_id', 'usage'})
"""Filters that are dropped for others."""
