# SPDX-License-Identifier: Apache-2.0

"""The source's pool is on another host, which is reached by the program ssh.

Everything goes through one command there, so that a key may be restricted to it: agents are that
command without arguments, a stream is a request to an agent, and rsync's other end is that command
with the arguments ``rsync --server --sender …``.
"""

from __future__ import annotations

import shlex
import shutil

from ssm.common.findings import Finding
from ssm.drivers.linux import stream
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.transport.base import Transport

_FIXED = (
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    'ControlMaster=no',
    'ControlPath=none',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'Compression=no',
)
"""Nothing asks a question, and each connection is of its own."""

_PROBES = 3
"""Unanswered signs of life after which a connection counts as broken."""

_BROKEN = 255
"""Exit code of ssh itself."""

_RSYNC_BROKEN = frozenset({10, 12, 30, 35, _BROKEN})
"""Exit codes of rsync that tell of sockets, protocol streams and time-outs."""


class SshTransport(Transport):
    """``way`` has: host, port, user, key, known_hosts, command, timeout, beside those of all."""

    @classmethod
    def unusable(cls, compression: int) -> str | None:
        needed = ['ssh', 'zstd'] if compression else ['ssh']
        missing = [name for name in needed if not shutil.which(name)]
        return f'these programs are not installed: {", ".join(missing)}' if missing else None

    @property
    def place(self) -> str:
        user = f'{self.way["user"]}@' if self.way['user'] else ''
        return f'{user}{self.way["host"]}'

    def _ssh(self) -> list[str]:
        way = self.way
        timeout: int = way['timeout']
        options = [
            *_FIXED,
            f'ConnectTimeout={timeout}',
            f'ServerAliveInterval={max(1, timeout // _PROBES)}',
            f'ServerAliveCountMax={_PROBES}',
        ]
        if way['known_hosts']:
            options += [
                f'UserKnownHostsFile={way["known_hosts"]}',
                'GlobalKnownHostsFile=/dev/null',
            ]
        if way['key']:
            options += [f'IdentityFile={way["key"]}', 'IdentitiesOnly=yes']
        argv = ['ssh', '-T', '-p', str(way['port'])]
        for option in options:
            argv += ['-o', option]
        return [*argv, '-l', way['user']] if way['user'] else argv

    def agent(self) -> list[str]:
        return [*self._ssh(), '--', self.way['host'], self.way['command']]

    def send(self, migration: str, path: str, parent: str | None) -> stream.Sender:
        agent = self._free()
        self._agents.remove(agent)
        arguments = {'migration': migration, 'path': path, 'parent': parent}
        agent.ask('send', arguments | {'compression': self.compression})
        sender = stream.Sender(agent.argv, agent.process, agent.errors)
        return sender.decoded(self._commands) if self.compression else sender

    def rsync(self, path: str) -> list[str]:
        host = self.way['host']
        host = f'[{host}]' if ':' in host else host
        remote = f'--rsync-path={self.way["command"]} rsync'
        return [*self.limits(), '-e', shlex.join(self._ssh()), remote, f'{host}:{path}/']

    def settle(self, migration: str) -> None:
        self.start('settle', migration=migration).result()

    def lost(self, error: CommandFailed) -> Finding | None:
        broken = {'ssh': {_BROKEN}, 'rsync': _RSYNC_BROKEN}.get(error.program, ())
        if error.code not in broken:
            return None
        words = error.errors.rpartition('\n')[2] or 'the connection was closed'
        return Finding(
            code='source_host_unreachable',
            message=f'{self.place} can not be reached by ssh: {words}',
            hint='Try on this node, as the user of the service: '
            f'{shlex.join([*self.agent(), "</dev/null"])}'.replace("'</dev/null'", '</dev/null'),
        )
