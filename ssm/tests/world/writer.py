# SPDX-License-Identifier: Apache-2.0

"""A client that goes on writing through a migration.

Each record is checksummed, and acknowledged only after fsync. The client opens, appends, syncs
and closes per record by the export path; when that is gone it asks the API where the share is
now. What it acknowledged goes to a file of its own, with the time.

Run as ``python -m ssm.tests.world.writer URL SHARE_ID ACKNOWLEDGED``; ends on SIGTERM.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import sys
import time
import urllib.request

FILE = 'records.log'
PAUSE = 0.005
ASK_PAUSE = 0.1


def record(number: int) -> bytes:
    """One line: number, payload, checksum of both."""
    payload = f'{number} {number * 2654435761 % 2**32:08x}'
    return f'{payload} {hashlib.sha256(payload.encode()).hexdigest()[:16]}\n'.encode()


def export_location(url: str, share_id: str) -> str | None:
    """Where the API says the share is, None while it does not say."""
    request = urllib.request.Request(
        f'{url}/shares/{share_id}/export_locations',
        headers={'X-Auth-Token': 'admin:admin', 'X-OpenStack-Manila-API-Version': '2.70'},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer)['export_locations']
    except OSError:
        return None
    paths = [item['path'] for item in found if not item.get('is_admin_only')]
    return paths[0] if paths else None


def location(url: str, share_id: str) -> pathlib.Path | None:
    """The same as a path of this machine."""
    found = export_location(url, share_id)
    return pathlib.Path(found.partition(':')[2] or found) if found else None


def append(path: pathlib.Path, data: bytes) -> bool:
    """Append one record durably; False if the share is not there."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError:
        return False
    try:
        os.write(file, data)
        os.fsync(file)
    finally:
        os.close(file)
    return True


def main() -> None:
    """Write until told to stop."""
    url, share_id, acknowledged = sys.argv[1:]
    running = [True]
    signal.signal(signal.SIGTERM, lambda *_: running.clear())
    path = location(url, share_id)
    number = 0
    with open(acknowledged, 'a', buffering=1) as log:
        while running:
            if path is not None and append(path / FILE, record(number)):
                log.write(f'{number} {time.monotonic():.6f}\n')
                number += 1
                time.sleep(PAUSE)
            else:
                path = location(url, share_id)
                if path is None or not path.exists():
                    time.sleep(ASK_PAUSE)


def lost(path: pathlib.Path, acknowledged: pathlib.Path, file: str = FILE) -> list[str]:
    """What is wrong with the records on a share: acknowledged ones that miss or are damaged."""
    numbers = [int(line.split()[0]) for line in acknowledged.read_text().splitlines()]
    present = set((path / file).read_bytes().splitlines(keepends=True))
    return [f'record {number} is lost' for number in numbers if record(number) not in present]


def longest_gap(acknowledged: pathlib.Path) -> tuple[int, float]:
    """How many records were acknowledged, and the longest time between two of them, seconds."""
    times = [float(line.split()[1]) for line in acknowledged.read_text().splitlines()]
    gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    return len(times), max(gaps, default=0.0)


if __name__ == '__main__':
    main()
