# SPDX-License-Identifier: Apache-2.0

"""Values of requests and answers, the same for all resources (rest-api 1.8, 1.12)."""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
from oslo_config import cfg
from oslo_utils import strutils

from ssm.common import exceptions

_LARGEST = 2**31 - 1
_INTEGER = re.compile(r'[+-]?[0-9]{1,20}')
_MOST = 100
"""Entries of a dictionary in a query: each one is a condition of the statement."""
_SHOWN = 100
"""Characters of a bad value that a message repeats."""


def timestamp(value: datetime.datetime | None) -> str | None:
    """A time as all answers write it: UTC without a zone, always six fractional digits."""
    return value.strftime('%Y-%m-%dT%H:%M:%S.%f') if value else None


def boolean(value: object, name: str) -> bool:
    """A boolean as clients write it: JSON's, or ``true/1/on/yes/y/t`` and their opposites.

    :raises Invalid: it is none
    """
    try:
        if isinstance(value, bool | str):
            return strutils.bool_from_string(value, strict=True)
    except ValueError:
        pass
    raise exceptions.Invalid(reason=f'{name} is not a boolean.')


def integer(value: str, name: str, *, minimum: int = 0) -> int:
    """An integer in a query.

    :raises Invalid: it is none, is below the minimum, or does not fit 31 bits
    """
    # int() alone would take underscores, blanks and foreign digits for good.
    number = int(value) if _INTEGER.fullmatch(value) else minimum - 1
    if not minimum <= number <= _LARGEST:
        raise exceptions.Invalid(reason=f'{name} is not an integer of at least {minimum}.')
    return number


def dictionary(text: str, name: str) -> dict[str, str]:
    """A dictionary in a query, written as in Python: ``{'k': 'v'}`` (rest-api 1.8).

    :raises Invalid: it is none, or values are more than plain ones
    """
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    plain = isinstance(found, dict) and all(
        isinstance(item, str | bool | int) for pair in found.items() for item in pair
    )
    if not plain:
        raise exceptions.Invalid(reason=f'{name} is not a dictionary of strings.')
    if len(found) > _MOST:
        raise exceptions.Invalid(reason=f'{name} has more than {_MOST} entries.')
    return {str(key): str(value) for key, value in found.items()}


def page(filters: dict[str, str]) -> tuple[int, int]:
    """Take paging out of the filters: limit and offset.

    The limit is capped by ``osapi_max_limit``; none, or 0, is the cap. ``marker`` is accepted and
    ignored.

    :raises Invalid: one of them is no integer, or negative
    """
    cap = cfg.CONF.osapi_max_limit
    limit = integer(filters.pop('limit', '0'), 'limit')
    offset = integer(filters.pop('offset', '0'), 'offset')
    filters.pop('marker', None)
    return min(limit or cap, cap), offset


def all_tenants(filters: dict[str, str], *, allowed: bool) -> bool:
    """Take ``all_tenants`` out of the filters; present and empty means yes.

    :param allowed: whether the caller may ask for it; others are silently refused
    :raises Invalid: it is not a boolean
    """
    return boolean(filters.pop('all_tenants', 'false') or 'true', 'all_tenants') and allowed


def validator(schema: Mapping[str, Any]) -> Callable[[object], None]:
    """A check against a schema, compiled once.

    The check raises Invalid with the first thing that is wrong, and where.
    """
    jsonschema.Draft202012Validator.check_schema(schema)
    compiled = jsonschema.Draft202012Validator(schema)

    def check(value: object) -> None:
        error = jsonschema.exceptions.best_match(compiled.iter_errors(value))
        if error is not None:
            place = '.'.join(str(part) for part in error.absolute_path)
            reason = _shortened(error.message, repr(error.instance))
            raise exceptions.Invalid(reason=f'{place}: {reason}' if place else reason)

    return check


def _shortened(text: str, value: str) -> str:
    """The text with the value in it cut, so that what is said about it is not lost behind it."""
    return text.replace(value, f'{value[:_SHOWN]}…') if len(value) > _SHOWN else text


TEXT = {'type': ['string', 'null'], 'maxLength': 255}
"""Schema of a name or a description."""
