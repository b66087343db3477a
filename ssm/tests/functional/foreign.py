# SPDX-License-Identifier: Apache-2.0

"""What a member gets who names something of another project: a table of ``test_bad_input``."""

from __future__ import annotations

from typing import Any

from ssm.tests.functional.bad_input import NETWORK, SERVER, SHARE, SNAPSHOT, TYPE, Key

_ADMINISTRATORS = (
    ('POST', '/types', None),
    ('PUT', TYPE, None),
    ('DELETE', TYPE, None),
    ('GET', f'{TYPE}/share_type_access', None),
    ('GET', f'{TYPE}/os-share-type-access', None),
    ('POST', f'{TYPE}/action', 'addProjectAccess'),
    ('POST', f'{TYPE}/action', 'removeProjectAccess'),
    ('GET', f'{TYPE}/extra_specs', None),
    ('POST', f'{TYPE}/extra_specs', None),
    ('GET', f'{TYPE}/extra_specs/{{key}}', None),
    ('PUT', f'{TYPE}/extra_specs/{{key}}', None),
    ('DELETE', f'{TYPE}/extra_specs/{{key}}', None),
    ('POST', f'{NETWORK}/action', 'reset_status'),
    *(('GET', path, None) for path in ('/os-services', '/services')),
    *(
        ('PUT', f'{path}/{word}', None)
        for path in ('/os-services', '/services')
        for word in ('enable', 'disable')
    ),
    ('GET', '/scheduler-stats/pools', None),
    ('GET', '/scheduler-stats/pools/detail', None),
    ('POST', f'{SHARE}/action', 'reset_status'),
    ('POST', f'{SHARE}/action', 'force_delete'),
    ('POST', f'{SHARE}/action', 'reset_task_state'),
    ('POST', f'{SNAPSHOT}/action', 'reset_status'),
    ('POST', f'{SNAPSHOT}/action', 'force_delete'),
    ('GET', '/share-servers', None),
    ('GET', SERVER, None),
    ('GET', f'{SERVER}/details', None),
    ('DELETE', SERVER, None),
    ('POST', '/share-servers/manage', None),
    *(
        ('POST', f'{SERVER}/action', action)
        for action in (
            'unmanage',
            'reset_status',
            'reset_task_state',
            'migration_check',
            'migration_start',
            'migration_complete',
            'migration_cancel',
            'migration_get_progress',
        )
    ),
    ('GET', '/share-server-migrations', None),
    ('GET', '/share-server-migrations/{migration_id}', None),
    ('POST', '/share-server-migrations/{migration_id}/action', 'recover'),
)
_SUBNET = f'{NETWORK}/subnets/{{subnet_id}}'
_LOCATIONS = f'{SHARE}/export_locations'

FOREIGN: dict[Key, int] = {
    **dict.fromkeys(_ADMINISTRATORS, 403),
    **dict.fromkeys(
        (
            ('GET', TYPE, None),
            ('GET', NETWORK, None),
            ('PUT', NETWORK, None),
            ('DELETE', NETWORK, None),
            ('POST', f'{NETWORK}/action', 'share_network_subnet_create_check'),
            ('GET', f'{NETWORK}/subnets', None),
            ('POST', f'{NETWORK}/subnets', None),
            ('GET', _SUBNET, None),
            ('DELETE', _SUBNET, None),
            ('GET', '/share-replicas/{replica_id}', None),
            ('POST', '/share-replicas', None),
            ('DELETE', '/share-replicas/{replica_id}', None),
            ('POST', '/shares', None),
            ('GET', SHARE, None),
            ('PUT', SHARE, None),
            ('DELETE', SHARE, None),
            ('POST', f'{SHARE}/action', 'extend'),
            ('POST', f'{SHARE}/action', 'shrink'),
            ('POST', f'{SHARE}/action', 'revert'),
            ('POST', f'{SHARE}/action', 'allow_access'),
            ('POST', f'{SHARE}/action', 'deny_access'),
            ('POST', f'{SHARE}/action', 'access_list'),
            ('GET', '/share-access-rules/{access_id}', None),
            ('POST', '/snapshots', None),
            ('GET', SNAPSHOT, None),
            ('PUT', SNAPSHOT, None),
            ('DELETE', SNAPSHOT, None),
        ),
        404,
    ),
    ('GET', '/share-access-rules', None): 400,
    ('GET', _LOCATIONS, None): 403,
    ('GET', f'{_LOCATIONS}/{{export_location_id}}', None): 403,
}
"""What a member of project aa gets who names something of project bb, or is no administrator."""

NAMES_NOTHING = frozenset(
    {
        ('GET', '/', None),
        ('GET', '/types', None),
        ('GET', '/types/default', None),
        ('GET', '/share-networks', None),
        ('GET', '/share-networks/detail', None),
        ('POST', '/share-networks', None),
        ('GET', '/os-availability-zone', None),
        ('GET', '/availability-zones', None),
        ('GET', '/share-replicas', None),
        ('GET', '/share-replicas/detail', None),
        ('GET', '/shares', None),
        ('GET', '/shares/detail', None),
        ('GET', '/snapshots', None),
        ('GET', '/snapshots/detail', None),
        ('GET', '/extensions', None),
    }
)
"""Routes for everybody whose requests name nothing that belongs to a project."""

OF_OTHERS = {
    'network_id': 'net-b',
    'subnet_id': 'sub-b',
    'share_id': 'share-b',
    'snapshot_id': 'snap-b',
    'access_id': 'rule-b',
    'export_location_id': 'loc-b',
    'replica_id': 'inst-rb',
    'type_id': 'type-secret',
    'share_server_id': 'srv-b',
}
FOREIGN_BODIES: dict[str, tuple[dict[str, Any], ...]] = {
    '/share-replicas': ({'share_replica': {'share_id': 'share-b'}},),
    '/shares': tuple(
        {'share': {'size': 1, 'share_proto': 'NFS', 'share_type': 'dhss', **named}}
        for named in (
            {'share_network_id': 'net-b'},
            {'snapshot_id': 'snap-b'},
            {'share_network_id': 'net-a', 'share_type': 'secret'},
            {
                'share_network_id': 'net-a',
                'scheduler_hints': {'same_host': 'b0000000-0000-4000-8000-000000000000'},
            },
        )
    ),
    '/snapshots': ({'snapshot': {'share_id': 'share-b'}},),
}
"""Bodies that name something of project bb, by path."""

PUBLIC: dict[Key, int] = {
    ('GET', SHARE, None): 200,
    ('PUT', SHARE, None): 403,
    ('DELETE', SHARE, None): 403,
    ('POST', f'{SHARE}/action', 'allow_access'): 403,
    ('POST', f'{SHARE}/action', 'deny_access'): 403,
    ('GET', _LOCATIONS, None): 200,
}
"""The same of a public share of project bb."""
