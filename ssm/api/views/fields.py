# SPDX-License-Identifier: Apache-2.0

"""Views as tables: which key an answer has at which microversion, and where its value is from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Field(NamedTuple):
    """One key of a view.

    :param name: the key
    :param value: finds the value in the row
    :param since: first microversion that has it
    :param until: last one, None is open
    """

    name: str
    value: Callable[[Any], Any]
    since: tuple[int, int] = (2, 0)
    until: tuple[int, int] | None = None


def render(fields: Iterable[Field], version: tuple[int, int], row: Any) -> dict[str, Any]:
    """The view of a row at a microversion."""
    return {
        field.name: field.value(row)
        for field in fields
        if field.since <= version and (field.until is None or version <= field.until)
    }
