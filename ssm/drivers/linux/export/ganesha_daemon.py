# SPDX-License-Identifier: Apache-2.0

"""The NFS server of one share server, with a bus of its own by which it is told what to export.

Both outlive whoever started them. They are found again by a file with pid and start time, and
count only if they live in the server's namespace. Bus and server go together: ganesha ends when
its bus does.
"""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import socket
import time
from collections.abc import Callable
from typing import Any

from ssm.common.exceptions import DriverBusy, DriverRefused
from ssm.common.findings import Finding
from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.export import daemons
from ssm.drivers.linux.export.daemons import RUN
from ssm.drivers.linux.privileged import Running
from ssm.drivers.linux.refusal import refusal

PROGRAMS = ('ganesha.nfsd', 'dbus-daemon', 'mount', 'umount')

_START_TIMEOUT = 10.0
_CALL_TIMEOUT = 10.0
_LISTENS = ':0801 00000000000000000000000000000000:0000 0A'
"""What /proc/net/tcp6 says of a socket that waits at port 2049."""

_UPDATED = '1 exports updated'


def version() -> str:
    """What the NFS server of this host says of itself, empty if there is none."""
    return privileged.version('ganesha.nfsd', '-v')


class Ganesha:
    """The daemons of a share server.

    :param namespace: where they live
    :param state: a directory in the pool, for what has to survive a reboot
    """

    def __init__(self, namespace: str, state: pathlib.Path) -> None:
        self._namespace = namespace
        self._state = state
        self._log = state / 'ganesha.log'
        self.recovery = state / 'recovery'
        self.run = RUN / namespace
        self.socket = self.run / 'bus'
        self._pids = self.run / 'daemons.json'

    def running(self) -> bool:
        """Whether it serves, as far as processes tell."""
        known = self._known()
        return bool(known) and all(
            privileged.lives_in(running, self._namespace) for running in known
        )

    def failed(self) -> bool:
        """Whether it was started since this machine was, and does not run."""
        return bool(self._known()) and not self.running()

    def _known(self) -> list[Running]:
        return [Running(*pair) for pair in pool.read_json(self._pids) or []]

    def start(self, core: str, bus: str, exports: str) -> None:
        """Start both, neither of which runs; returns when clients can connect.

        :raises DriverRefused: the server ends at once
        :raises DriverBusy: it takes too long
        """
        pool.make_directory(self._state, pool.PRIVATE)
        pool.make_directory(self.recovery, pool.PRIVATE)
        pool.make_directory(RUN, pool.PUBLIC)
        pool.make_directory(self.run, pool.PRIVATE)
        bus_file, core_file = self.run / 'bus.conf', self.run / 'ganesha.conf'
        bus_file.write_text(bus, encoding='utf-8')
        core_file.write_text(core + exports, encoding='utf-8')
        self.socket.unlink(missing_ok=True)
        deadline = time.monotonic() + _START_TIMEOUT
        daemon = privileged.start_bus(self._namespace, bus_file, self.run / 'bus.log')
        self._wait(daemon, deadline, self._is_open)
        server = privileged.start_ganesha(
            self._namespace, core_file, self.socket, self._log, self.run / 'ganesha.pid'
        )
        pool.write_json(self._pids, [daemon, server])
        self._wait(server, deadline, lambda: self._serves(server))

    def _wait(self, running: Running, deadline: float, condition: Callable[[], bool]) -> None:
        daemons.wait(running, condition, deadline, failed=self._failed, slow=self._slow)

    def _failed(self) -> DriverRefused:
        words = daemons.last_words([self.run / 'bus.log', self._log])
        message = f'The NFS server does not start: {words}'
        return refusal('nfs_server_failed', message, f'See {self._log}.')

    def _slow(self) -> DriverBusy:
        message = f'The NFS server was not ready after {_START_TIMEOUT:g} s.'
        hint = f'See {self._log}, and how busy the host is.'
        return DriverBusy(message, findings=[Finding('nfs_server_slow', message, hint)])

    def _is_open(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.socket))
        except OSError:
            return False
        return True

    def _serves(self, server: Running) -> bool:
        if not daemons.listens(server, 'tcp6', _LISTENS):
            return False
        try:
            self._call('ShowExports')
        except (OSError, DriverBusy, _Refused):
            return False
        return True

    def stop(self, timeout: float) -> None:
        """Kill all that lives in the namespace; clients are not told, so that they wait.

        :param timeout: seconds
        :raises DriverRefused: something does not end
        """
        found = {*privileged.inhabitants(self._namespace), *self._known()}
        if left := privileged.kill(found, timeout):
            pids = ', '.join(str(running.pid) for running in left)
            raise refusal(
                'nfs_server_does_not_end',
                f'Processes of the NFS server do not end within {timeout:g} s: pid {pids}.',
                'See what the kernel waits for, e.g. a disk that does not answer.',
            )

    def forget(self) -> None:
        """Remove what :meth:`start` left beside the pool."""
        shutil.rmtree(self.run, ignore_errors=True)

    # Exports

    def update(self, number: int, text: str) -> None:
        """Export a share, or change how it is exported; other clients notice nothing.

        :param text: its block of the configuration
        :raises DriverRefused: ganesha does
        """
        file = self.run / f'export-{number}.conf'
        file.write_text(text, encoding='utf-8')
        try:
            # adds what it does not know
            answer = self._call('UpdateExport', 'ss', str(file), f'EXPORT(Export_Id={number})')
        except _Refused as error:
            raise _not_exported(str(error)) from None
        if answer != (_UPDATED,):  # it takes what is right, and says what was wrong
            raise _not_exported(str(answer[0]))

    def remove(self, number: int) -> None:
        """Export a share no more; nothing holds its files afterwards."""
        with contextlib.suppress(_Refused):  # it did not
            self._call('RemoveExport', 'q', number)
        (self.run / f'export-{number}.conf').unlink(missing_ok=True)

    def _call(self, method: str, signature: str = '', *arguments: Any) -> tuple[Any, ...]:
        """Call a method of the server's export manager.

        :raises _Refused: it says no
        :raises DriverBusy: it does not answer
        """
        # late, because most runs of agents and workers need none of it
        from jeepney import DBusAddress, MessageType, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        manager = DBusAddress(
            '/org/ganesha/nfsd/ExportMgr', 'org.ganesha.nfsd', 'org.ganesha.nfsd.exportmgr'
        )
        message = new_method_call(manager, method, signature, arguments)
        try:
            with open_dbus_connection(f'unix:path={self.socket}') as connection:
                reply = connection.send_and_get_reply(message, timeout=_CALL_TIMEOUT)
        except OSError as error:  # of which its time-out is one
            words = f'The NFS server does not answer: {str(error) or "too late"}.'
            finding = Finding('nfs_server_silent', words, f'See {self._log}.')
            raise DriverBusy(words, findings=[finding]) from error
        if reply.header.message_type is MessageType.error:
            raise _Refused(str(reply.body[0]) if reply.body else method)
        body: tuple[Any, ...] = reply.body
        return body


class _Refused(Exception):
    """The server answered with an error."""


def _not_exported(reason: str) -> Exception:
    return refusal(
        'export_failed',
        f'The NFS server does not export the share: {" ".join(reason.split())}',
        'See that the share is on its storage, and how it is mounted.',
    )
