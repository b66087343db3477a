# SPDX-License-Identifier: Apache-2.0

"""Availability zones of request, share type and subnets."""

from __future__ import annotations

from collections.abc import Sequence

from ssm.scheduler.filters import base
from ssm.scheduler.host_state import PoolState
from ssm.scheduler.request import Request

_MULTIPLE = 'share_server_multiple_subnet_support'


class AvailabilityZoneFilter(base.Filter):
    """The zone fits, and several subnets in it need a back end that can use them."""

    code = 'availability_zone'
    message_detail = '007'
    hint = 'Choose another zone, or add a subnet for a zone that has back ends.'

    def passes(self, pool: PoolState, request: Request) -> bool:
        return self._zone_fits(pool, request) and (
            _subnets(pool, request) < 2 or pool.capabilities.get(_MULTIPLE) is True
        )

    def reason(self, refused: Sequence[PoolState], request: Request) -> str:
        elsewhere = [pool for pool in refused if not self._zone_fits(pool, request)]
        single = len(refused) - len(elsewhere)
        reasons = []
        if elsewhere:
            zones = base.listed(pool.availability_zone for pool in elsewhere)
            reasons.append(f'{_wanted(request)}, {len(elsewhere)} are in {zones}')
        if single:
            reasons.append(
                f'the share network has several subnets in the zone, {single} do not report '
                f'{_MULTIPLE}'
            )
        return '; '.join(reasons)

    @staticmethod
    def _zone_fits(pool: PoolState, request: Request) -> bool:
        zone_id, names = request.availability_zone_id, request.availability_zones
        return zone_id in (None, pool.availability_zone_id) and (
            names is None or pool.availability_zone in names
        )


def _subnets(pool: PoolState, request: Request) -> int:
    """Subnets a share server there would be on; the default ones where the zone has none."""
    in_zone = request.subnets_by_zone.get(pool.availability_zone or '', 0)
    return in_zone or request.default_subnets


def _wanted(request: Request) -> str:
    wanted = []
    if request.availability_zone_id is not None:
        wanted.append(f'zone id {request.availability_zone_id}')
    if request.availability_zones is not None:
        wanted.append(f'one of the zones {base.listed(request.availability_zones)}')
    return f'the request needs {" and ".join(wanted)}'
