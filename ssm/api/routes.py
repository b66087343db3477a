# SPDX-License-Identifier: Apache-2.0

"""The API on one screen: which request is answered by which handler.

Paths are written without ``/v2`` and without the project. Rows that differ in the action only
share a path; the body's one key chooses among them. ``while_migrating`` says what a request that
changes something gets while the share server it concerns is being migrated: a status, or
``ALLOWED`` (decision 11; rest-api 4.1.9, contract 3.6).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, Final

from ssm.api import versions

ALLOWED: Final = 'allowed'


@dataclasses.dataclass(frozen=True)
class Route:
    """One row.

    :param success: status of the answer
    :param since: first microversion that has it
    :param until: last one, None is open
    :param experimental: whether the experimental header is needed
    :param action: key of the body, for ``…/action``
    :param while_migrating: see above; None only where nothing is changed
    """

    method: str
    path: str
    handler: Callable[..., dict[str, Any] | None]
    success: int = 200
    since: tuple[int, int] = (2, 0)
    until: tuple[int, int] | None = None
    experimental: bool = False
    action: str | None = None
    while_migrating: int | str | None = None

    @functools.cached_property
    def segments(self) -> Sequence[str]:
        """The path in its parts."""
        return self.path.split('/')[1:]

    def variables(self, segments: Sequence[str]) -> dict[str, str]:
        """Values of the variable parts in a path that has this form."""
        return {
            name[1:-1]: value
            for name, value in zip(self.segments, segments, strict=True)
            if name.startswith('{')
        }

    def offered(self, version: tuple[int, int], experimental: bool) -> bool:
        """Whether a request of this microversion may use it."""
        return (
            self.since <= version
            and (self.until is None or version <= self.until)
            and (experimental or not self.experimental)
        )


_VERSIONS = (Route('GET', '/', versions.document),)

ROUTES: Sequence[Route] = (*_VERSIONS,)
