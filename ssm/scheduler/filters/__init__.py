# SPDX-License-Identifier: Apache-2.0

"""Filters: which pools may take a share at all (rest-api 5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from ssm.scheduler import plugins
from ssm.scheduler.filters.base import Filter

NAMESPACE = 'ssm.scheduler.filters'


def load(names: Iterable[str], option: str = 'scheduler_default_filters') -> tuple[Filter, ...]:
    """The filters of these names, in their order.

    :param option: where the names were read, for the error
    :raises ConfigurationError: a name is unknown
    """
    return plugins.load(NAMESPACE, tuple(names), option)
