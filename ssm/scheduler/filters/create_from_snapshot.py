# SPDX-License-Identifier: Apache-2.0

"""Whether a pool can reach the snapshot a share is cloned from."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState, service_host
from ssm.scheduler.request import Request


class CreateFromSnapshotFilter(base.Filter):
    """The snapshot lies on the same back end or in the same replication domain."""

    code = 'create_from_snapshot'
    message_detail = '016'
    hint = 'The share has to be created where the snapshot lies.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        if request.snapshot_host is None:
            return True
        return pool.service_host == service_host(request.snapshot_host) or (
            pool.replication_domain is not None
            and pool.replication_domain == request.snapshot_domain
        )

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        return (
            f'the snapshot is on {request.snapshot_host}, replication domain '
            f'{request.snapshot_domain}; they are on {base.listed(p.host for p in refused)}'
        )
