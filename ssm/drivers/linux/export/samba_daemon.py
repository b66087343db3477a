# SPDX-License-Identifier: Apache-2.0

"""The SMB server of one share server.

It outlives whoever started it, and is found again by a file with pid and start time. It sees an
``/etc/passwd`` of its own, by a mount namespace: users of a share server are no accounts of the
host.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import time
from collections.abc import Mapping

from ssm.common.exceptions import DriverBusy, DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.export import daemons, samba_config
from ssm.drivers.linux.export.daemons import RUN
from ssm.drivers.linux.privileged import Running
from ssm.drivers.linux.refusal import refusal

PROGRAMS = ('smbd', 'net', 'pdbedit', 'smbcontrol', 'unshare', 'mount')

_START_TIMEOUT = 15.0
_LISTENS = ':01BD 00000000:0000 0A'
"""What /proc/net/tcp says of a socket that waits at port 445."""


class Smbd:
    """The daemon of a share server.

    :param namespace: where it lives
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._place = RUN / namespace / 'samba'
        self._pids = self._place / 'daemon.json'
        self._known_users = self._place / 'users.json'
        self._known_shares = self._place / 'shares.json'
        self._accounts = self._place / 'passwd'

    def running(self) -> bool:
        """Whether it serves, as far as the process tells."""
        known = self._known()
        return known is not None and privileged.lives_in(known, self._namespace)

    def failed(self) -> bool:
        """Whether it was started since this machine was, and does not run."""
        return self._known() is not None and not self.running()

    def _known(self) -> Running | None:
        pair = pool.read_json(self._pids)
        return Running(*pair) if pair else None

    def start(self, image: pathlib.Path) -> None:
        """Start it without users and shares; returns when clients can connect.

        :param image: the only mount of an image that it keeps
        :raises DriverRefused: it ends at once
        :raises DriverBusy: it takes too long
        """
        if known := self._known():
            privileged.kill([known], _START_TIMEOUT)
        shutil.rmtree(self._place, ignore_errors=True)
        pool.make_directory(RUN, pool.PUBLIC)
        pool.make_directory(self._place.parent, pool.PRIVATE)
        pool.make_directory(self._place, pool.PRIVATE)
        self._accounts.write_text(samba_config.ACCOUNTS, encoding='ascii')
        (self._place / 'nsswitch.conf').write_text(samba_config.SWITCH, encoding='ascii')
        (self._place / 'smb.conf').write_text(samba_config.core(self._place), encoding='utf-8')
        server = privileged.start_smbd(self._namespace, self._place, image)
        pool.write_json(self._pids, server)
        daemons.wait(
            server,
            lambda: daemons.listens(server, 'tcp', _LISTENS),
            time.monotonic() + _START_TIMEOUT,
            failed=self._failed,
            slow=self._slow,
        )

    def _failed(self) -> DriverRefused:
        words = daemons.last_words(self._place / name for name in ('start.log', 'smbd.log'))
        message = f'The SMB server does not start: {words}'
        return refusal('smb_server_failed', message, f'See {self._place}/smbd.log.')

    def _slow(self) -> DriverBusy:
        message = f'The SMB server was not ready after {_START_TIMEOUT:g} s.'
        hint = f'See {self._place}/smbd.log, and how busy the host is.'
        return DriverBusy(message, findings=[Finding('smb_server_slow', message, hint)])

    def set_users(self, wanted: Mapping[str, str]) -> None:
        """Let exactly these users log in.

        :param wanted: password by user
        :raises DriverRefused: smbd's programs do
        """
        known: dict[str, str] = pool.read_json(self._known_users) or {}
        for user, password in wanted.items():
            if known.get(user) != password:
                self._add_account(user)
                self._run('pdbedit', '-t', '-a', '-u', user, text=f'{password}\n{password}\n')
        for user in known.keys() - wanted.keys():
            self._run('pdbedit', '-x', '-u', user)
        pool.write_json(self._known_users, dict(wanted))

    def _add_account(self, user: str) -> None:
        line = samba_config.account(user)
        if line not in self._accounts.read_text(encoding='ascii'):
            # the file that smbd sees is this one, so it must not be replaced by another
            with self._accounts.open('a', encoding='ascii') as file:
                file.write(line)

    def share_all(self, sections: Mapping[str, str]) -> None:
        """Serve these shares and no others.

        :param sections: of the configuration, by the share's name
        """
        self._import(''.join(sections.values()))
        pool.write_json(self._known_shares, dict(sections))

    def share(self, name: str, section: str) -> None:
        """Serve a share, or change how it is served; who lost access is cut off."""
        known = self._shares()
        # its programs are slow, and all shares are published whenever the service starts
        if known.get(name) != section:
            self._import(section, name)
            self._tell('close-denied-share', name)
            pool.write_json(self._known_shares, known | {name: section})

    def _shares(self) -> dict[str, str]:
        return pool.read_json(self._known_shares) or {}

    def _import(self, text: str, *only: str) -> None:
        file = self._place / 'shares.conf'
        file.write_text(text, encoding='utf-8')
        self._run('net', 'conf', 'import', str(file), *only)
        self._tell('reload-config')

    def unshare(self, name: str) -> None:
        """Serve a share no more; nothing holds its files afterwards."""
        known = self._shares()
        if name in known:
            with contextlib.suppress(CommandFailed):  # it was, and this process died
                privileged.in_samba(self._server(), self._place, 'net', ['conf', 'delshare', name])
            self._tell('close-share', name)
            del known[name]
            pool.write_json(self._known_shares, known)

    def _tell(self, *words: str) -> None:
        self._run('smbcontrol', 'smbd', *words)

    def _server(self) -> Running:
        known = self._known()
        if known is None:
            raise refusal('smb_server_failed', 'The SMB server does not run.')
        return known

    def _run(self, program: str, *arguments: str, text: str = '') -> None:
        try:
            privileged.in_samba(self._server(), self._place, program, list(arguments), text)
        except CommandFailed as error:
            raise refusal(
                'smb_server_failed',
                f'The SMB server can not be changed by {program}: {error.errors}',
                f'See {self._place}/smbd.log.',
            ) from error
