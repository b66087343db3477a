# SPDX-License-Identifier: Apache-2.0

"""Shares by NFSv4, from an nfs-ganesha for each share server in the server's namespace."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ssm.common.findings import Finding
from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.export import base, ganesha_config, ganesha_daemon
from ssm.drivers.linux.isolation.base import Isolation
from ssm.drivers.linux.isolation.netns import NetnsIsolation

if TYPE_CHECKING:
    from ssm.drivers.base import ExportLocation

_LEASE = 10
_MINORS = '0,1,2'
"""Seconds, and versions of NFSv4, of servers whose records have none."""

_STOP_TIMEOUT = 10.0
"""Seconds; a killed process ends at once unless the kernel waits for a disk."""


class GaneshaExport(base.Export):
    """A share's export location is ``<address>:/<name>``, once per address of its server."""

    access_types = frozenset({'ip'})
    storage_protocol = 'NFS'
    isolation: NetnsIsolation

    def __init__(self, server: pool.Server, isolation: Isolation) -> None:
        super().__init__(server, isolation)
        self._ganesha = ganesha_daemon.Ganesha(self.isolation.name, server.path / 'ganesha')

    @classmethod
    def unusable(cls, isolation: str) -> str | None:
        if isolation != 'netns':
            return 'ganesha needs linux_isolation = netns'
        if missing := privileged.missing(ganesha_daemon.PROGRAMS):
            return f'not installed: {", ".join(missing)}'
        if ganesha_config.plugins() is None:
            return 'the module of nfs-ganesha for local file systems (FSAL VFS) is not installed'
        return None

    def problem(self, rule: Mapping[str, Any], share_proto: str) -> str | None:
        return super().problem(rule, share_proto) or ganesha_config.problem(rule)

    def kept(self, name: str) -> dict[str, Any]:
        """A number that is the share's as long as it is here: handles of files contain it."""
        taken = {record['export_id'] for _, record in self._records() if 'export_id' in record}
        known = pool.read_json(self.server.export(name)) or {}
        free = next(number for number in range(1, len(taken) + 2) if number not in taken)
        return {'export_id': known.get('export_id', free)}

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for file in sorted(self.server.exports.glob('*.json')):
            yield file.stem, pool.read_json(file)

    def start(self) -> None:
        if not self._ganesha.running():
            self._ganesha.stop(_STOP_TIMEOUT)
            # clients find the server ready: one that is refused waits, some for seconds
            self.isolation.make()
            exports = [
                self._text(name, record)
                for name, record in self._records()
                if record.get('share_proto', 'NFS') == 'NFS' and self.server.share(name).is_dir()
            ]
            self._ganesha.start(
                self._core(),
                ganesha_config.bus(self._ganesha.socket),
                ''.join(exports),
            )
        self.isolation.up()

    def _core(self) -> str:
        record = pool.read_json(self.server.record)
        lease, minors = record.get('lease', _LEASE), record.get('nfs_minors', _MINORS)
        return ganesha_config.core(self._ganesha.recovery, lease, minors)

    def stop(self) -> None:
        self._ganesha.stop(_STOP_TIMEOUT)
        self._unmount()
        self.isolation.remove()
        self._ganesha.forget()

    def failed(self) -> bool:
        return self._ganesha.failed()

    def publish(self, name: str) -> list[ExportLocation]:
        if not self._ganesha.running():
            self.start()
        record = pool.read_json(self.server.export(name))
        self._ganesha.update(record['export_id'], self._text(name, record))
        addresses = pool.read_json(self.server.record)['addresses']
        return [_location(address, name) for address in addresses]

    def _text(self, name: str, record: Mapping[str, Any]) -> str:
        rules = record['access_rules']
        return ganesha_config.export(record['export_id'], self._path(name), name, rules)

    def _path(self, name: str) -> pathlib.Path:
        """Where the server finds a share.

        It knows file systems by their mounts: a subvolume of btrfs needs one of its own.
        """
        share = self.server.share(name)
        if share.stat().st_dev == share.parent.stat().st_dev:
            return share
        mount = self._ganesha.run / 'shares' / name
        if not (mount.is_dir() and os.path.samefile(mount, share)):
            privileged.unbind(mount)
            privileged.bind(share, mount)
        return mount

    def suspend(self, name: str) -> None:
        record = pool.read_json(self.server.export(name)) or {}
        if 'export_id' in record and self._ganesha.running():
            self._ganesha.remove(record['export_id'])
        privileged.unbind(self._ganesha.run / 'shares' / name)

    def forget(self, name: str) -> None:
        self.suspend(name)
        super().forget(name)

    def withdraw(
        self, names: Iterable[str], *, timeout: float
    ) -> tuple[dict[str, str], list[Finding]]:
        """Nobody holds files of the shares when the server is gone, so nobody is looked for."""
        self.isolation.down()
        self._ganesha.stop(max(timeout, _STOP_TIMEOUT))
        self._unmount()
        # with its connections, which would meet the next server: clients need a reset
        self.isolation.remove()
        return {name: str(self.server.share(name)) for name in names}, []

    def _unmount(self) -> None:
        for mount in (self._ganesha.run / 'shares').glob('*'):
            privileged.unbind(mount)


def _location(address: str, name: str) -> ExportLocation:
    host = f'[{address}]' if ':' in address else address
    return {'path': f'{host}:/{name}', 'is_admin_only': False, 'metadata': {}}
