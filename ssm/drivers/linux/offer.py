# SPDX-License-Identifier: Apache-2.0

"""The driver's answer to whether this back end can take a share server, and how."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ssm.common.context import RequestContext
from ssm.common.findings import Finding, errors
from ssm.conf.backend import BackendConfig
from ssm.conf.linux import LINUX_OPTS
from ssm.drivers import base
from ssm.drivers.linux import agent, check, moving, parts, pool
from ssm.drivers.linux.command import CommandFailed, Commands
from ssm.drivers.linux.serving import Servers, server_name
from ssm.drivers.linux.transport.base import Transport


def side_of(stanza: BackendConfig, server: str) -> dict[str, str]:
    """Where one end of a migration is, for workers and agents.

    :param server: what it is called on the storage
    """
    return {
        'pool': stanza.linux_pool_path,
        'server': server,
        'storage': stanza.linux_storage,
        'export': stanza.linux_export,
        'isolation': stanza.linux_isolation,
    }


class Offer(Servers):
    """The part of the driver that looks at the source of a migration before it begins."""

    def share_server_migration_check_compatibility(
        self,
        context: RequestContext,
        share_server: base.ShareServer,
        dest_host: str,
        old_share_network: dict[str, Any],
        new_share_network: dict[str, Any],
        shares_request_spec: dict[str, Any],
    ) -> base.Capabilities:
        keeps = moves = False
        peer, findings = check.source_stanza(self.backend, share_server['host'], LINUX_OPTS)
        if peer is not None:
            keeps = {peer.linux_isolation, self.backend.linux_isolation} == {'netns'}
            way, findings = check.way(peer, self.backend, share_server['host'])
            if way is not None:
                with contextlib.closing(self._transport(way)) as transport:
                    moves, findings = self._look(transport, peer, share_server, shares_request_spec)
        return base.Capabilities(
            compatible=not errors(findings),
            writable=True,
            nondisruptive=moves,
            preserve_snapshots=True,
            migration_cancel=True,
            migration_get_progress=True,
            keeps_addresses=keeps,
            findings=findings,
        )

    def _look(
        self,
        transport: Transport,
        peer: BackendConfig,
        share_server: base.ShareServer,
        spec: dict[str, Any],
    ) -> tuple[bool, list[Finding]]:
        """Whether clients would go on, and what is to be said."""
        side = side_of(peer, server_name(share_server))
        findings = list(self._reasons(transport, peer, side, share_server['id'], spec))
        if errors(findings) or not self.storage.moves_servers:
            return False, findings
        disrupting = self._disrupting(transport, peer, side, spec)
        return not disrupting, findings + moving.findings(disrupting)

    def _reasons(
        self,
        transport: Transport,
        peer: BackendConfig,
        side: dict[str, str],
        server_id: str,
        spec: dict[str, Any],
    ) -> Iterator[Finding]:
        server = pool.Pool(side['pool']).server(side['server'])
        found, wrong = check.describe(transport, side, self.storage)
        if found:
            wrong = list(check.pools(found, self.place, server, server_id))
            wrong += check.protocols(parts.load('export', self.backend.linux_export), spec)
            wrong += check.storages(peer, self.backend, self.storage, found)
        if wrong:
            yield from wrong
            return
        try:
            trees = self.storage.trees(server, found['shares'])
            measured = check.measure(self.storage, transport, trees)
        except CommandFailed as error:
            yield transport.lost(error) or check.agent_failed(transport, error)
            return
        yield from check.content(measured, found['shares'], self.storage, spec)

    def _disrupting(
        self,
        transport: Transport,
        peer: BackendConfig,
        side: dict[str, str],
        spec: dict[str, Any],
    ) -> list[str]:
        """Why clients would notice a migration; none if they go on with what they have open."""
        try:
            there = transport.start('versions', side=side).result()
        except CommandFailed as error:
            return [f'its host does not say what it runs: {error}']
        found = list(moving.reasons(peer, self.backend, there, agent.versions(side), spec))
        if self.place.server(side['server']).path.exists():
            found.append(f'there is a server {side["server"]} at the destination')
        return found

    @staticmethod
    def _transport(way: dict[str, Any]) -> Transport:
        made: Transport = parts.load('transport', way['transport'])(Commands(), way)
        return made
