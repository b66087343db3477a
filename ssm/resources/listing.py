# SPDX-License-Identifier: Apache-2.0

"""What a list is to hold, in which order, and which part of it (rest-api 1.8)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ssm.common import exceptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """One question for a list.

    :param filters: values by the names that the resource's table of filters knows
    :param project_id: only what belongs to it, None is every project
    :param or_public: also what is public in other projects
    :param detail: whether more than ids and names is wanted
    :param limit: items at most, None is no limit
    :param with_count: whether to count what there is without limit and offset
    """

    filters: Mapping[str, Any]
    project_id: str | None = None
    or_public: bool = False
    detail: bool = True
    sort_key: str = 'created_at'
    descending: bool = True
    limit: int | None = None
    offset: int | None = None
    with_count: bool = False


def sort_column(found: sa.ColumnElement[Any] | None, key: str) -> sa.ColumnElement[Any]:
    """The column to sort by.

    :raises Invalid: there is none of that name
    """
    if found is None:
        raise exceptions.Invalid(reason=f'sort_key: lists are not sorted by {key!r}.')
    return found
