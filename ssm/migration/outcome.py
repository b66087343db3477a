# SPDX-License-Identifier: Apache-2.0

"""How a step ends: it is over, or has to be run again."""

from __future__ import annotations

import dataclasses
from typing import Any

from ssm.migration.run import Write


@dataclasses.dataclass
class Done:
    """The step is over.

    :param result: JSON for later steps, kept in the journal
    :param write: rows that change in the same transaction
    :param values: columns of the migration
    """

    result: Any = None
    write: Write | None = None
    values: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Again:
    """The step has to be run again.

    :param seconds: the pause until then
    :param waiting: what it waits for, a sentence
    :param values: columns of the migration to be written now
    """

    seconds: float
    waiting: str | None = None
    values: dict[str, Any] = dataclasses.field(default_factory=dict)


Outcome = Done | Again
