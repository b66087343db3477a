# SPDX-License-Identifier: Apache-2.0

"""Bodies and queries about access rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ssm.api import params

check_deny = params.validator(
    {
        'type': 'object',
        'properties': {'access_id': {'type': 'string'}},
        'required': ['access_id'],
    }
)


def _text(value: str, _name: str) -> str:
    return value


FILTERS: Mapping[str, Callable[[str, str], object]] = {
    'id': _text,
    'access_type': _text,
    'access_to': _text,
    'access_key': _text,
    'access_level': _text,
    'metadata': params.dictionary,
}
"""Filters of the list by name; each parses its text."""
