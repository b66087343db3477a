# SPDX-License-Identifier: Apache-2.0

"""The pools of a back end, as its report describes them (rest-api 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INHERITED = (
    'share_backend_name',
    'vendor_name',
    'driver_version',
    'storage_protocol',
    'timestamp',
    'driver_handles_share_servers',
    'snapshot_support',
    'create_share_from_snapshot_support',
    'revert_to_snapshot_support',
    'mount_snapshot_support',
    'dedupe',
    'compression',
    'replication_type',
    'replication_domain',
    'sg_consistent_snapshot_support',
    'security_service_update_support',
    'network_allocation_update_support',
    'share_server_multiple_subnet_support',
    'share_replicas_migration_support',
    'encryption_support',
    'qos_type_support',
    'snapshot_inherit_share_access_support',
    'ipv4_support',
    'ipv6_support',
)
"""Keys a pool takes from the back end's level of the report if it lacks them (rest-api 5.3)."""


def merged_pools(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pools of a report, each with what it takes from the back end's level."""
    groups = report.get('share_group_stats') or {}
    level = {'sg_consistent_snapshot_support': groups.get('consistent_snapshot_support'), **report}
    pools = report.get('pools')
    if pools is None:
        # The mapping of servers to pools is not a property of a pool.
        level.pop('server_pools_mapping', None)
        return [{'pool_name': report.get('share_backend_name') or '_pool0', **level}]
    inherited = {key: level[key] for key in INHERITED if key in level}
    return [{**inherited, **pool} for pool in pools]
