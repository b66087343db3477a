# SPDX-License-Identifier: Apache-2.0

"""ssm with real storage: pools of btrfs, a network namespace per share server, NFS; needs root."""

from __future__ import annotations

from typing import Any

from ssm.tests.world import leftovers, networks
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.servers import Failed

CLIENTS = ('10.20.0.201', '10.20.0.202')
"""Addresses of clients, in the network of the tenants."""

_BACK_END = """\
linux_storage = btrfs
linux_isolation = netns
linux_export = ganesha
linux_bridge = {bridge}
migrated_share_server_retention = 2
"""


def lacking() -> list[str]:
    """What keeps this machine from running it, in words."""
    return networks.lacking()


class NfsDeployment(Deployment):
    """Each back end has a pool in a file, made by ``ssm-manage linux-pool create``.

    :param size: of a pool, GiB
    :param options: lines for [DEFAULT]
    :param backend_options: further lines for the stanza of each back end
    :param others: see :class:`Deployment`
    """

    def __init__(
        self, *, size: int = 4, options: str = '', backend_options: str = '', **others: Any
    ) -> None:
        super().__init__(options=f'delete_share_server_with_last_share = true\n{options}', **others)
        self.namespaces: dict[str, str] = {}
        """Of the clients, by their addresses."""
        self._size = size
        self._network = networks.Network(self.name)
        self.bridge = self._network.bridge
        self._backend_options = _BACK_END.format(bridge=self.bridge) + backend_options

    def start(self) -> None:
        """Make network and pools, then what :meth:`Deployment.start` does.

        :raises Failed: also if something is missing on this machine
        """
        if missing := lacking():
            raise Failed(f'Share servers of NFS on btrfs need: {", ".join(missing)}')
        leftovers.clean_up()
        self._network.make()
        self.namespaces |= {place: self._network.client(f'{place}/24') for place in CLIENTS}
        for name in self.back_ends:
            place = ['--file', f'{self.path}/{name}.img', '--path', f'{self.path}/{name}']
            self.command('ssm-manage', 'linux-pool', 'create', *place, '--size', str(self._size))
        super().start()

    def stop(self) -> None:
        """End and remove all of it."""
        try:
            super().stop()
        finally:
            self._network.remove()
