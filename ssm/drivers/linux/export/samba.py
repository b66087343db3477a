# SPDX-License-Identifier: Apache-2.0

"""Shares by SMB beside those by NFS, from an smbd for each share server in its namespace."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ssm.drivers.linux import image, pool, privileged
from ssm.drivers.linux.export import samba_config, samba_daemon
from ssm.drivers.linux.export.ganesha import GaneshaExport
from ssm.drivers.linux.isolation.base import Isolation

if TYPE_CHECKING:
    from ssm.drivers.base import ExportLocation

_ACCESS_TYPES = {'NFS': frozenset({'ip'}), 'CIFS': frozenset({'user'})}
_PASSWORD_BYTES = 18


class SambaExport(GaneshaExport):
    r"""As export ganesha; shares of the protocol CIFS are at ``\\<address>\<name>``.

    A user of a server has one password on all its shares. It is kept with the access rules, so it
    is the same after a migration, and smbd's own files are made anew whenever it starts.
    """

    storage_protocol = 'NFS_CIFS'

    def __init__(self, server: pool.Server, isolation: Isolation) -> None:
        super().__init__(server, isolation)
        self._smbd = samba_daemon.Smbd(self.isolation.name)

    @classmethod
    def unusable(cls, isolation: str) -> str | None:
        if missing := privileged.missing(samba_daemon.PROGRAMS):
            return f'not installed: {", ".join(missing)}'
        return super().unusable(isolation)

    def types(self, share_proto: str) -> frozenset[str]:
        return _ACCESS_TYPES[share_proto]

    def problem(self, rule: Mapping[str, Any], share_proto: str) -> str | None:
        if share_proto == 'CIFS' and rule['access_type'] == 'user':
            return samba_config.problem(rule)
        return super().problem(rule, share_proto)

    def record(
        self, share: Mapping[str, Any], rules: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        known = self._users()
        given = []
        for rule in rules:
            if rule['access_type'] == 'user':
                user = rule['access_to']
                key = rule.get('access_key') or known.get(user)
                known[user] = key or secrets.token_urlsafe(_PASSWORD_BYTES)
                rule = {**rule, 'access_key': known[user]}
            given.append(rule)
        return super().record(share, given)

    def _smb_records(self) -> dict[str, dict[str, Any]]:
        """Records of the shares that smbd serves, by name."""
        return {
            name: record
            for name, record in self._records()
            if record.get('share_proto') == 'CIFS' and self.server.share(name).is_dir()
        }

    def _users(self) -> dict[str, str]:
        """Password by user, of all shares."""
        return {
            rule['access_to']: rule['access_key']
            for _, record in self._records()
            for rule in record['access_rules']
            if rule.get('access_key')
        }

    def start(self) -> None:
        super().start()
        shares = self._smb_records()
        if shares and not self._smbd.running():
            self._smbd.start(image.Image(self.server).mount)
            self._smbd.set_users(self._users())
            self._smbd.share_all(
                {name: self._section(name, record) for name, record in shares.items()}
            )

    def failed(self) -> bool:
        return super().failed() or self._smbd.failed()

    def _section(self, name: str, record: Mapping[str, Any]) -> str:
        return samba_config.share(name, self.server.share(name), record['access_rules'])

    def publish(self, name: str) -> list[ExportLocation]:
        record = pool.read_json(self.server.export(name))
        if record.get('share_proto') != 'CIFS':
            return super().publish(name)
        if not self._smbd.running():
            self.start()
        else:
            self._smbd.set_users(self._users())
            self._smbd.share(name, self._section(name, record))
        addresses = pool.read_json(self.server.record)['addresses']
        return [_location(address, name) for address in addresses]

    def suspend(self, name: str) -> None:
        record = pool.read_json(self.server.export(name)) or {}
        if record.get('share_proto') != 'CIFS':
            super().suspend(name)
        elif self._smbd.running():
            self._smbd.unshare(name)

    def forget(self, name: str) -> None:
        super().forget(name)
        if self._smbd.running():
            self._smbd.set_users(self._users())


def _location(address: str, name: str) -> ExportLocation:
    # an IPv6 address in a path of Windows: with dashes, in a domain that is nobody's
    host = f'{address.replace(":", "-")}.ipv6-literal.net' if ':' in address else address
    return {'path': f'\\\\{host}\\{name}', 'is_admin_only': False, 'metadata': {}}
