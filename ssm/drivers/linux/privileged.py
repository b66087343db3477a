# SPDX-License-Identifier: Apache-2.0

"""What needs root to isolate and to serve share servers: all of it, and nothing else.

Each function names what it does; none runs a command that its caller chose, but for daemons.
Programs are found in the system directories, whatever the service's PATH is.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ssm.drivers.linux import command, process
from ssm.drivers.linux.command import CommandFailed

NAMESPACES = pathlib.Path('/run/netns')
"""Where namespaces have their names, as ``ip netns`` has it."""

INTERFACES = pathlib.Path('/sys/class/net')

LOOPS = pathlib.Path('/dev/loop-control')

_SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
_TIMEOUT = 30.0
_ANNOUNCEMENTS = '3'
"""Gratuitous ARP is repeated so often, a second apart: the first may find a port still closed."""

_MANNERS = (
    'cd /proc/sys/net; echo 1 >ipv4/conf/default/arp_notify; '
    'cd ipv6/conf/default 2>/dev/null || exit 0; echo 1 >ndisc_notify; echo 0 >accept_ra'
)
"""Interfaces tell their neighbours of changes; routers nearby give them no further addresses."""

_IMAGE_OPTIONS = 'nodiscard,noatime'
"""Freed space stays in the file: a hole punched into it would cost a migration more than data."""

_children: list[subprocess.Popen[Any]] = []
"""Started here and not waited for; looked at now and then, so that none stays a zombie."""


class Running(NamedTuple):
    """A process that is meant and no other with its pid; see :mod:`ssm.drivers.linux.process`."""

    pid: int
    start: int


def missing(programs: Iterable[str]) -> list[str]:
    """Those of some programs that are not installed."""
    return [name for name in programs if not shutil.which(name, path=_SYSTEM_PATH)]


def version(program: str, option: str) -> str:
    """What a program says when it is asked for its version, empty if it is not installed."""
    return '' if missing([program]) else _run([program, option]).strip()


def _environment() -> dict[str, str]:
    """Ours, less what would make a daemon look like a worker's child."""
    environment = {**os.environ, **command.ENVIRONMENT, 'PATH': _SYSTEM_PATH}
    environment.pop(process.MARK, None)
    return environment


def _run(argv: Sequence[str], text: str = '') -> str:
    """Run a program to its end; returns what it printed.

    :raises CommandFailed: it ended with an error
    """
    done = subprocess.run(
        argv, input=text, capture_output=True, text=True, timeout=_TIMEOUT, env=_environment()
    )
    if done.returncode:
        raise CommandFailed(argv, done.returncode, done.stderr)
    return done.stdout


def _start(argv: Sequence[str], log: int = subprocess.DEVNULL, **variables: str) -> Running:
    """Start a program in a session of its own, which holds nothing of ours open."""
    _reap()
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd='/',
        start_new_session=True,
        env=_environment() | variables,
    )
    _children.append(child)
    found = process.status(child.pid)
    assert found is not None  # a child that ended stays until it is waited for
    return Running(child.pid, found.start)


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _inside(namespace: str) -> list[str]:
    """The beginning of a command line that runs in a namespace; the process keeps its pid."""
    return ['nsenter', f'--net={NAMESPACES / namespace}'] if namespace else []


# Networks


def ip(commands: Iterable[str], namespace: str = '') -> None:
    """Carry out commands of the program ``ip``, up to the first that fails.

    :raises CommandFailed: one did
    """
    _run([*_inside(namespace), 'ip', '-batch', '-'], ''.join(f'{line}\n' for line in commands))


class Interface(NamedTuple):
    """An interface: its own address, and those with prefix lengths that it was given."""

    mac: str
    addresses: set[str]


def interfaces(namespace: str) -> dict[str, Interface]:
    """All interfaces in a namespace, by name."""
    shown = json.loads(_run([*_inside(namespace), 'ip', '-json', 'address', 'show']) or '[]')
    return {
        link['ifname']: Interface(
            link['address'],
            {
                f'{item["local"]}/{item["prefixlen"]}'
                for item in link['addr_info']
                if item['scope'] == 'global'
            },
        )
        for link in shown
    }


def make_namespace(name: str) -> None:
    """Make a namespace that stays without processes in it."""
    if not is_namespace(name):
        (NAMESPACES / name).unlink(missing_ok=True)
    ip([f'netns add {name}'])
    _run([*_inside(name), 'sh', '-c', _MANNERS])


def is_namespace(name: str) -> bool:
    """Whether there is one of that name; where /run is kept, a reboot leaves names of none."""
    return os.path.ismount(NAMESPACES / name)


def tag(interface: str, vlan: int) -> None:
    """Make a port of a bridge one of a VLAN, untagged at the port, and of no other."""
    with contextlib.suppress(CommandFailed):  # a bridge may have no VLAN for new ports
        _run(['bridge', 'vlan', 'delete', 'dev', interface, 'vid', '1'])
    _run(['bridge', 'vlan', 'add', 'dev', interface, 'vid', str(vlan), 'pvid', 'untagged'])


def announce(namespace: str, interface: str, address: str) -> None:
    """Repeat to all neighbours who has an IPv4 address now; goes on after the return."""
    options = ['-q', '-U', '-c', _ANNOUNCEMENTS, '-I', interface, address]
    _start([*_inside(namespace), 'arping', *options])


def inhabitants(namespace: str) -> list[Running]:
    """All processes in a namespace."""
    try:
        wanted = (NAMESPACES / namespace).stat()
    except FileNotFoundError:
        return []
    return [found for found in _all() if _lives_in(found.pid, wanted)]


def lives_in(running: Running, namespace: str) -> bool:
    """Whether a process is alive, and in a namespace."""
    try:
        wanted = (NAMESPACES / namespace).stat()
    except FileNotFoundError:
        return False
    return process.alive(*running) and _lives_in(running.pid, wanted)


def _all() -> Iterator[Running]:
    for pid in process.pids():
        if (found := process.status(pid)) and found.state not in 'ZX':
            yield Running(pid, found.start)


def _lives_in(pid: int, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(f'/proc/{pid}/ns/net'), wanted)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # gone, or no daemon of ours


# Daemons


def start_bus(namespace: str, config: pathlib.Path, log: pathlib.Path) -> Running:
    """Start a message bus of D-Bus in a namespace."""
    options = [f'--config-file={config}', '--nofork', '--nopidfile', '--nosyslog']
    with log.open('ab') as stream:
        return _start([*_inside(namespace), 'dbus-daemon', *options], stream.fileno())


def start_ganesha(
    namespace: str, config: pathlib.Path, bus: pathlib.Path, log: pathlib.Path, pid: pathlib.Path
) -> Running:
    """Start an NFS server in a namespace.

    With one arena for all threads it keeps a third of the memory after large writes.
    """
    argv = ['ganesha.nfsd', '-F', '-f', str(config), '-L', str(log), '-p', str(pid)]
    variables = {'DBUS_SYSTEM_BUS_ADDRESS': f'unix:path={bus}', 'MALLOC_ARENA_MAX': '1'}
    with log.open('ab') as stream:
        return _start([*_inside(namespace), *argv], stream.fileno(), **variables)


def start_smbd(namespace: str, place: pathlib.Path, image: pathlib.Path) -> Running:
    """Start an SMB server in a namespace, which sees the accounts of a directory.

    :param place: has ``smb.conf``, ``passwd`` and ``nsswitch.conf``
    :param image: where its own shares may be mounted from an image
    """
    script = (
        # where / is not shared it would hold mounts of others, also when they are gone for them
        'umount /run/ssm/*/shares/* 2>/dev/null; '
        'while read -r device mount kind rest; do mount=$(printf %b "$mount"); '
        'case "$device $kind $mount" in "/dev/loop"*" btrfs "*/data) '
        '[ "$mount" = "$1" ] || umount "$mount";; esac; done </proc/self/mounts; '
        'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/nsswitch.conf" '
        '/etc/nsswitch.conf && exec smbd --foreground --no-process-group -s "$0/smb.conf"'
    )
    argv = ['unshare', '--mount', '--propagation', 'slave', 'sh', '-c', script]
    argv += [str(place), str(image)]
    with (place / 'start.log').open('ab') as stream:
        return _start([*_inside(namespace), *argv], stream.fileno())


_SAMBA = frozenset({'net', 'pdbedit', 'smbcontrol'})


def in_samba(
    server: Running, place: pathlib.Path, program: str, arguments: Sequence[str], text: str = ''
) -> None:
    """Run one of Samba's programs where a server of :func:`start_smbd` lives.

    :param text: what it reads from stdin
    :raises CommandFailed: it ended with an error
    """
    if program not in _SAMBA:
        raise ValueError(program)
    namespaces = [f'--{kind}=/proc/{server.pid}/ns/{file}' for kind, file in _KINDS]
    _run(['nsenter', *namespaces, program, '-s', str(place / 'smb.conf'), *arguments], text)


_KINDS = (('mount', 'mnt'), ('net', 'net'))


def kill(processes: Iterable[Running], timeout: float) -> list[Running]:
    """Kill processes and wait until they, with all their threads, are gone.

    :param timeout: seconds
    :returns: those that are not
    """
    left = list(processes)
    for running in left:
        process.kill(*running)
    deadline = time.monotonic() + timeout
    while left := [running for running in left if not process.ended(*running)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.002)
    _reap()
    return []


# Mounts


def bind(source: pathlib.Path, target: pathlib.Path) -> None:
    """Show a directory at another place, too."""
    target.mkdir(parents=True, exist_ok=True)
    _run(['mount', '--bind', str(source), str(target)])


def loops(file: pathlib.Path) -> list[str]:
    """Loop devices that show a file."""
    options = ['--associated', str(file), '--noheadings', '--output', 'NAME']
    return _run(['losetup', *options]).split()


def mount_image(file: pathlib.Path, target: pathlib.Path) -> None:
    """Mount the btrfs in a file; the loop device goes with its last mount.

    A device that shows the file already is taken: two would not know of each other's writes.
    """
    attach = ['losetup', '--direct-io=on', '--find', '--show', str(file)]
    found = loops(file) or [_run(attach).strip()]
    try:
        _run(['mount', '-t', 'btrfs', '-o', _IMAGE_OPTIONS, found[0], str(target)])
    finally:
        _run(['losetup', '--detach', found[0]])


def unmount_image(target: pathlib.Path, device: str) -> None:
    """Undo :func:`mount_image`.

    :raises CommandFailed: somebody uses it
    """
    try:
        _run(['umount', str(target)])
    except CommandFailed:
        with contextlib.suppress(CommandFailed):  # it may be attached and not mounted at all
            _run(['losetup', '--detach', device])
        raise
    # else the kernel may take this device for one with a copy of the file system
    with contextlib.suppress(CommandFailed):
        _run(['btrfs', 'device', 'scan', '--forget', device])


def make_image(file: pathlib.Path) -> None:
    """Make a btrfs in a file that has its size."""
    _run(['mkfs.btrfs', '--quiet', str(file)])


def unbind(target: pathlib.Path) -> None:
    """Undo :func:`bind`, however often it was done."""
    while os.path.ismount(target):
        _run(['umount', str(target)])
    with contextlib.suppress(FileNotFoundError):
        target.rmdir()
