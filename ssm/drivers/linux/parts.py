# SPDX-License-Identifier: Apache-2.0

"""The parts of the driver by name, as the options of a back end's stanza choose them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ssm.drivers.linux import pool
from ssm.drivers.linux.command import Commands

if TYPE_CHECKING:
    from ssm.drivers.linux.export.base import Export
    from ssm.drivers.linux.storage.base import Storage

_PARTS = {
    ('storage', 'btrfs'): 'BtrfsStorage',
    ('storage', 'image'): 'ImageStorage',
    ('storage', 'directory'): 'DirectoryStorage',
    ('export', 'ganesha'): 'GaneshaExport',
    ('export', 'local'): 'LocalExport',
    ('export', 'samba'): 'SambaExport',
    ('isolation', 'netns'): 'NetnsIsolation',
    ('isolation', 'none'): 'NoIsolation',
    ('transport', 'local'): 'LocalTransport',
    ('transport', 'ssh'): 'SshTransport',
}


def load(kind: str, name: str) -> Any:
    """The class of a part, from the module ``<kind>/<name>.py``.

    :raises ValueError: there is no such part; says which there are
    """
    class_name = _PARTS.get((kind, name))
    if class_name is None:
        known = ', '.join(sorted(n for k, n in _PARTS if k == kind))
        raise ValueError(f'{name!r} is none of: {known}')
    module = importlib.import_module(f'ssm.drivers.linux.{kind}.{name}')
    return getattr(module, class_name)


def storage(side: Mapping[str, str]) -> Storage:
    """The storage of one end of a migration.

    :param side: ``pool``, and the name of the part as ``storage``
    """
    made: Storage = load('storage', side['storage'])(pool.Pool(side['pool']), Commands())
    return made


def export(side: Mapping[str, str], server: pool.Server) -> Export:
    """What serves the shares of a server.

    :param side: names of the parts; those of kinds ``export`` and ``isolation`` are used
    """
    isolation = load('isolation', side['isolation'])(server)
    made: Export = load('export', side['export'])(server, isolation)
    return made
