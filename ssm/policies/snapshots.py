# SPDX-License-Identifier: Apache-2.0

"""Who may do what with snapshots; making and removing them is a matter of their share."""

from ssm.policies import base

_ACTION = '/snapshots/{snapshot_id}/action'

RULES = [
    *base.rules(
        'share_snapshot',
        base.ADMIN,
        [
            ('force_delete', 'POST', _ACTION),
            ('reset_status', 'POST', _ACTION),
            ('list_all_projects', 'GET', '/snapshots?all_tenants=1'),
            ('list_snapshots_in_deferred_deletion_states', 'GET', '/snapshots?status={status}'),
        ],
    ),
    *base.rules(
        'share_snapshot',
        base.READER,
        [
            ('get_snapshot', 'GET', '/snapshots/{snapshot_id}'),
            ('get_all_snapshots', 'GET', '/snapshots'),
        ],
    ),
]
