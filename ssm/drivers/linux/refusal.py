# SPDX-License-Identifier: Apache-2.0

"""A refusal with its reason as data, in one expression."""

from __future__ import annotations

import os
import re

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding

_GIB = 1 << 30

_FULL = re.compile(r'No space left on device|Disk quota exceeded')


def refusal(code: str, message: str, hint: str = '') -> DriverRefused:
    """A :class:`DriverRefused` to raise, whose one finding says the same."""
    return DriverRefused(message, findings=[Finding(code=code, message=message, hint=hint)])


def says_full(errors: str) -> str | None:
    """What a program wrote to stderr about the lack of space, None if it is not about that."""
    found = _FULL.search(errors)
    return found[0].lower() if found else None


def disk_full(pool: str, what: str) -> DriverRefused:
    """The refusal of a step that ran out of space, with the figures of now."""
    space = os.statvfs(pool)
    inodes = f' and {space.f_favail} of {space.f_files} inodes' if space.f_files else ''
    return refusal(
        'destination_full',
        f'The destination {pool} is full ({what}): '
        f'{space.f_bavail * space.f_frsize / _GIB:.2f} of '
        f'{space.f_blocks * space.f_frsize / _GIB:.2f} GiB{inodes} are free.',
        'Free space on the destination or choose another host, then start again.',
    )
