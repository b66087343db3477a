# SPDX-License-Identifier: Apache-2.0

"""Filters and weighers by the names operators write into the configuration."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import stevedore

from ssm.common import exceptions


@functools.lru_cache
def load(namespace: str, names: tuple[str, ...], option: str) -> tuple[Any, ...]:
    """One object per name, in the order of the names.

    :param namespace: entry points, e.g. ``ssm.scheduler.filters``
    :param option: where the names were read, for the error
    :raises ConfigurationError: a name is unknown, or what it stands for can't be imported
    """

    def missing(unknown: Iterable[str]) -> None:
        raise _error(option, f'there is no {", ".join(sorted(unknown))} in {namespace}')

    def failed(_manager: object, entry_point: Any, error: BaseException) -> None:
        raise _error(option, f'{entry_point.name} can not be loaded: {error}') from error

    manager: Any = stevedore.NamedExtensionManager(
        namespace,
        names,
        invoke_on_load=True,
        name_order=True,
        on_missing_entrypoints_callback=missing,
        on_load_failure_callback=failed,
    )
    return tuple(extension.obj for extension in manager)


def _error(option: str, reason: str) -> exceptions.ConfigurationError:
    return exceptions.ConfigurationError(group='DEFAULT', option=option, reason=reason)
