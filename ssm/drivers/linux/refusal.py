# SPDX-License-Identifier: Apache-2.0

"""A refusal with its reason as data, in one expression."""

from __future__ import annotations

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding


def refusal(code: str, message: str, hint: str = '') -> DriverRefused:
    """A :class:`DriverRefused` to raise, whose one finding says the same."""
    return DriverRefused(message, findings=[Finding(code=code, message=message, hint=hint)])
