# SPDX-License-Identifier: Apache-2.0

"""Weighers: which of the pools that passed is best (rest-api 5.1)."""

from __future__ import annotations

from collections.abc import Iterable

from ssm.scheduler import plugins
from ssm.scheduler.weighers.base import Weigher

NAMESPACE = 'ssm.scheduler.weighers'


def load(names: Iterable[str], option: str = 'scheduler_default_weighers') -> tuple[Weigher, ...]:
    """The weighers of these names, in their order.

    :param option: where the names were read, for the error
    :raises ConfigurationError: a name is unknown
    """
    return plugins.load(NAMESPACE, tuple(names), option)
