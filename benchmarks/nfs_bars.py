#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""What share servers of NFS on btrfs have to hold, measured with real clients; as root.

``python benchmarks/nfs_bars.py [migrations|gap|operations] [--rounds N]``

``migrations`` moves a server there and back while two NFS clients write records; none that was
acknowledged may be lost, all trees are compared at the end, and nothing of ssm may grow.
``gap`` moves three shares of 1 GiB altogether, of which a hundredth changes before the cut-over,
and measures how long the clients could not write. ``operations`` tells the same of what else is
done to a server, without a bar. Ends with status 0 if the bars hold.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import signal
import statistics
import sys
import time
from collections.abc import Callable

from ssm.drivers.linux import pool
from ssm.drivers.linux.export.ganesha_daemon import RUN
from ssm.drivers.linux.isolation.netns import NetnsIsolation
from ssm.tests.world import migration, writer
from ssm.tests.world.footprint import Footprint
from ssm.tests.world.nfs_deployment import NfsDeployment
from ssm.tests.world.nfs_tenant import VERSIONS, NfsTenant
from ssm.tests.world.servers import Failed
from ssm.tests.world.tenant import SMALL, Size
from ssm.tests.world.wait import until

MIB = 1 << 20
_SHARE = re.compile('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')

GIB_IN_THREE = Size({'projects': 0, 'home': 3, 'media': 11}, parts=12, large=335, sparse=8)
"""Some hundred files each, and a large one."""

GAPS = {
    'new address, found by polling the API': ('', 2.5),
    'same address': ('migration_keep_addresses = true\n', 1.5),
}
"""Lines for the stanzas of the back ends, and seconds that the median may be."""


class World:
    """A deployment with a tenant whose clients write."""

    def __init__(self, size: Size, pool_size: int, backend_options: str = '') -> None:
        self.world = NfsDeployment(size=pool_size, backend_options=backend_options)
        self._size = size

    def __enter__(self) -> World:
        try:
            self.world.start()
            self.tenant = NfsTenant(self.world, self.world.namespaces, size=self._size)
            self.tenant.make()
            self.tenant.start_writer()
        except BaseException:
            self.world.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.world.stop()

    def move(self, back_end: str, before_the_cut_over: Callable[[], None] | None = None) -> float:
        """Migrate; returns the longest time a client could not write at the cut-over, seconds."""
        moving = migration.Migration(self.world, self.tenant.server(), back_end).start()
        moving.wait_for(migration.PHASE1_DONE, seconds=300)
        if before_the_cut_over:
            before_the_cut_over()
        self.tenant.wait_for_records()
        begun = time.monotonic()
        moving.complete()
        moving.wait_for(migration.SUCCESS)
        held_up = self.held_up(begun)
        until(lambda: moving.state_of() == 'gone', 'the end of the source')
        return held_up

    def held_up(self, begun: float) -> float:
        """Seconds the clients could not write at most, from a moment on."""
        self.tenant.wait_for_records()
        return max(_gap(self.tenant.log(version), begun) for version in VERSIONS)


def _gap(log: pathlib.Path, begun: float) -> float:
    """Longest time between two acknowledged records of which the second came after a moment."""
    times = [float(line.split()[1]) for line in log.read_text().splitlines()]
    pairs = zip(times, times[1:], strict=False)
    return max(later - earlier for earlier, later in pairs if later > begun)


def _resources(world: NfsDeployment) -> tuple[float, int]:
    """MiB of memory and descriptors of the service."""
    place = pathlib.Path('/proc', str(world.processes['all'].pid))
    pages = int((place / 'statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / MIB, len(os.listdir(place / 'fd'))


def _counts(world: NfsDeployment, footprint: Footprint) -> dict[str, list[str]]:
    """The footprint, less names that change with each migration."""
    return {
        kind: sorted(_name(world, line) for line in lines)
        for kind, lines in footprint.look().items()
    }


def _name(world: NfsDeployment, line: str) -> str:
    line = re.sub(r'ssm[0-9a-f]{9}', 'SERVER', _SHARE.sub('ID', line))
    for back_end in world.back_ends:
        line = line.replace(f'{back_end}/servers', 'BACKEND/servers')
    return line


def migrations(rounds: int) -> bool:
    """There and back, again and again."""
    with World(SMALL, pool_size=4) as there:
        world, tenant = there.world, there.tenant
        footprint = Footprint(
            world.path, world.name, world.bridge, [world.path / name for name in world.back_ends]
        )
        before = _counts(world, footprint)
        gaps, memory = [], []
        held = True
        for number in range(rounds):
            back_end = ('beta', 'alpha')[number % 2]
            gaps.append(there.move(back_end))
            mib, descriptors = _resources(world)
            memory.append(mib)
            after = _counts(world, footprint)
            grown = [kind for kind in before if before[kind] != after[kind]]
            print(
                f'migration {number + 1}: gap {gaps[-1]:.2f} s, service {mib:.0f} MiB, '
                f'{descriptors} descriptors, different: {", ".join(grown) or "nothing"}',
                flush=True,
            )
            for kind in grown:
                held = False
                print(f'  {kind}: {before[kind]}\n  now: {after[kind]}')
        tenant.stop_writer()
        wrong = tenant.wrong(back_end)
        records = sum(count for count, _ in tenant.gaps().values())
        print('\n'.join(wrong[:20]))
    print(
        f'{rounds} migrations, {records} acknowledged records, {len(wrong)} things wrong; median '
        f'gap {statistics.median(gaps):.2f} s, at most {max(gaps):.2f} s; memory from '
        f'{memory[0]:.0f} to {memory[-1]:.0f} MiB'
    )
    return held and not wrong


def gap(rounds: int) -> bool:
    """1 GiB, 1 % dirty, one row per way to keep or change the address."""
    held = True
    for way, (lines, bar) in GAPS.items():
        with World(GIB_IN_THREE, pool_size=6, backend_options=lines) as there:

            def dirty(tenant: NfsTenant = there.tenant) -> None:
                for name in tenant.shares:
                    with (tenant.directory(name) / 'large.bin').open('r+b') as file:
                        file.write(os.urandom(10 * MIB // len(tenant.shares)))

            found = []
            for number in range(rounds):
                found.append(there.move(('beta', 'alpha')[number % 2], dirty))
                print(f'{way}: {found[-1]:.2f} s', flush=True)
            there.tenant.stop_writer()
            directory = there.tenant.directory(next(iter(there.tenant.shares)))
            lost = [
                line
                for version in VERSIONS
                for line in writer.lost(
                    directory, there.tenant.log(version), f'{writer.FILE}-{version}'
                )
            ]
        median = statistics.median(found)
        print(f'{way}: median of {rounds} {median:.2f} s (bar {bar}), {len(lost)} records lost')
        held &= median <= bar and not lost
    return held


class Operations:
    """What an operator or a user does to a server while its clients write to another share."""

    def __init__(self, there: World) -> None:
        self._there = there
        self._world = there.world
        self._share = list(there.tenant.shares.values())[-1]

    def nothing(self) -> None:
        """For comparison."""
        self._there.tenant.wait_for_records(100)

    def share_is_made_and_deleted(self) -> None:
        """On the same server."""
        shown = self._there.tenant.show(next(iter(self._there.tenant.shares)))
        wish = {
            'share_proto': 'NFS',
            'size': 1,
            'share_type': shown['share_type'],
            'share_network_id': shown['share_network_id'],
            'name': 'other',
        }
        made = self._world.request('POST', '/shares', {'share': wish})['share']['id']
        self._until_available('share', made)
        self._world.request('DELETE', f'/shares/{made}')
        self._until_gone('share', made)

    def rule_is_added_and_removed(self) -> None:
        """Of the share that is written to."""
        share = next(iter(self._there.tenant.shares.values()))
        rule = {'access_type': 'ip', 'access_to': '10.20.9.9', 'access_level': 'rw'}
        path = f'/shares/{share}/action'
        made = self._world.request('POST', path, {'allow_access': rule})['access']['id']
        listed = f'/share-access-rules?share_id={share}'

        def states() -> dict[str, str]:
            found = self._world.get(listed)['access_list']
            return {row['id']: row['state'] for row in found}

        until(lambda: states()[made] == 'active', 'an active rule')
        self._world.request('POST', path, {'deny_access': {'access_id': made}})
        until(lambda: made not in states(), 'the end of a rule')

    def snapshot_is_made_and_deleted(self) -> None:
        """Of the share that is written to."""
        share = next(iter(self._there.tenant.shares.values()))
        wish = {'snapshot': {'share_id': share, 'name': 'other'}}
        made = self._world.request('POST', '/snapshots', wish)['snapshot']['id']
        self._until_available('snapshot', made)
        self._world.request('DELETE', f'/snapshots/{made}')
        self._until_gone('snapshot', made)

    def service_is_killed_and_started(self) -> None:
        """The process with all services."""
        self._world.kill('all')
        self._world.run('all')
        until(self._answers, 'the API')

    def migration_is_cancelled(self) -> None:
        """After its first phase."""
        moving = migration.Migration(self._world, self._there.tenant.server(), 'beta').start()
        moving.wait_for(migration.PHASE1_DONE)
        moving.cancel()
        moving.wait_for(migration.CANCELLED)

    def nfs_server_crashes(self) -> None:
        """It is found dead by the next report; here one is made every 5 seconds."""
        tenant = self._there.tenant
        place = pool.Pool(self._world.path / 'alpha').server(tenant.server())
        pids = pool.read_json(RUN / NetnsIsolation(place).name / 'daemons.json')
        os.kill(pids[1][0], signal.SIGKILL)

    def cut_over_fails(self) -> None:
        """Because the last pass can't receive anything; the source is opened again."""
        moving = migration.Migration(self._world, self._there.tenant.server(), 'beta').start()
        moving.wait_for(migration.PHASE1_DONE)
        stub = self._world.path / 'bin' / 'btrfs'
        stub.write_text(_NO_LAST_PASS.format(btrfs=shutil.which('btrfs')))
        stub.chmod(0o755)
        moving.complete()
        moving.wait_for(migration.ERROR, seconds=200)
        stub.unlink()

    def _until_available(self, kind: str, identifier: str) -> None:
        path = f'/{kind}s/{identifier}'
        until(lambda: self._world.get(path)[kind]['status'] == 'available', f'{kind}')

    def _until_gone(self, kind: str, identifier: str) -> None:
        def gone() -> bool:
            rows = self._world.get(f'/{kind}s')[f'{kind}s']
            return identifier not in [row['id'] for row in rows]

        until(gone, f'the end of a {kind}')

    def _answers(self) -> bool:
        try:
            return bool(self._world.get('/services')['services'])
        except OSError:
            return False


_NO_LAST_PASS = """\
#!/bin/sh
case "$*" in *send*/last) sleep 0.1; exit 1 ;; esac
exec {btrfs} "$@"
"""


def operations(_rounds: int) -> bool:
    """One after the other, the one that leaves the server in error last."""
    with World(SMALL, pool_size=5) as there:
        actions = Operations(there)
        for action in (
            actions.nothing,
            actions.share_is_made_and_deleted,
            actions.rule_is_added_and_removed,
            actions.snapshot_is_made_and_deleted,
            actions.service_is_killed_and_started,
            actions.migration_is_cancelled,
            actions.nfs_server_crashes,
            actions.cut_over_fails,
        ):
            begun = time.monotonic()
            action()
            taken = time.monotonic() - begun
            held_up = there.held_up(begun)
            name = action.__name__.replace('_', ' ')
            print(f'{name}: {taken:.2f} s, clients held up {held_up:.2f} s', flush=True)
    return True


BARS = {'migrations': (migrations, 20), 'gap': (gap, 7), 'operations': (operations, 1)}


def main() -> int:
    """Measure one bar or all; the status says whether they hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('bar', nargs='?', choices=BARS)
    parser.add_argument('--rounds', type=int, help='migrations; default 20, and 7 for the gap')
    chosen = parser.parse_args()
    held = True
    try:
        for name in [chosen.bar] if chosen.bar else BARS:
            measure, rounds = BARS[name]
            held &= measure(chosen.rounds or rounds)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0 if held else 1


if __name__ == '__main__':
    sys.exit(main())
