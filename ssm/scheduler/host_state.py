# SPDX-License-Identifier: Apache-2.0

"""What the schedulers know of back ends and pools, from the reports of the share services."""

from __future__ import annotations

import dataclasses
import datetime
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_log import log as logging

from ssm.common import exceptions
from ssm.common import extra_specs as extra_specs_lib
from ssm.common.pools import merged_pools
from ssm.scheduler.request import Request

LOG = logging.getLogger(__name__)

UNKNOWN = 'unknown'
"""What a pool reports that can't tell a capacity."""

_FILTERS = ('name', 'host', 'backend', 'pool')


@dataclasses.dataclass(frozen=True)
class Service:
    """A share service that may be given work.

    :param host: ``host@backend``
    """

    host: str
    availability_zone_id: str | None = None
    availability_zone: str | None = None


@dataclasses.dataclass
class PoolState:
    """One pool: what it reported, and what was promised since.

    Capacities in GiB, or :data:`UNKNOWN`.

    :param host: ``host@backend#pool``
    :param capabilities: the merged report, as the pools API shows it
    :param default_ratio: over-subscription of a pool that reports none
    """

    host: str
    capabilities: Mapping[str, Any]
    default_ratio: float = 20.0
    availability_zone_id: str | None = None
    availability_zone: str | None = None

    def __post_init__(self) -> None:
        report = self.capabilities
        self.total_capacity_gb: Any = report.get('total_capacity_gb')
        self.free_capacity_gb: Any = report.get('free_capacity_gb')
        self.allocated_capacity_gb: float = report.get('allocated_capacity_gb') or 0
        self.provisioned_capacity_gb: float | None = report.get('provisioned_capacity_gb')

    @property
    def service_host(self) -> str:
        """``host@backend``."""
        return service_host(self.host)

    @property
    def max_over_subscription_ratio(self) -> float:
        """How many times its capacity a thin pool may promise."""
        return float(self.capabilities.get('max_over_subscription_ratio') or self.default_ratio)

    @property
    def offers_thin(self) -> bool:
        """Whether shares may be thin there; a list says that the share type chooses."""
        offered = self.capabilities.get('thin_provisioning')
        return True in offered if isinstance(offered, list | tuple) else offered is True

    @property
    def needs_estimate(self) -> bool:
        """Whether the pool leaves it to the scheduler to know what was promised of it."""
        return self.offers_thin and self.capabilities.get('provisioned_capacity_gb') is None

    @property
    def replication_domain(self) -> str | None:
        """Pools of one domain replicate to each other."""
        return self.capabilities.get('replication_domain')

    def consume(self, size: float) -> None:
        """Take ``size`` GiB off, until the next report tells the real figures."""
        if isinstance(self.free_capacity_gb, int | float):
            self.free_capacity_gb -= size
        self.allocated_capacity_gb += size
        if self.provisioned_capacity_gb is not None:
            self.provisioned_capacity_gb += size

    def variables(self, request: Request) -> dict[str, Mapping[str, Any]]:
        """What expressions may refer to, by scope (rest-api 5.1, end)."""
        stats = {
            'host': self.host,
            'total_capacity_gb': self.total_capacity_gb,
            'free_capacity_gb': self.free_capacity_gb,
            'allocated_capacity_gb': self.allocated_capacity_gb,
            'provisioned_capacity_gb': self.provisioned_capacity_gb,
            'max_over_subscription_ratio': self.max_over_subscription_ratio,
            'availability_zone': self.availability_zone,
        }
        return {
            'stats': {**self.capabilities, **stats},
            'capabilities': self.capabilities,
            'extra': request.extra_specs,
            'share': {'size': request.size, **request.share},
        }

    def to_item(self) -> dict[str, Any]:
        """An item of the pools API, with its capabilities."""
        service, _hash, pool = self.host.partition('#')
        host, _at, backend = service.partition('@')
        return {
            'name': self.host,
            'host': host,
            'backend': backend,
            'pool': pool,
            'capabilities': dict(self.capabilities),
        }


@dataclasses.dataclass
class _Backend:
    """The latest report of one back end; ``listed`` is False once its service was found gone."""

    reported_at: datetime.datetime
    pools: list[PoolState]
    listed: bool = True


class HostStates:
    """All back ends by service host; safe to use from several threads.

    Choosing a pool and :meth:`PoolState.consume` are two steps: who may run twice at a time
    puts a lock around both.

    :param default_ratio: over-subscription of pools that report none
    """

    def __init__(self, default_ratio: float = 20.0) -> None:
        self.default_ratio = default_ratio
        self._backends: dict[str, _Backend] = {}
        self._lock = threading.Lock()

    def update(self, host: str, capabilities: Mapping[str, Any], timestamp: str) -> None:
        """Take in a report; one that is older than the known one is ignored.

        :param host: ``host@backend``
        :param capabilities: the report (rest-api 5.3)
        :param timestamp: when it was made, ISO 8601 in UTC
        """
        reported_at = _parsed(timestamp)
        pools = [
            PoolState(f'{host}#{pool["pool_name"]}', pool, self.default_ratio)
            for pool in merged_pools({**capabilities, 'timestamp': timestamp})
        ]
        with self._lock:
            known = self._backends.get(host)
            if known and reported_at < known.reported_at:
                LOG.debug('Report of %s from %s ignored, there is a newer one.', host, timestamp)
                return
            self._backends[host] = _Backend(reported_at, pools)

    def forget(self, host: str) -> None:
        """Drop a back end; an unknown one is no error."""
        with self._lock:
            self._backends.pop(host, None)

    def pools(
        self, services: Iterable[Service], provisioned: Mapping[str, float] | None = None
    ) -> list[PoolState]:
        """The pools of these services; those of all others leave :meth:`pool_list`.

        :param services: all that are live for the request (rest-api 5.4)
        :param provisioned: GiB promised, by pool host, for pools with ``needs_estimate``
        """
        live = {service.host: service for service in services}
        with self._lock:
            for host, backend in self._backends.items():
                backend.listed = host in live
            pools = [
                (live[host], pool)
                for host, backend in self._backends.items()
                if backend.listed
                for pool in backend.pools
            ]
        for service, pool in pools:
            pool.availability_zone_id = service.availability_zone_id
            pool.availability_zone = service.availability_zone
            if provisioned is not None and pool.needs_estimate:
                pool.provisioned_capacity_gb = provisioned.get(pool.host, 0)
        return [pool for _service, pool in pools]

    def pool_list(
        self,
        filters: Mapping[str, str] | None = None,
        extra_specs: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Items of the pools API by name, out of the cache (rest-api 4.15).

        :param filters: regular expressions for ``name host backend pool``, anchored at the
            start; any other key leaves nothing
        :param extra_specs: those of the share type asked for, as stored
        :raises Invalid: a filter is no regular expression
        """
        patterns = {key: _compiled(key, pattern) for key, pattern in (filters or {}).items()}
        if not patterns.keys() <= set(_FILTERS):
            return []
        with self._lock:
            pools = [pool for b in self._backends.values() if b.listed for pool in b.pools]
        return [
            item
            for item in sorted((pool.to_item() for pool in pools), key=lambda i: i['name'])
            if all(pattern.match(item[key]) for key, pattern in patterns.items())
            and not extra_specs_lib.unmet(extra_specs or {}, item['capabilities'])
        ]


def service_host(host: str) -> str:
    """``host@backend`` of ``host@backend#pool``."""
    return host.partition('#')[0]


def _parsed(timestamp: str) -> datetime.datetime:
    parsed = datetime.datetime.fromisoformat(timestamp)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)


def _compiled(key: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise exceptions.Invalid(
            reason=f'Filter {key}: {pattern!r} is no regular expression, {error}.'
        ) from error
