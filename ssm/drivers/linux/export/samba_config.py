# SPDX-License-Identifier: Apache-2.0

"""What smbd is told, as texts of its configuration language, and of the account files it reads."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ssm.drivers.linux.refusal import refusal

_LEVELS = frozenset({'rw', 'ro'})
_NAME = re.compile(r'[\w.-]+', re.ASCII)
_USER = re.compile(r'[a-z_][a-z0-9_.-]{0,31}', re.ASCII)
_UNSAFE = re.compile(r'[%\n"]')
_TAKEN = frozenset({'root', 'nobody'})

_CORE = """\
[global]
server role = standalone server
security = user
map to guest = never
guest account = nobody
smb ports = 445
disable netbios = yes
server min protocol = SMB2_10
load printers = no
printing = bsd
printcap name = /dev/null
disable spoolss = yes
follow symlinks = no
registry shares = yes
passdb backend = tdbsam:{place}/passdb.tdb
private dir = {place}
state directory = {place}
cache directory = {place}
lock directory = {place}
pid directory = {place}
ncalrpc dir = {place}/ncalrpc
log file = {place}/smbd.log
max log size = 1000
"""

_SHARE = """\
[{name}]
path = {path}
available = {available}
read only = no
valid users = {users}
read list = {readers}
force user = root
"""

ACCOUNTS = """\
root:x:0:0::/:/bin/false
nobody:x:65534:65534::/:/bin/false
"""
"""Accounts of the host as smbd sees them. It acts as root, like nfs-ganesha for root of clients."""

SWITCH = 'passwd: files\ngroup: files\nhosts: files\n'
"""Where accounts are looked for: nowhere else."""


def core(place: pathlib.Path) -> str:
    """SMB by TCP port 445 and nothing else; all that smbd keeps is in one directory."""
    return _CORE.format(place=place)


def account(user: str) -> str:
    """The line that makes a user one whom smbd knows; nothing runs or is owned under it."""
    return f'{user}:x:65534:65534::/:/bin/false\n'


def share(name: str, path: pathlib.Path, rules: Iterable[Mapping[str, Any]]) -> str:
    """One share, for the users of the rules and nobody else.

    :raises DriverRefused: path or name can't be written there
    """
    if not _NAME.fullmatch(name) or _UNSAFE.search(str(path)):
        raise refusal('bad_name', f'{name!a} at {str(path)!a} can not be a share of SMB.')
    levels = {rule['access_to']: rule['access_level'] for rule in rules}
    return _SHARE.format(
        name=name,
        path=path,
        # no valid users would be all users
        available='yes' if levels else 'no',
        users=' '.join(sorted(levels)),
        readers=' '.join(sorted(user for user, level in levels.items() if level == 'ro')),
    )


def problem(rule: Mapping[str, Any]) -> str | None:
    """Why an access rule of type ``user`` can't hold, None if it can."""
    if rule['access_level'] not in _LEVELS:
        return f'There is no access level {rule["access_level"]}.'
    user = rule['access_to']
    if user in _TAKEN or not _USER.fullmatch(user):
        return (
            f'{user!a} can not be the name of a user here: it takes up to 32 lower-case letters, '
            'digits, "_", "." and "-", and is neither root nor nobody.'
        )
    return None
