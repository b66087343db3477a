# SPDX-License-Identifier: Apache-2.0

"""Whether a pool can hold a replica, the first or a further one."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class ShareReplicationFilter(base.Filter):
    """Types with ``replication_type`` need a domain, further replicas the active one's."""

    code = 'share_replication'
    message_detail = '014'
    hint = 'Set the same replication_domain in the stanzas of back ends that can replicate.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        if not request.extra_specs.get('replication_type'):
            return True
        domain = pool.replication_domain
        if domain is None or request.active_replica_host is None:
            return domain is not None
        return domain == request.active_replica_domain and pool.host not in request.replica_hosts

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        domains = base.listed(pool.replication_domain for pool in refused)
        if request.active_replica_host is None:
            return 'the share type has a replication_type, they report no replication_domain'
        return (
            f'the active replica is on {request.active_replica_host}, replication domain '
            f'{request.active_replica_domain}; they are in {domains}, or hold a replica already'
        )
