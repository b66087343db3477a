# SPDX-License-Identifier: Apache-2.0

"""Both pools are on this host."""

from __future__ import annotations

from ssm.drivers.linux.command import python
from ssm.drivers.linux.transport.base import Transport


class LocalTransport(Transport):
    """Paths are paths."""

    def python(self, module: str) -> list[str]:
        return python(module)

    def command(self, argv: list[str]) -> list[str]:
        return argv

    def rsync(self, path: str) -> list[str]:
        return [f'{path}/']
