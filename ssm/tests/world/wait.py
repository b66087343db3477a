# SPDX-License-Identifier: Apache-2.0

"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ssm.tests.world.servers import Failed

T = TypeVar('T')


def until(condition: Callable[[], T], what: str, seconds: float = 90, pause: float = 0.05) -> T:
    """What a function returns, once that is true.

    :param what: what is waited for, for the reader of a failure
    :raises Failed: it was not true within ``seconds``
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise Failed(f'Waited {seconds:g} s in vain for {what}; last seen: {found!r}')
        time.sleep(pause)
    return found
