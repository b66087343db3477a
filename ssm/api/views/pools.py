# SPDX-License-Identifier: Apache-2.0

"""Pools as answers show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_SUMMARY = ('name', 'host', 'backend', 'pool')


def several(pools: Iterable[dict[str, Any]], *, detail: bool) -> dict[str, Any]:
    """A list of pools; capabilities only in detail."""
    names = (*_SUMMARY, 'capabilities') if detail else _SUMMARY
    return {'pools': [{name: pool[name] for name in names} for pool in pools]}
