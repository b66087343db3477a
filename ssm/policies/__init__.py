# SPDX-License-Identifier: Apache-2.0

"""Who may do what: rules in code, one module a resource."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from oslo_policy import policy


def list_rules() -> Iterable[policy.RuleDefault]:
    """All rules; every module of this package that has ``RULES`` contributes."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        yield from getattr(importlib.import_module(f'{__name__}.{module.name}'), 'RULES', ())
