# SPDX-License-Identifier: Apache-2.0

"""Pools as the schedulers know them (rest-api 4.15)."""

from __future__ import annotations

import re
from typing import Any

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.resources import share_types
from ssm.rpc.scheduler import SchedulerClient


def find(
    context: RequestContext, filters: dict[str, str], share_type: str | None
) -> list[dict[str, Any]]:
    """Pools with ``name host backend pool capabilities``.

    :param filters: regular expressions by ``name host backend pool``; by any other key there
        are no pools
    :param share_type: id or name; only pools that satisfy its extra specs
    :raises Invalid: a filter is no regular expression, or there is no such share type
    :raises ServiceUnavailable: no scheduler answers
    """
    for key, pattern in filters.items():
        try:
            re.compile(pattern)
        except re.error as error:
            raise exceptions.Invalid(
                reason=f'{key}: {pattern!r} is no regular expression, {error}.'
            ) from error
    specs = None
    if share_type is not None:
        try:
            specs = share_types.specs_of(share_types.get_by_id_or_name(context, share_type))
        except exceptions.NotFound as error:
            raise exceptions.Invalid(reason=f'share_type: {error.message}') from error
    return SchedulerClient().get_pools(context, filters=filters, extra_specs=specs)
