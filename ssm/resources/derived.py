# SPDX-License-Identifier: Apache-2.0

"""Values that no column holds: they follow from the rows below a share (rest-api 6.3).

Pure functions over loaded rows; nothing here asks the database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ssm.db import models

TRANSITIONAL = frozenset(
    {
        'backup_creating',
        'backup_restoring',
        'creating',
        'deleting',
        'ensuring',
        'extending',
        'manage_starting',
        'migrating',
        'migrating_to',
        'restoring',
        'reverting',
        'server_migrating',
        'server_migrating_to',
        'shrinking',
        'unmanage_starting',
    }
)
"""Statuses of an instance on which something is being done."""

BUSY_TASK_STATES = frozenset(
    {
        'data_copying_completed',
        'data_copying_completing',
        'data_copying_in_progress',
        'data_copying_starting',
        'migration_completing',
        'migration_driver_in_progress',
        'migration_driver_phase1_done',
        'migration_driver_starting',
        'migration_in_progress',
        'migration_starting',
    }
)
"""Values of a share's ``task_state`` that shut other operations out."""

_INSTANCE_ORDER = (
    'reverting',
    'replication_change',
    'migrating',
    'server_migrating',
    'available',
    'error',
)
_SNAPSHOT_ORDER = (
    'deleting',
    'creating',
    'error',
    'migrating',
    'server_migrating',
    'available',
)
_RULE_ORDER = (
    'error',
    'denying',
    'queued_to_deny',
    'queued_to_update',
    'queued_to_apply',
    'updating',
    'applying',
    'active',
)
_RULES_STATUS_ORDER = ('error', 'syncing', 'active')


def service_host(host: str | None) -> str:
    """``host@backend`` of a pool's ``host@backend#pool``."""
    return (host or '').partition('#')[0]


def _instance_rank(instance: models.ShareInstance) -> tuple[int, str]:
    if instance.status in _INSTANCE_ORDER:
        rank = _INSTANCE_ORDER.index(instance.status)
    else:
        rank = len(_INSTANCE_ORDER) + (instance.status in TRANSITIONAL)
    return rank, instance.id


def representative(instances: Collection[models.ShareInstance]) -> models.ShareInstance | None:
    """The instance whose status, host, server and network the share shows; None of none."""
    if not instances:
        return None
    ordered = sorted(instances, key=_instance_rank)
    if ordered[0].status == 'replication_change':
        return ordered[0]
    return next((i for i in ordered if i.replica_state == 'active'), ordered[0])


def share_status(share: models.Share) -> str | None:
    """Status of a share with loaded instances."""
    instance = representative(share.instances)
    return instance.status if instance else None


def access_rules_status(instances: Iterable[models.ShareInstance]) -> str:
    """The worst of the available instances; ``active`` when none is available."""
    found = {i.access_rules_status for i in instances if i.status == 'available'}
    return next((status for status in _RULES_STATUS_ORDER if status in found), 'active')


def has_replicas(instances: Iterable[models.ShareInstance]) -> bool:
    """Whether a share has more than one replica."""
    return sum(i.replica_state is not None for i in instances) > 1


def is_busy(share: models.Share) -> bool:
    """Whether the share's own task state shuts other operations out."""
    return share.task_state in BUSY_TASK_STATES


def rule_state(states: Collection[str]) -> str | None:
    """The worst state of an access rule over its instances; None without a mapping."""
    found = set(states)
    return next((state for state in _RULE_ORDER if state in found), None)


def _snapshot_rank(instance: models.SnapshotInstance) -> tuple[int, str]:
    replica = instance.share_instance
    if replica.replica_state == 'active':
        return 0, instance.id
    return 1 if replica.status in ('migrating', 'server_migrating') else 2, instance.id


def representative_snapshot(
    instances: Collection[models.SnapshotInstance],
) -> models.SnapshotInstance | None:
    """The snapshot instance a snapshot shows; their ``share_instance`` has to be loaded."""
    return min(instances, key=_snapshot_rank, default=None)


def snapshot_status(instances: Collection[models.SnapshotInstance]) -> str | None:
    """Aggregate status of a snapshot; their ``share_instance`` has to be loaded."""
    replicated = [
        i.status for i in instances if i.share_instance.replica_state in ('active', 'in_sync')
    ]
    if replicated:
        return min(replicated, key=_snapshot_status_rank)
    instance = representative_snapshot(instances)
    return instance.status if instance else None


def _snapshot_status_rank(status: str) -> int:
    known = status in _SNAPSHOT_ORDER
    return _SNAPSHOT_ORDER.index(status) if known else len(_SNAPSHOT_ORDER)
