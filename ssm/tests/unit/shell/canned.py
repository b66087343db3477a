# SPDX-License-Identifier: Apache-2.0

"""A small cloud: answers that fit each other, with the ids of the user guide."""

from typing import Any

SOURCE = 'f3089d4f-89e8-4730-b6e6-7cab553df071'
DESTINATION = 'f3fb808f-c2a4-4caa-9805-7caaf55c0522'
NETWORK = 'ac8e103f-c21a-4442-bddc-fdadee093099'
SUBNET = '7f4dd1a0-1b26-4dd4-86e3-1a2c9e6a3b11'
MIGRATION = '0b9a4c1e-6f0d-4d9f-9d0b-0f7f6c3a2e55'
PROJECT = '16e1ab15c35a457e9c2b2aa189f544e1'
SHARE = 'c4a2b6f0-02c4-4d5f-9a2e-4b7f6f5a1d20'
INSTANCE = 'e8a5f7d1-7c53-4a3b-8b35-6d3ab2a8c9f4'
SNAPSHOT = '5d7a1f3b-2f62-4a04-bb7e-7d6c8e9f1a02'
SHARE_TYPE = '2a7c1b90-5e7f-4c27-8d9e-3b6f0c4d8a13'
RULE = '9e6d2c85-4a1f-4f0e-a7b3-8c5d1e2f3a46'

CHECK = {
    'supported_capabilities': {
        'migration_cancel': True,
        'migration_get_progress': True,
        'nondisruptive': False,
        'preserve_snapshots': True,
        'share_network_id': NETWORK,
        'writable': True,
    },
    'requested_capabilities': {
        'host': 'stack@dummy2',
        'nondisruptive': 'False',
        'preserve_snapshots': 'True',
        'share_network_id': None,
        'writable': 'True',
    },
    'compatible': True,
}
"""The guide's check, in another order of keys: the order is the shell's."""

NO_SPACE = {
    'code': 'no_space',
    'severity': 'error',
    'object_type': 'share',
    'object_id': SHARE,
    'message': 'The shares need 40 GiB, the pool has 31 GiB.',
    'hint': 'Free space, or choose another back end.',
}

SERVER = {
    'id': SOURCE,
    'status': 'server_migrating',
    'host': 'stack@dummy1',
    'updated_at': '2025-11-25T07:30:00.000000',
    'project_id': PROJECT,
    'share_network_id': NETWORK,
    'share_network_name': 'tenant-net',
    'share_network_subnet_ids': [SUBNET],
    'is_auto_deletable': True,
    'identifier': SOURCE,
    'task_state': 'migration_driver_in_progress',
    'source_share_server_id': None,
    'security_service_update_support': False,
    'network_allocation_update_support': False,
}

PROGRESS = {
    'bytes_total': 10 * 1024**3,
    'bytes_done': 5 * 1024**3,
    'rate': 120 * 1024**2,
    'seconds_left': 43,
    'round': 1,
    'dirty_bytes': None,
    'predicted_downtime': None,
    'shares': {INSTANCE: {'bytes_total': 10 * 1024**3, 'bytes_done': 5 * 1024**3}},
}

MIGRATION_ROW = {
    'id': MIGRATION,
    'state': 'migration_driver_in_progress',
    'source_share_server_id': SOURCE,
    'destination_share_server_id': DESTINATION,
    'source_host': 'stack@dummy1',
    'destination_host': 'stack@dummy2',
    'share_network_id': NETWORK,
    'mode': 'new_server',
    'writable': True,
    'nondisruptive': False,
    'preserve_snapshots': True,
    'capabilities': {'writable': True, 'nondisruptive': False},
    'total_progress': 50,
    'progress': PROGRESS,
    'steps': [
        {
            'name': 'driver_start',
            'attempts': 1,
            'begun_at': '2025-11-25T07:30:02',
            'done_at': '2025-11-25T07:30:03',
            'reason': None,
        },
        {
            'name': 'copy',
            'attempts': 2,
            'begun_at': '2025-11-25T07:30:03',
            'done_at': None,
            'reason': 'The driver is busy.',
        },
    ],
    'waiting': None,
    'reasons': [],
    'owner': 'stack@dummy2:5f1c0a7e',
    'epoch': 1,
    'attempt': 1,
    'project_id': PROJECT,
    'user_id': 'admin',
    'request_id': 'req-0d2f7c1a',
    'created_at': '2025-11-25T07:30:00.000000',
    'updated_at': '2025-11-25T07:30:45.000000',
    'phase1_done_at': None,
    'finished_at': None,
}

NETWORK_ROW = {
    'id': NETWORK,
    'name': 'tenant-net',
    'project_id': PROJECT,
    'created_at': '2025-11-25T07:00:00.000000',
    'updated_at': None,
    'description': None,
    'share_network_subnets': [
        {
            'id': SUBNET,
            'availability_zone': None,
            'neutron_net_id': None,
            'neutron_subnet_id': None,
            'cidr': '10.0.0.0/24',
            'gateway': '10.0.0.1',
        }
    ],
    'status': 'active',
    'security_service_update_support': True,
    'network_allocation_update_support': True,
}

TYPE_ROW = {
    'id': SHARE_TYPE,
    'name': 'dhss',
    'share_type_access:is_public': True,
    'is_default': False,
    'description': None,
    'required_extra_specs': {'driver_handles_share_servers': 'True'},
    'extra_specs': {'driver_handles_share_servers': 'True', 'snapshot_support': 'True'},
}

SHARE_ROW = {
    'id': SHARE,
    'name': 'home',
    'size': 1,
    'share_proto': 'NFS',
    'status': 'available',
    'description': None,
    'is_public': False,
    'share_type': SHARE_TYPE,
    'share_type_name': 'dhss',
    'volume_type': 'dhss',
    'share_network_id': NETWORK,
    'share_server_id': SOURCE,
    'host': 'stack@dummy1#pool',
    'availability_zone': 'nova',
    'task_state': None,
    'created_at': '2025-11-25T07:10:00.000000',
    'links': [{'rel': 'self', 'href': 'http://127.0.0.1/v2/shares/x'}],
}

LOCATIONS = [
    {
        'id': '1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b',
        'path': '10.0.0.10:/shares/home',
        'preferred': True,
        'is_admin_only': False,
        'share_instance_id': INSTANCE,
    }
]

RULE_ROW = {
    'id': RULE,
    'access_type': 'ip',
    'access_to': '10.0.0.11',
    'access_level': 'rw',
    'state': 'active',
    'created_at': '2025-11-25T07:12:00.000000',
    'updated_at': None,
}

SNAPSHOT_ROW = {
    'id': SNAPSHOT,
    'name': 'monday',
    'description': None,
    'status': 'available',
    'share_id': SHARE,
    'share_size': 1,
    'size': 1,
    'share_proto': 'NFS',
    'created_at': '2025-11-25T07:15:00.000000',
    'links': [],
}

SERVICE_ROW = {
    'id': 2,
    'binary': 'manila-share',
    'host': 'stack@dummy1',
    'zone': 'nova',
    'status': 'enabled',
    'state': 'up',
    'updated_at': '2025-11-25T07:30:00.000000',
}

POOL_ROW = {
    'name': 'stack@dummy1#pool',
    'host': 'stack',
    'backend': 'dummy1',
    'pool': 'pool',
    'capabilities': {'total_capacity_gb': 100, 'free_capacity_gb': 90},
}

ZONE_ROW = {
    'id': '3c5e7a90-1b2d-4f6a-8c0e-9d1f3b5a7c24',
    'name': 'nova',
    'created_at': '2025-11-25T07:00:00.000000',
    'updated_at': None,
}


def migration(**changes: Any) -> dict[str, Any]:
    """The migration with some fields changed."""
    return {'share_server_migrations': [MIGRATION_ROW | changes]}
