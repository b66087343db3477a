# SPDX-License-Identifier: Apache-2.0

"""A network of this machine for share servers and their clients; needs root.

The bridge and the namespaces of clients bear the name of their owner, so that the next run can
remove those of a dead one: namespaces are called by it, bridges and ports have it as alias.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import re
import shutil
import string
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from ssm.drivers.linux import parts, pool, privileged
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.export.daemons import RUN

PROGRAMS = {
    'ip': 'iproute2',
    'arping': 'iputils-arping',
    'mkfs.btrfs': 'btrfs-progs',
    'dbus-daemon': 'dbus',
    'ganesha.nfsd': 'nfs-ganesha',
    '/usr/lib/x86_64-linux-gnu/ganesha/libfsalvfs.so': 'nfs-ganesha-vfs',
    'smbd': 'samba',
}
"""What tests of NFS and SMB need, by the Debian package that has it."""

_PORT = re.compile(r'(?P<namespace>ssm[0-9a-f]{9})-\d+')

_letters = iter(string.ascii_lowercase)


def lacking() -> list[str]:
    """What keeps this machine from running such tests, in words."""
    found = [] if os.geteuid() == 0 else ['root']
    for program, package in PROGRAMS.items():
        there = os.path.exists(program) or shutil.which(program, path='/usr/sbin:/usr/bin:/sbin')
        found += [] if there else [package]
    try:
        import nfs_rs  # noqa: F401
    except ImportError:
        found.append('nfs-rs')
    return found


class Network:
    """A bridge, to which nothing else is connected, with clients in namespaces of their own.

    :param owned: name of the owner, of :func:`ssm.tests.world.leftovers.name`
    """

    def __init__(self, owned: str) -> None:
        self._owned = owned
        self.bridge = f'ssmt{os.getpid()}{next(_letters)}'
        self._numbers = itertools.count(1)
        self._ports: list[str] = []
        self._namespaces: list[str] = []

    def make(self) -> Network:
        """Make the bridge."""
        privileged.ip(
            [
                f'link add {self.bridge} type bridge',
                f'link set {self.bridge} alias {self._owned} up',
            ]
        )
        return self

    def client(self, address: str) -> str:
        """Make a namespace with an address in it, e.g. ``10.1.2.3/24``; returns its name."""
        number = next(self._numbers)
        name, port = f'{self._owned}_{number}', f'{self.bridge}{number}'
        self._namespaces.append(name)
        privileged.ip(
            [
                f'netns add {name}',
                f'link add {port} type veth peer name eth0 netns {name}',
                f'link set {port} alias {self._owned} master {self.bridge} up',
            ]
        )
        inside = ['link set lo up', 'link set eth0 up', f'address add {address} dev eth0']
        if ':' in address:
            inside[-1] += ' nodad'
        privileged.ip(inside, name)
        return name

    def remove(self) -> None:
        """Remove all of it."""
        remove(lambda found: found == self._owned)


def _links() -> Iterator[dict[str, Any]]:
    argv = ['ip', '-json', 'link', 'show']
    done = subprocess.run(argv, capture_output=True, check=True, text=True)
    yield from json.loads(done.stdout)


def remove(wanted: Callable[[str], bool]) -> None:
    """Remove bridges, ports and namespaces of owners.

    :param wanted: whether those of an owner are to go
    """
    if os.geteuid() or not shutil.which('ip'):
        return
    links = list(_links())
    gone = {link['ifname'] for link in links if wanted(link.get('ifalias', ''))}
    for link in links:
        # share servers whose pool was removed before they were stopped
        if link.get('master') in gone and (match := _PORT.fullmatch(link['ifname'])):
            _remove_namespace(match['namespace'])
            shutil.rmtree(RUN / match['namespace'], ignore_errors=True)
    for name in gone:
        # a port goes with its other end
        with contextlib.suppress(CommandFailed):
            privileged.ip([f'link delete {name}'])
    for place in privileged.NAMESPACES.glob('ssm_world_*'):
        if wanted(place.name.rpartition('_')[0]):
            _remove_namespace(place.name)


def _remove_namespace(name: str) -> None:
    privileged.kill(privileged.inhabitants(name), 5)
    for port in privileged.INTERFACES.glob(f'{name}-*'):
        privileged.ip([f'link delete {port.name}'])
    if privileged.is_namespace(name):
        privileged.ip([f'netns delete {name}'])


def stop_servers(path: pathlib.Path) -> None:
    """Stop what serves shares of the pools in a directory."""
    if os.geteuid():
        return
    side = {'export': 'ganesha', 'isolation': 'netns'}
    for place in [*path.glob('*/servers/*'), *path.glob('*/*/servers/*')]:
        parts.export(side, pool.Server(place)).stop()
