# SPDX-License-Identifier: Apache-2.0

"""How a running migration is followed and shown: pure functions over the API's object."""

from collections.abc import Mapping
from typing import Any

Migration = Mapping[str, Any]

PHASE1_DONE = 'migration_driver_phase1_done'
SUCCESS = 'migration_success'

PATH = (
    'migration_starting',
    'migration_in_progress',
    'migration_driver_starting',
    'migration_driver_in_progress',
    PHASE1_DONE,
    'migration_completing',
    SUCCESS,
)
"""States of a migration that goes well, in their order."""

FAILED = ('migration_error', 'migration_cancelled', 'overridden')
"""States in which a migration has ended without success."""

STATES = (*PATH, 'migration_cancel_in_progress', *FAILED)

AMOUNTS = ('bytes_total', 'bytes_done', 'rate', 'round', 'seconds_left')
"""Keys of a progress object that :func:`amounts` puts into words."""

_UNITS = ('bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')


def reached(state: str, until: str) -> bool:
    """Whether a migration in ``state`` is at ``until`` or, on the way of success, past it."""
    if state in PATH and until in PATH:
        return PATH.index(state) >= PATH.index(until)
    return state == until


def ended(state: str) -> bool:
    """Whether no other state will follow."""
    return state == SUCCESS or state in FAILED


def size(count: float) -> str:
    """Bytes for a reader: ``1536`` is ``1.5 KiB``."""
    power = 0
    while count >= 1024 and power < len(_UNITS) - 1:
        count, power = count / 1024, power + 1
    return f'{count:.1f} {_UNITS[power]}' if power else f'{count:.0f} {_UNITS[0]}'


def duration(seconds: float) -> str:
    """Seconds for a reader: ``3700`` is ``1 h 01 min``."""
    whole = round(seconds)
    if whole < 60:
        return f'{whole} s'
    if whole < 3600:
        return f'{whole // 60} min {whole % 60:02} s'
    return f'{whole // 3600} h {whole % 3600 // 60:02} min'


def amounts(progress: Migration) -> list[str]:
    """What is known about the copy: bytes done of all, rate, round, time left."""
    known = {key: value for key, value in progress.items() if value is not None}
    parts = []
    if 'bytes_total' in known:
        parts.append(f'{size(known.get("bytes_done", 0))} of {size(known["bytes_total"])}')
    if known.get('rate'):
        parts.append(f'{size(known["rate"])}/s')
    if known.get('round'):
        parts.append(f'round {known["round"]}')
    if 'seconds_left' in known:
        parts.append(f'{duration(known["seconds_left"])} left')
    return parts


def line(migration: Migration) -> str:
    """One line: percentage, amounts, state, and what the migration waits for."""
    parts = [f'{migration["total_progress"] or 0} %', *amounts(migration.get('progress') or {})]
    if migration['state'] == PHASE1_DONE:
        downtime = (migration.get('progress') or {}).get('predicted_downtime')
        parts += [f'downtime would be {duration(downtime)}'] if downtime is not None else []
    parts.append(migration['state'])
    if migration.get('waiting'):
        parts.append(f'waits: {migration["waiting"]}')
    return ', '.join(parts)


def bar(migration: Migration, width: int) -> str:
    """The line behind a bar of a third of the terminal, cut off at ``width`` columns."""
    cells = max(10, width // 3)
    full = cells * int(migration['total_progress'] or 0) // 100
    return f'[{"#" * full}{"." * (cells - full)}] {line(migration)}'[:width]
