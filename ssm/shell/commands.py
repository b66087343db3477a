# SPDX-License-Identifier: Apache-2.0

"""All commands: the name on the command line and the class that does it."""

API_VERSION = '2.70'
"""The microversion the commands are written for."""

COMMANDS: dict[str, str] = {
    'share-server-migration-check': 'share_server_migrations:Check',
    'share-server-migration-start': 'share_server_migrations:Start',
    'share-server-migration-complete': 'share_server_migrations:Complete',
    'share-server-migration-cancel': 'share_server_migrations:Cancel',
    'share-server-migration-get-progress': 'share_server_migrations:GetProgress',
    'share-server-migration-watch': 'share_server_migrations:Watch',
    'share-server-migration-list': 'share_server_migrations:List',
    'share-server-migration-show': 'share_server_migrations:Show',
    'share-server-list': 'share_servers:List',
    'share-server-show': 'share_servers:Show',
    'share-server-delete': 'share_servers:Delete',
    'share-server-reset-state': 'share_servers:ResetState',
    'share-server-reset-task-state': 'share_servers:ResetTaskState',
    'share-network-create': 'share_networks:Create',
    'share-network-list': 'share_networks:List',
    'share-network-show': 'share_networks:Show',
    'share-network-delete': 'share_networks:Delete',
    'share-network-subnet-create': 'share_networks:CreateSubnet',
    'share-network-subnet-delete': 'share_networks:DeleteSubnet',
    'type-create': 'share_types:Create',
    'type-list': 'share_types:List',
    'type-key': 'share_types:Key',
    'type-delete': 'share_types:Delete',
    'create': 'shares:Create',
    'share-create': 'shares:Create',
    'list': 'shares:List',
    'share-list': 'shares:List',
    'show': 'shares:Show',
    'share-show': 'shares:Show',
    'delete': 'shares:Delete',
    'share-delete': 'shares:Delete',
    'share-export-location-list': 'shares:ListExportLocations',
    'access-allow': 'access_rules:Allow',
    'access-deny': 'access_rules:Deny',
    'access-list': 'access_rules:List',
    'snapshot-create': 'snapshots:Create',
    'snapshot-list': 'snapshots:List',
    'snapshot-show': 'snapshots:Show',
    'snapshot-delete': 'snapshots:Delete',
    'service-list': 'services:List',
    'pool-list': 'services:ListPools',
    'availability-zone-list': 'services:ListAvailabilityZones',
    'help': 'help:Help',
}
"""Name to ``module:class`` below ``ssm.shell``; a module is imported when its command runs."""
