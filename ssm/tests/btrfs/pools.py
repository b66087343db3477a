# SPDX-License-Identifier: Apache-2.0

"""Pools on loop files, gone after the test whatever happens."""

from __future__ import annotations

import os
import pathlib
import subprocess

import fixtures

from ssm.tests.world import leftovers

GIB = 1 << 30


class LoopPools(fixtures.Fixture):
    """Makes btrfs pools; marks all processes of this test, so that none outlives it."""

    def _setUp(self) -> None:
        leftovers.clean_up()
        self.name = leftovers.name()
        self.path = leftovers.directory(self.name)
        self.addCleanup(self._remove)
        mark = fixtures.EnvironmentVariable(leftovers.MARK, self.name)
        self.useFixture(mark)

    def _remove(self) -> None:
        leftovers.end_processes(self.name)
        leftovers.remove_directory(self.path)

    def make(self, name: str, *, size: int = 3 * GIB) -> pathlib.Path:
        """An empty pool, mounted.

        :param size: bytes it can hold; they are taken when they are written
        """
        image, place = self.path / f'{name}.img', self.path / name
        with image.open('wb') as file:
            file.truncate(size)
        place.mkdir()
        # of a small one it would be too little to remove anything once the pool is full
        metadata = ['--metadata', 'single'] if size >= 2 * GIB else []
        _run('mkfs.btrfs', '--quiet', *metadata, str(image))
        _run('mount', '-o', 'loop', str(image), str(place))
        return place


def _run(*argv: str) -> str:
    """Run a program; what it says is in the error."""
    path = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={**os.environ, 'PATH': path}
    )
    if done.returncode:
        raise AssertionError(f'{" ".join(argv)}: {done.stderr}')
    return done.stdout


def subvolumes(place: pathlib.Path) -> list[str]:
    """All subvolumes of a pool, by their paths."""
    lines = _run('btrfs', 'subvolume', 'list', str(place)).splitlines()
    return sorted(line.partition(' path ')[2] for line in lines)


def limit(place: pathlib.Path) -> int | None:
    """Bytes a subvolume may refer to, None if there is no limit."""
    lines = _run('btrfs', 'qgroup', 'show', '-rf', '--raw', str(place)).splitlines()
    value = lines[2].split()[3]
    return None if value == 'none' else int(value)
