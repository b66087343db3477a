# SPDX-License-Identifier: Apache-2.0

"""``ssm-manage linux-pool``: pools of the linux driver on this node."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

from ssm.conf import CONF
from ssm.conf.backend import BackendConfig
from ssm.conf.linux import LINUX_OPTS
from ssm.drivers.linux import pool_setup


def add_commands(subparsers: Any) -> None:
    """Add the command with its own ones to those of ``ssm-manage``."""
    parser = subparsers.add_parser('linux-pool', help='btrfs pools of the linux driver')
    commands = parser.add_subparsers(required=True, metavar='{create,check}')
    create = commands.add_parser('create', help='make a pool, mount and check it; as root')
    place = create.add_mutually_exclusive_group(required=True)
    place.add_argument('--device', type=pathlib.Path, help='a block device without file system')
    place.add_argument('--file', type=_absolute, help='a new file, mounted by a loop device')
    create.add_argument('--size', type=int, help='of the file, in GiB')
    create.add_argument('--path', type=_absolute, required=True, help='where to mount it')
    create.add_argument('--no-quotas', action='store_true', help='for linux_quotas = false')
    create.set_defaults(run=_create)
    check = commands.add_parser('check', help='say what is wrong with pools; as root')
    check.add_argument(
        '--path', type=_absolute, help='default: pools of the enabled back ends that are btrfs'
    )
    check.add_argument('--no-quotas', action='store_true', help='for linux_quotas = false')
    check.set_defaults(run=_check)


def _absolute(text: str) -> pathlib.Path:
    return pathlib.Path(text).absolute()


def _create() -> None:
    """Print what to put where, so that the pool is used, and after a reboot, too."""
    given = CONF.category
    if bool(given.file) != bool(given.size and given.size > 0):
        sys.exit('--file needs a --size of at least 1, and --device has its own')
    try:
        line = pool_setup.create(
            given.path,
            device=given.device,
            file=given.file,
            size=given.size or 0,
            quotas=not given.no_quotas,
        )
    except pool_setup.SetupFailed as error:
        sys.exit(str(error))
    wrong = _report(given.path, quotas=not given.no_quotas)
    print(f'/etc/fstab: {line}')
    print(f'stanza of the back end: linux_storage = btrfs, linux_pool_path = {given.path}')
    sys.exit(wrong)


def _check() -> None:
    """Exits 1 if something is wrong."""
    given = CONF.category
    if given.path:
        sys.exit(_report(given.path, quotas=not given.no_quotas))
    wrong = False
    stanzas = list(_stanzas())
    if not stanzas:
        sys.exit('No enabled back end has linux_storage = btrfs; name a pool with --path.')
    for stanza in stanzas:
        # images have quotas of their own
        quotas = stanza.linux_quotas and stanza.linux_storage == 'btrfs'
        wrong |= _report(pathlib.Path(stanza.linux_pool_path or '/'), quotas=quotas)
    sys.exit(wrong)


def _stanzas() -> list[BackendConfig]:
    """Enabled back ends whose pools are btrfs."""
    found = []
    for name in CONF.enabled_share_backends or []:
        stanza = BackendConfig(CONF, name)
        stanza.register(LINUX_OPTS)
        if stanza.linux_storage in ('btrfs', 'image'):
            found.append(stanza)
    return found


def _report(path: pathlib.Path, *, quotas: bool) -> bool:
    """Print what there is to say of a pool; returns whether something is wrong."""
    wrong = list(pool_setup.problems(path, quotas=quotas))
    print('\n'.join(wrong) if wrong else pool_setup.describe(path))
    return bool(wrong)
