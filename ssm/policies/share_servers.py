# SPDX-License-Identifier: Apache-2.0

"""Who may do what with share servers: administrators."""

from ssm.policies import base

_SERVER = '/share-servers/{share_server_id}'
_ACTION = f'{_SERVER}/action'

RULES = base.rules(
    'share_server',
    base.ADMIN,
    [
        ('index', 'GET', '/share-servers'),
        ('show', 'GET', _SERVER),
        ('details', 'GET', f'{_SERVER}/details'),
        ('delete', 'DELETE', _SERVER),
        ('manage_share_server', 'POST', '/share-servers/manage'),
        ('unmanage_share_server', 'POST', _ACTION),
        ('reset_status', 'POST', _ACTION),
        ('share_server_reset_task_state', 'POST', _ACTION),
        ('share_server_migration_check', 'POST', _ACTION),
        ('share_server_migration_start', 'POST', _ACTION),
        ('share_server_migration_complete', 'POST', _ACTION),
        ('share_server_migration_cancel', 'POST', _ACTION),
        ('share_server_migration_get_progress', 'POST', _ACTION),
        (
            'share_server_migration_recover',
            'POST',
            '/share-server-migrations/{migration_id}/action',
        ),
    ],
)
