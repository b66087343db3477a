#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""How fast a migration copies, against ``btrfs send | btrfs receive`` of the same data; as root.

``python benchmarks/btrfs_copy.py [--rounds N] [--scratch DIRECTORY]``

Both ways go from one pool in a loop file to another one, in turns; what is copied is removed, and
the pools cleaned, before the next turn; a first turn, which has the loop files allocated, does not
count. The plain way is: a read-only snapshot, send, receive, the file system written out. The
migration's way is its whole first phase by the driver's interface. Its seconds are told apart by
the worker's log: copying is all rounds, each with file systems written out, snapshot, send and
receive; comparing is the comparison, and the round that is made to be compared, here an empty one;
the rest is starting worker and agent and measuring, which does not grow with the bytes. The bar is
about copying; the ratio of copying and the rest together is printed, too.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
from typing import Any, NamedTuple

from ssm.drivers.linux import pool
from ssm.tests.btrfs.case import BtrfsCase
from ssm.tests.unit.drivers import harness
from ssm.tests.world import leftovers

MIB = 1 << 20
BAR = 0.9
_COPIED = re.compile(r'round of .* in ([\d.]+) s$', re.MULTILINE)
_COMPARED = re.compile(r'(?:compared|round to compare .*) in ([\d.]+) s$', re.MULTILINE)


class Phase(NamedTuple):
    """What the seconds of a first phase went into."""

    copied: float
    compared: float
    rest: float


def one_file(share: pathlib.Path) -> None:
    """1 GiB in one file."""
    with (share / 'file').open('wb') as file:
        for _ in range(1024):
            file.write(os.urandom(MIB))


def small_files(share: pathlib.Path) -> None:
    """20,000 files of 4 to 100 KiB in 200 directories, 1 GiB altogether."""
    for number in range(20_000):
        directory = share / f'{number % 200}'
        directory.mkdir(exist_ok=True)
        size = (4 + number * 7919 % 97) << 10
        (directory / f'file{number}').write_bytes(os.urandom(size))


class Copy(BtrfsCase):
    """Two pools, and a share server with one share in the first."""

    deadline = 600.0
    # a service looks less often still; to look takes from the processors
    pause = 0.1

    pool_sizes = dict.fromkeys((harness.SOURCE, harness.DESTINATION), 8 << 30)

    def share_data(self, server: Any) -> Any:
        return super().share_data(server) | {'size': 2}

    def runTest(self) -> None:
        """Nothing; :meth:`begin` and the methods after it are called one by one."""

    def begin(self, fill: Any) -> int:
        """Make the share and what is in it; returns the bytes of it."""
        self.setUp()
        self.migration = self.migration_of()
        fill(self.source(self.migration))
        self._write_out()
        walked = os.walk(self.source(self.migration))
        return sum(os.lstat(f'{top}/{name}').st_size for top, _, names in walked for name in names)

    def end(self) -> None:
        """Remove all of it."""
        self.doCleanups()

    def _write_out(self) -> None:
        for place in self.pools.values():
            pool.sync_filesystem(place.path)

    def _clean(self) -> None:
        """Wait until what was deleted is gone, which would take its share of the next turn."""
        for place in self.pools.values():
            _btrfs('filesystem', 'sync', str(place.path))
            _btrfs('subvolume', 'sync', str(place.path))
        self._write_out()

    def plain(self) -> float:
        """Seconds of the plain way."""
        frozen = self.pools[harness.SOURCE].path / 'plain'
        target = self.pools[harness.DESTINATION].path / 'received'
        target.mkdir()
        begun = time.monotonic()
        source = str(self.source(self.migration))
        _btrfs('-q', 'subvolume', 'snapshot', '-r', source, str(frozen))
        line = f'btrfs -q send {frozen} | btrfs -q receive {target}'
        subprocess.run(line, shell=True, check=True)
        pool.sync_filesystem(target)
        taken = time.monotonic() - begun
        _btrfs('-q', 'subvolume', 'delete', str(target / 'plain'), str(frozen))
        target.rmdir()
        self._clean()
        return taken

    def migrated(self, number: int) -> Phase:
        """Seconds of the first phase."""
        self.migration.id = f'migration-{number}'
        begun = time.monotonic()
        self.step(self.migration, 'start')
        self.finish(self.migration, 'continue')
        taken = time.monotonic() - begun
        log = self.place(self.migration).log_file.read_text()
        self.step(self.migration, 'cancel')
        self._clean()
        compared, copied = (sum(map(float, found.findall(log))) for found in (_COMPARED, _COPIED))
        return Phase(copied, compared, taken - copied - compared)


def _btrfs(*arguments: str) -> None:
    subprocess.run(['btrfs', *arguments], check=True, stdout=subprocess.DEVNULL)


def run(name: str, fill: Any, rounds: int) -> bool:
    """Measure one kind of data; whether the bar is held."""
    copy = Copy()
    try:
        size = copy.begin(fill) / MIB
        copy.plain()
        plain: list[float] = []
        phases: list[Phase] = []
        for number in range(rounds):
            if number % 2:
                plain.append(copy.plain())
            phases.append(copy.migrated(number))
            if not number % 2:
                plain.append(copy.plain())
            print(
                f'{name}, turn {number + 1}: plain {plain[-1]:.2f} s, migration: copying '
                '{:.2f} s, comparing {:.2f} s, rest {:.2f} s'.format(*phases[-1]),
                flush=True,
            )
    finally:
        copy.end()
    reference = statistics.median(plain)
    copying = statistics.median(phase.copied for phase in phases)
    all_but = statistics.median(phase.copied + phase.rest for phase in phases)
    print(
        f'{name}, {size:.0f} MiB, medians of {rounds}: plain {size / reference:.0f} MiB/s, '
        f'migration {size / copying:.0f} MiB/s, ratio {reference / copying:.2f} (bar {BAR}), '
        f'with starting and measuring {reference / all_but:.2f}',
        flush=True,
    )
    return reference / copying >= BAR


def main() -> int:
    """Measure both kinds of data; the status says whether the bar is held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=5, help='turns of each way, default 5')
    parser.add_argument('--scratch', type=pathlib.Path, help='where pools are, 10 GiB free')
    chosen = parser.parse_args()
    if os.geteuid():
        print('This needs root.', file=sys.stderr)
        return 1
    logging.disable(logging.INFO)
    leftovers.TEMPORARY = chosen.scratch or leftovers.TEMPORARY
    kinds = {'one file': one_file, 'small files': small_files}
    held = [run(name, fill, chosen.rounds) for name, fill in kinds.items()]
    return 0 if all(held) else 1


if __name__ == '__main__':
    sys.exit(main())
