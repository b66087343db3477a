# SPDX-License-Identifier: Apache-2.0

"""Reasons as data: what a check, a failure or a wait has to say.

A finding is never only text. Its code is stable (never changed, never reused), so that a
script may act on it; the sentence says what was found, the hint what to do about it.
"""

import dataclasses
import enum
from collections.abc import Iterable
from typing import Any


class Severity(enum.StrEnum):
    """How much a finding weighs."""

    ERROR = 'error'
    """Nothing is done as long as this holds."""
    WARNING = 'warning'
    """The work goes on; the administrator should know."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One reason.

    :param code: stable identifier, lower-case words joined by underscores
    :param message: a sentence with the figures that matter
    :param hint: what the administrator can do about it
    :param severity: error refuses, warning informs
    :param object_type: noun of the API, e.g. ``share``, ``share_server``
    :param object_id: id of that object, None if there is none
    """

    code: str
    message: str
    hint: str = ''
    severity: Severity = Severity.ERROR
    object_type: str | None = None
    object_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON object with all fields, as it goes into rows, messages and answers."""
        return dataclasses.asdict(self) | {'severity': str(self.severity)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> 'Finding':
        """The reverse of :meth:`to_dict`."""
        return cls(**(data | {'severity': Severity(data['severity'])}))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that refuse."""
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def sentence(findings: Iterable[Finding]) -> str:
    """All messages and hints as one line of text."""
    return ' '.join(f'{f.message} {f.hint}'.strip() for f in findings)
