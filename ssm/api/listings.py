# SPDX-License-Identifier: Apache-2.0

"""Queries of lists that are filtered, sorted and cut by the database (rest-api 1.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ssm.api import params
from ssm.api.request import Request
from ssm.common import exceptions
from ssm.resources.listing import Listing


def _text(value: str, _name: str) -> str:
    return value


class Filter(NamedTuple):
    """A filter that a list knows.

    :param since: first microversion; below, the filter is dropped
    :param parse: makes what is meant of the text and the filter's name
    """

    since: tuple[int, int] = (2, 0)
    parse: Callable[[str, str], Any] = _text


def read(
    req: Request,
    known: Mapping[str, Filter],
    *,
    all_projects: bool,
    detail: bool,
    always_cut: bool = True,
    counted_since: tuple[int, int] = (2, 42),
) -> Listing:
    """What a request for a list asks for; filters that are not known are dropped.

    :param all_projects: whether the caller may ask for all projects
    :param always_cut: whether there is a page also without ``limit``
    :raises Invalid: a value is none of its kind
    """
    query = req.filters
    whole = params.all_tenants(query, allowed=all_projects)
    is_page = always_cut or 'limit' in query
    limit, offset = params.page(query)
    direction = query.pop('sort_dir', 'desc')
    if direction not in ('asc', 'desc'):
        raise exceptions.Invalid(reason='sort_dir has to be asc or desc.')
    with_count = params.boolean(query.pop('with_count', 'false'), 'with_count')
    return Listing(
        filters={
            name: wanted.parse(query[name], name)
            for name, wanted in known.items()
            if name in query and wanted.since <= req.version
        },
        project_id=None if whole else req.context.project_id,
        detail=detail,
        sort_key=query.pop('sort_key', 'created_at'),
        descending=direction == 'desc',
        limit=limit if is_page else None,
        offset=offset if is_page else None,
        with_count=with_count and req.version >= counted_since,
    )


def is_full(req: Request, wanted: Listing, found: int) -> bool:
    """Whether there may be a next page of a list whose ``limit`` was given."""
    return 'limit' in req.filters and found > 0 and found == wanted.limit
