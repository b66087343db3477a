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
from collections.abc import Iterable, Mapping

from ssm.common.exceptions import DriverBusy
from ssm.common.findings import Finding
from ssm.drivers.linux import pool, privileged, process
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.export import samba_config
from ssm.drivers.linux.export.ganesha_daemon import RUN
from ssm.drivers.linux.privileged import Running
from ssm.drivers.linux.refusal import refusal

PROGRAMS = ('smbd', 'net', 'pdbedit', 'smbcontrol', 'unshare', 'mount')

_START_TIMEOUT = 15.0
_POLL = 0.01
_LISTENS = ':01BD 00000000:0000 0A'
"""What /proc/net/tcp says of a socket that waits at port 445."""

_TAIL = 1500


class Smbd:
    """The daemon of a share server.

    :param namespace: where it lives
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._place = RUN / namespace / 'samba'
        self._pids = self._place / 'daemon.json'
        self._known_users = self._place / 'users.json'
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

    def start(self) -> None:
        """Start it without users and shares; returns when clients can connect.

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
        server = privileged.start_smbd(self._namespace, self._place)
        pool.write_json(self._pids, server)
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._listens(server):
            if process.ended(*server):
                raise refusal(
                    'smb_server_failed',
                    f'The SMB server does not start: {self._last_words()}',
                    f'See {self._place}/smbd.log.',
                )
            if time.monotonic() > deadline:
                message = f'The SMB server was not ready after {_START_TIMEOUT:g} s.'
                hint = f'See {self._place}/smbd.log, and how busy the host is.'
                raise DriverBusy(message, findings=[Finding('smb_server_slow', message, hint)])
            time.sleep(_POLL)

    def _listens(self, server: Running) -> bool:
        try:
            sockets = pathlib.Path(f'/proc/{server.pid}/net/tcp').read_text(encoding='ascii')
        except (FileNotFoundError, ProcessLookupError):
            return False
        return _LISTENS in sockets

    def _last_words(self) -> str:
        words = ''
        for name in ('start.log', 'smbd.log'):
            with contextlib.suppress(FileNotFoundError):
                text = (self._place / name).read_text(encoding='utf-8', errors='replace')
                words += text[-_TAIL:]
        return ' '.join(words.split())

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

    def share_all(self, sections: Iterable[str]) -> None:
        """Serve these shares, each given as its section of the configuration, and no others."""
        self._import(''.join(sections))

    def share(self, name: str, section: str) -> None:
        """Serve a share, or change how it is served; who lost access is cut off."""
        self._import(section, name)
        self._tell('close-denied-share', name)

    def _import(self, text: str, *only: str) -> None:
        file = self._place / 'shares.conf'
        file.write_text(text, encoding='utf-8')
        self._run('net', 'conf', 'import', str(file), *only)
        self._tell('reload-config')

    def unshare(self, name: str) -> None:
        """Serve a share no more; nothing holds its files afterwards."""
        with contextlib.suppress(CommandFailed):  # it is not
            privileged.in_samba(self._server(), self._place, 'net', ['conf', 'delshare', name])
        self._tell('close-share', name)

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
