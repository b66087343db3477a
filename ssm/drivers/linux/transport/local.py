# SPDX-License-Identifier: Apache-2.0

"""Both pools are on this host."""

from __future__ import annotations

from ssm.drivers.linux import btrfs, stream
from ssm.drivers.linux.command import python
from ssm.drivers.linux.transport.base import Transport


class LocalTransport(Transport):
    """Paths are paths; nothing is compressed."""

    def agent(self) -> list[str]:
        return python('ssm.drivers.linux.agent')

    def send(self, migration: str, path: str, parent: str | None) -> stream.Sender:
        return stream.start(self._commands, btrfs.send(path, parent))

    def rsync(self, path: str) -> list[str]:
        return [*self.limits(), f'{path}/']
