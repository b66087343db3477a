# SPDX-License-Identifier: Apache-2.0

"""Whether a pool is of the kind the share type describes."""

from __future__ import annotations

import collections
from collections.abc import Sequence

from ssm.common import extra_specs
from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request


class CapabilitiesFilter(base.Filter):
    """The pool satisfies every extra spec of the share type (rest-api 5.2)."""

    code = 'capabilities'
    message_detail = '008'
    hint = 'Compare the extra specs of the share type with what the pools report.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        return not _unmet(pool, request)

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        counts = collections.Counter(
            str(spec) for pool in refused for spec in _unmet(pool, request)
        ).most_common()
        return 'not satisfied are ' + ', '.join(f'{spec} ({n} of them)' for spec, n in counts)


def _unmet(pool: PoolState, request: Request) -> list[extra_specs.Unmet]:
    elsewhere = request.snapshot_host is not None or request.active_replica_host is not None
    specs = extra_specs.rewrite(request.extra_specs, request.share_proto, any_backend=elsewhere)
    if 'default_qos_type' in specs:
        specs['qos_type_support'] = '<is> True'
    return extra_specs.unmet(specs, pool.capabilities)
