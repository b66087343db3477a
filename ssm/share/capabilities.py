# SPDX-License-Identifier: Apache-2.0

"""What a back end reports to the schedulers (rest-api 5.3)."""

from __future__ import annotations

from typing import Any

from ssm.migration import store
from ssm.share.backend import BackEnd

_RESERVED = {
    'reserved_percentage': 'reserved_share_percentage',
    'reserved_snapshot_percentage': 'reserved_share_from_snapshot_percentage',
    'reserved_share_extend_percentage': 'reserved_share_extend_percentage',
}
"""Options behind the reserved shares of the capacity; 0 takes that of the first."""

_POOL_OPTIONS = ('filter_function', 'goodness_function', 'max_over_subscription_ratio')
_SERVER_OPTIONS = ('max_shares_per_share_server', 'max_share_server_size')

_DEFAULTS: dict[str, Any] = {
    'qos': False,
    'dedupe': False,
    'compression': False,
    'revert_to_snapshot_support': False,
    'mount_snapshot_support': False,
    'mount_point_name_support': False,
    'snapshot_inherit_share_access_support': False,
    'replication_type': None,
    'encryption_support': None,
    'qos_type_support': False,
    'share_group_stats': {'consistent_snapshot_support': None},
}

_DRIVER_ATTRIBUTES = (
    'security_service_update_support',
    'network_allocation_update_support',
    'share_server_multiple_subnet_support',
    'share_replicas_migration_support',
)


_NO_CLAIM = store.Claim()


def report(
    backend: BackEnd, stats: dict[str, Any], claim: store.Claim = _NO_CLAIM
) -> dict[str, Any]:
    """The whole report: what the driver says, and where it says nothing, options and defaults.

    :param stats: the driver's own answer
    :param claim: what migrations that are not over yet will take
    """
    config = backend.config
    level = _DEFAULTS | {
        name: backend.handles_servers and getattr(backend.driver, name)
        for name in _DRIVER_ATTRIBUTES
    }
    pool = {
        key: getattr(config, option) or config.reserved_share_percentage
        for key, option in _RESERVED.items()
    }
    pool |= {name: getattr(config, name) for name in _POOL_OPTIONS}
    if backend.handles_servers:
        pool |= {name: getattr(config, name) for name in _SERVER_OPTIONS}
        level['server_pools_mapping'] = {}
    fixed = {
        'share_backend_name': config.backend_name,
        'driver_handles_share_servers': backend.handles_servers,
        'replication_domain': config.replication_domain,
    }
    merged = level | pool | stats | fixed
    if stats.get('pools') is not None:
        # What no pool takes over from the level above by itself has to stand in each.
        common = {name: merged[name] for name in pool}
        merged['pools'] = [_lowered(common | own, claim) for own in stats['pools']]
    return _lowered(merged, claim)


def _lowered(level: dict[str, Any], claim: store.Claim) -> dict[str, Any]:
    """Capacities less what migrations will take.

    Into which pool they go is up to the driver, so each of them is spared.
    """
    lowered = dict(level)
    for key, change in (
        ('free_capacity_gb', -claim.missing),
        ('provisioned_capacity_gb', claim.promised),
    ):
        if isinstance(level.get(key), int | float):
            lowered[key] = max(0, level[key] + change)
    return lowered
