# SPDX-License-Identifier: Apache-2.0

"""What a deployment has on this machine, counted, so that before and after can be compared."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.isolation.netns import NetnsIsolation
from ssm.tests.world import leftovers

_PORT = re.compile(r'(?P<namespace>ssm[0-9a-f]{9})-\d+')
_PASSING = frozenset({'arping', 'btrfs', 'nsenter', 'python', 'python3', 'python3.11'})
"""Programs that come and go."""


class Footprint:
    """Counts what belongs to the pools in a directory; other runs are left out.

    :param path: where pools and their files are
    :param owned: the mark of its processes, see :mod:`ssm.tests.world.leftovers`
    :param bridge: to which its share servers are connected
    :param pools: mount points of the pools
    """

    def __init__(
        self, path: pathlib.Path, owned: str, bridge: str, pools: list[pathlib.Path]
    ) -> None:
        self._path = path
        self._owned = owned
        self._bridge = bridge
        self._pools = pools
        self._known: set[str] = set()

    def look(self) -> dict[str, list[str]]:
        """Loops, mounts, ports, namespaces, processes and subvolumes there are now.

        Namespaces are known by the servers and ports of this look and those before it.
        """
        ports = os.listdir(privileged.INTERFACES / self._bridge / 'brif')
        self._known |= {found['namespace'] for port in ports if (found := _PORT.fullmatch(port))}
        self._known |= {
            NetnsIsolation(pool.Server(place)).name
            for where in self._pools
            for place in where.glob('servers/*')
        }
        mounts = pathlib.Path('/proc/self/mounts').read_text().splitlines()
        own = (str(self._path), *sorted(self._known))
        return {
            'loops': sorted(self._loops()),
            'mounts': sorted(
                line.split()[1] for line in mounts if any(name in line for name in own)
            ),
            'ports': sorted(ports),
            'namespaces': sorted(name for name in self._known if privileged.is_namespace(name)),
            'processes': sorted(self._processes()),
            'subvolumes': sorted(line for place in self._pools for line in _subvolumes(place)),
        }

    def _loops(self) -> list[str]:
        files = pathlib.Path('/sys/block').glob('loop*/loop/backing_file')
        found = [file.read_text().strip() for file in files]
        return [name for name in found if name.startswith(str(self._path))]

    def _processes(self) -> list[str]:
        pids = set(leftovers.processes(self._owned))
        for namespace in self._known:
            pids |= {running.pid for running in privileged.inhabitants(namespace)}
        names = [_name(pid) for pid in pids]
        return [name for name in names if name and name not in _PASSING]


def _name(pid: int) -> str:
    try:
        return pathlib.Path(f'/proc/{pid}/comm').read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ''


def _subvolumes(place: pathlib.Path) -> list[str]:
    done = subprocess.run(
        ['btrfs', 'subvolume', 'list', str(place)], capture_output=True, check=True, text=True
    )
    return [f'{place.name}/{line.partition(" path ")[2]}' for line in done.stdout.splitlines()]
