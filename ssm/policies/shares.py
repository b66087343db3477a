# SPDX-License-Identifier: Apache-2.0

"""Who may do what with shares."""

from ssm.policies import base

_SHARES = '/shares'
_SHARE = '/shares/{share_id}'
_ACTION = f'{_SHARE}/action'

RULES = [
    *base.rules(
        'share',
        base.ADMIN,
        [
            ('create_public_share', 'POST', _SHARES),
            ('set_public_share', 'PUT', _SHARE),
            ('force_delete', 'POST', _ACTION),
            ('reset_status', 'POST', _ACTION),
            ('reset_task_state', 'POST', _ACTION),
            ('force_extend', 'POST', _ACTION),
            ('extend_beyond_max_share_size_spec', 'POST', _ACTION),
            ('list_by_host', 'GET', f'{_SHARES}?host={{host}}'),
            ('list_by_share_server_id', 'GET', f'{_SHARES}?share_server_id={{share_server_id}}'),
            ('list_all_projects', 'GET', f'{_SHARES}?all_tenants=1'),
            ('list_shares_in_deferred_deletion_states', 'GET', f'{_SHARES}?status={{status}}'),
        ],
    ),
    *base.rules(
        'share',
        base.MEMBER,
        [
            ('create', 'POST', _SHARES),
            ('update', 'PUT', _SHARE),
            ('delete', 'DELETE', _SHARE),
            ('extend', 'POST', _ACTION),
            ('shrink', 'POST', _ACTION),
            ('revert_to_snapshot', 'POST', _ACTION),
            ('allow_access', 'POST', _ACTION),
            ('deny_access', 'POST', _ACTION),
            ('create_snapshot', 'POST', '/snapshots'),
            ('delete_snapshot', 'DELETE', '/snapshots/{snapshot_id}'),
            ('snapshot_update', 'PUT', '/snapshots/{snapshot_id}'),
        ],
    ),
    *base.rules(
        'share',
        base.READER,
        [
            ('get', 'GET', _SHARE),
            ('get_all', 'GET', _SHARES),
            ('access_get_all', 'POST', _ACTION),
        ],
    ),
]
