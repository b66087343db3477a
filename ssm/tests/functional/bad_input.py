# SPDX-License-Identifier: Apache-2.0

"""What each route takes and what it answers to the rest: the table of ``test_bad_input``.

For each route that takes a body there is a good one, and for each field of it the kinds of values
(see ``KINDS``) that are accepted; all other kinds have to be refused by 400, or by the code said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

Key = tuple[str, str, str | None]
"""Method, path and action of routes; the old name of an action need not be there."""

KINDS: dict[str, Any] = {
    'null': None,
    'true': True,
    'number': 7,
    'negative': -1,
    'fraction': 1.5,
    'huge': 2**63,
    'list': ['x'],
    'object': {'x': 'y'},
    'nested': {'x': {'y': ['z']}},
    'empty': '',
    'blank': ' ',
    'word': 'yes',
    'digits': '2',
    'string': 'nonsense ü☃𝄞',
    'long': 'x' * 5000,
}
"""Values by kind; a field that is left out is of kind ``missing``."""


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of a body.

    :param good: kinds that are accepted, or ignored, with blanks between
    :param other: code of kinds that are refused otherwise than by 400
    :param said: what a refusal names besides the field
    """

    good: str = ''
    other: Mapping[str, int] = dataclasses.field(default_factory=dict)
    said: str = ''

    def code(self, kind: str) -> int | None:
        """The code of the refusal, None if the kind is accepted."""
        return None if kind in self.good.split() else self.other.get(kind, 400)


def _unknown(code: int, *more: str) -> dict[str, int]:
    """Codes of a reference: a string that could be an id is looked for."""
    return dict.fromkeys(('blank', 'word', 'digits', 'string', *more), code)


TEXT = Field('missing null empty blank word digits string')
NAME = Field('word digits string')
BOOLEAN = Field('missing true word')
IGNORED = Field('missing ' + ' '.join(KINDS))
ID = Field('missing null empty', _unknown(404))
ID_OR_400 = Field('missing null empty')
METADATA = Field('missing null object')


@dataclasses.dataclass(frozen=True)
class Body:
    """What a route takes.

    :param good: a body that is accepted; for an action the value under its key
    :param fields: of the object at ``wrapper``
    :param wrapper: key of the object with the fields; none is the body itself
    :param missing: code where that object is missing or none; None if it may be
    :param code: what is answered to a good body, where that is no success
    :param variables: parts of the path that differ from ``VARIABLES``
    """

    good: Any
    fields: Mapping[str, Field] = dataclasses.field(default_factory=dict)
    wrapper: str | None = None
    missing: int | None = 400
    code: int | None = None
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)


VARIABLES = {
    'share_server_id': 'srv-a',
    'network_id': 'net-a',
    'subnet_id': 'sub-a',
    'share_id': 'share-a',
    'snapshot_id': 'snap-a',
    'access_id': 'rule-a',
    'export_location_id': 'loc-a',
    'replica_id': 'inst-r',
    'type_id': 'type-dhss',
    'key': 'snapshot_support',
    'migration_id': 'migration',
}
_PRIVATE = {'type_id': 'type-secret'}
PROJECT = 'ab' * 16

_TYPE = '/types/{type_id}'
_NETWORK = '/share-networks/{network_id}'
_SHARE = '/shares/{share_id}'
_SNAPSHOT = '/snapshots/{snapshot_id}'
_SERVER = '/share-servers/{share_server_id}'

_NEUTRON = {
    'neutron_net_id': Field('null empty blank word digits string'),
    'neutron_subnet_id': Field('null empty blank word digits string'),
}
_ZONE = {'availability_zone': ID_OR_400}
_PUBLIC = 'share_type_access:is_public'
_STATUS = {'status': Field()}
_PROJECT = Body({'project': PROJECT}, {'project': Field()}, variables=_PRIVATE)
_SERVICE = Body(
    {'host': 'node1@beta', 'binary': 'manila-share'},
    {
        'host': Field(other=_unknown(404, 'empty', 'long'), said='service'),
        'binary': Field(other=_unknown(404, 'empty', 'long'), said='service'),
        'disabled_reason': Field('missing'),
    },
)
_NOTHING = Body(None, missing=None)
"""An action whose value is ignored."""
_MIGRATION = Body(
    {
        'host': 'node1@beta',
        'writable': True,
        'nondisruptive': False,
        'preserve_snapshots': True,
    },
    {
        'host': Field(other=_unknown(404, 'empty', 'long'), said='back end'),
        'writable': Field('true word'),
        'nondisruptive': Field('true word'),
        'preserve_snapshots': Field('true word'),
        'new_share_network_id': ID_OR_400,
    },
)

_RULE = Body(
    {'access_type': 'ip', 'access_to': '10.1.1.1'},
    {
        'access_type': Field(),
        'access_to': Field(),
        'access_level': Field('missing null'),
        'metadata': METADATA,
    },
)

BODIES: dict[Key, Body] = {
    ('POST', '/types', None): Body(
        {'share_type': {'name': 'new', 'extra_specs': {'driver_handles_share_servers': True}}},
        {
            'name': NAME,
            'description': TEXT,
            'extra_specs': Field(said='xtra spec'),
            _PUBLIC: BOOLEAN,
            'os-share-type-access:is_public': BOOLEAN,
        },
        'share_type',
    ),
    ('PUT', _TYPE, None): Body(
        {'share_type': {'name': 'new', 'description': 'x'}},
        {
            'name': Field('missing null word digits string'),
            'description': TEXT,
            _PUBLIC: Field('missing null true word'),
        },
        'share_type',
    ),
    ('POST', f'{_TYPE}/action', 'addProjectAccess'): _PROJECT,
    ('POST', f'{_TYPE}/action', 'removeProjectAccess'): dataclasses.replace(_PROJECT, code=404),
    ('POST', f'{_TYPE}/extra_specs', None): Body(
        {'extra_specs': {'colour': 'blue', 'replication_type': 'dr'}},
        {
            'colour': Field(
                'missing true number negative fraction huge blank word digits string',
            ),
            'replication_type': Field('missing'),
        },
        'extra_specs',
    ),
    ('PUT', f'{_TYPE}/extra_specs/{{key}}', None): Body(
        {'snapshot_support': 'True'}, {'snapshot_support': Field('true word')}
    ),
    ('POST', '/share-networks', None): Body(
        {'share_network': {'neutron_net_id': 'n', 'neutron_subnet_id': 's'}},
        {
            'name': TEXT,
            'description': TEXT,
            **_NEUTRON,
            **_ZONE,
            'nova_net_id': Field('missing'),
        },
        'share_network',
        422,
    ),
    ('PUT', _NETWORK, None): Body(
        {'share_network': {'name': 'new', 'neutron_net_id': 'n', 'neutron_subnet_id': 's'}},
        {
            'name': TEXT,
            'description': TEXT,
            'neutron_net_id': Field('empty blank word digits string'),
            'neutron_subnet_id': Field('empty blank word digits string'),
            'nova_net_id': Field('missing'),
        },
        'share_network',
        422,
        variables={'network_id': 'net-err'},
    ),
    ('POST', f'{_NETWORK}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{_NETWORK}/action', 'share_network_subnet_create_check'): Body(
        {'neutron_net_id': 'n', 'neutron_subnet_id': 's'},
        {**_NEUTRON, **_ZONE, 'reset_operation': BOOLEAN},
    ),
    ('POST', f'{_NETWORK}/subnets', None): Body(
        {
            'share-network-subnet': {
                'neutron_net_id': 'n',
                'neutron_subnet_id': 's',
                'availability_zone': 'other',
            }
        },
        # Without a zone it would be a second default subnet, and the first one has servers.
        {**_NEUTRON, 'availability_zone': Field(said='subnets of this zone')},
        'share-network-subnet',
    ),
    ('PUT', '/os-services/enable', None): _SERVICE,
    ('PUT', '/os-services/disable', None): _SERVICE,
    ('PUT', '/services/enable', None): _SERVICE,
    ('PUT', '/services/disable', None): _SERVICE,
    ('POST', '/share-replicas', None): Body(
        {'share_replica': {'share_id': 'share-r', 'availability_zone': 'nova'}},
        {'share_id': Field(other=_unknown(404, 'long')), 'availability_zone': IGNORED},
        'share_replica',
        422,
        code=400,
    ),
    ('POST', '/shares', None): Body(
        {
            'share': {
                'size': 1,
                'share_proto': 'NFS',
                'share_type': 'dhss',
                'share_network_id': 'net-a',
            }
        },
        {
            'size': Field('number digits'),
            'share_proto': Field(),
            'name': TEXT,
            'display_name': TEXT,
            'description': TEXT,
            'display_description': TEXT,
            'share_type': ID,
            'volume_type': Field('missing null empty', said='share_type'),
            'share_network_id': Field(other=_unknown(404), said='share network'),
            'snapshot_id': ID,
            'share_group_id': ID,
            'availability_zone': ID,
            'metadata': METADATA,
            'is_public': BOOLEAN,
            'scheduler_hints': Field('missing null object nested'),
            'consistency_group_id': IGNORED,
            'mount_point_name': IGNORED,
        },
        'share',
        422,
    ),
    ('PUT', _SHARE, None): Body(
        {'share': {'display_name': 'new'}},
        {
            'display_name': TEXT,
            'display_description': TEXT,
            'name': TEXT,
            'description': TEXT,
            'is_public': BOOLEAN,
            'size': IGNORED,
        },
        'share',
        422,
    ),
    ('POST', f'{_SHARE}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{_SHARE}/action', 'force_delete'): dataclasses.replace(
        _NOTHING, variables={'share_id': 'share-p'}
    ),
    ('POST', f'{_SHARE}/action', 'reset_task_state'): Body(
        {'task_state': 'migration_error'}, {'task_state': Field('null')}
    ),
    ('POST', f'{_SHARE}/action', 'allow_access'): _RULE,
    # Metadata of rules came later.
    ('POST', f'{_SHARE}/action', 'os-allow_access'): dataclasses.replace(
        _RULE, fields={**_RULE.fields, 'metadata': IGNORED}
    ),
    ('POST', f'{_SHARE}/action', 'deny_access'): Body(
        {'access_id': 'rule-a'},
        {'access_id': Field(other=_unknown(404, 'empty', 'long'), said='access rule')},
    ),
    ('POST', f'{_SHARE}/action', 'access_list'): _NOTHING,
    ('POST', '/snapshots', None): Body(
        {'snapshot': {'share_id': 'share-a'}},
        {
            'share_id': Field(other=_unknown(404, 'empty'), said='share'),
            'name': TEXT,
            'display_name': TEXT,
            'description': TEXT,
            'display_description': TEXT,
            'force': IGNORED,
        },
        'snapshot',
        422,
    ),
    ('PUT', _SNAPSHOT, None): Body(
        {'snapshot': {'display_name': 'new'}},
        {'display_name': TEXT, 'display_description': TEXT, 'name': TEXT, 'size': IGNORED},
        'snapshot',
        422,
    ),
    ('POST', f'{_SNAPSHOT}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{_SNAPSHOT}/action', 'force_delete'): _NOTHING,
    ('POST', '/share-servers/manage', None): Body(
        {
            'share_server': {
                'host': 'node1@beta',
                'share_network_id': 'net-a',
                'identifier': 'on_storage',
                'share_network_subnet_id': 'sub-a',
            }
        },
        {
            'host': Field(),
            'share_network_id': Field(),
            'identifier': Field('digits word string'),
            'share_network_subnet_id': ID_OR_400,
            'driver_options': Field('missing null object nested'),
        },
        'share_server',
        422,
    ),
    ('POST', f'{_SERVER}/action', 'unmanage'): Body(
        {'force': True},
        {'force': BOOLEAN},
        missing=None,
        variables={'share_server_id': 'srv-idle'},
    ),
    ('POST', f'{_SERVER}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{_SERVER}/action', 'reset_task_state'): Body(
        {'task_state': 'migration_error'}, {'task_state': Field('null')}
    ),
    ('POST', f'{_SERVER}/action', 'migration_check'): _MIGRATION,
    ('POST', f'{_SERVER}/action', 'migration_start'): _MIGRATION,
    ('POST', f'{_SERVER}/action', 'migration_complete'): dataclasses.replace(
        _NOTHING, variables={'share_server_id': 'srv-m'}
    ),
    ('POST', f'{_SERVER}/action', 'migration_cancel'): dataclasses.replace(
        _NOTHING, variables={'share_server_id': 'srv-m'}
    ),
    ('POST', f'{_SERVER}/action', 'migration_get_progress'): dataclasses.replace(
        _NOTHING, variables={'share_server_id': 'srv-m'}
    ),
    ('POST', '/share-server-migrations/{migration_id}/action', 'recover'): dataclasses.replace(
        _NOTHING, code=409
    ),
}


# Queries

QUERY_KINDS: dict[str, str] = {
    'empty': '',
    'string': 'nonsense',
    'word': 'yes',
    'digits': '2',
    'negative': '-1',
    'fraction': '1.5',
    'underscore': '1_0',
    'huge': '9' * 30,
    'dict': "{'a': 'b'}",
    'pairs': "{'a': ['b']}",
    'wide': repr(dict.fromkeys(map(str, range(3000)), 'x')),
    'deep': '{"a": ' * 2000,
    'quotes': '\'"\\%_;--',
    'bracket': '[',
    'letters': 'ü☃𝄞',
    'long': 'x' * 5000,
}
"""Values by kind."""

TEXTS = ('empty', 'huge', 'dict', 'quotes', 'bracket', 'letters', 'long')
"""The kinds that are tried where any text will do."""


ANY = Field(' '.join(QUERY_KINDS))


def _filters(*names: str) -> dict[str, Field]:
    return dict.fromkeys(names, ANY)


INTEGER = Field('digits')
DICTIONARY = Field('dict')
_PAGE = {'limit': INTEGER, 'offset': INTEGER, 'marker': ANY}
_ALL = {'all_tenants': Field('empty word')}
_SORT = {'sort_key': Field(), 'sort_dir': Field(), 'with_count': Field('word')}
_NAMES = _filters('name', 'name~', 'description', 'description~', 'status', 'project_id')

_SHARES = {
    **_PAGE,
    **_ALL,
    **_SORT,
    **_NAMES,
    **_filters(
        'share_type_id',
        'snapshot_id',
        'share_network_id',
        'share_group_id',
        'host',
        'share_server_id',
        'export_location_id',
        'export_location_path',
    ),
    'is_public': Field('word'),
    'is_soft_deleted': Field('word'),
    'metadata': DICTIONARY,
    'extra_specs': DICTIONARY,
}
_SNAPSHOTS = {
    **_PAGE,
    **_ALL,
    **_SORT,
    **_NAMES,
    'share_id': ANY,
    'size': INTEGER,
    'usage': Field(),
}
_NETWORKS = {
    **_PAGE,
    **_ALL,
    **_NAMES,
    'created_since': Field(),
    'created_before': Field(),
    **_filters('ip_version', 'segmentation_id', 'mtu', 'cidr', 'security_service_id', 'id'),
}
_SERVICES = _filters('host', 'binary', 'zone', 'status', 'state', 'topic', 'ensuring')
_REGEXES = dict.fromkeys(
    ('name', 'host', 'backend', 'pool'),
    Field(' '.join(kind for kind in QUERY_KINDS if kind != 'bracket')),
)
_POOLS = {**_REGEXES, 'share_type': Field()}
_REPLICAS = {**_PAGE, 'share_id': ANY}
_TYPES = {
    'is_public': Field('word'),
    'extra_specs': DICTIONARY,
}

QUERIES: dict[str, dict[str, Field]] = {
    '/types': _TYPES,
    '/share-networks': _NETWORKS,
    '/share-networks/detail': _NETWORKS,
    '/os-services': _SERVICES,
    '/services': _SERVICES,
    '/scheduler-stats/pools': _POOLS,
    '/scheduler-stats/pools/detail': _POOLS,
    '/share-replicas': _REPLICAS,
    '/share-replicas/detail': _REPLICAS,
    '/shares': _SHARES,
    '/shares/detail': _SHARES,
    '/share-access-rules': {
        'share_id': Field(),
        **_filters('id', 'access_type', 'access_to', 'access_key', 'access_level'),
        'metadata': DICTIONARY,
    },
    '/snapshots': _SNAPSHOTS,
    '/snapshots/detail': _SNAPSHOTS,
    '/share-servers': _filters(
        'id',
        'host',
        'status',
        'is_auto_deletable',
        'task_state',
        'project_id',
        'share_network',
        'share_network_subnet_id',
        'limit',
        'offset',
    ),
    '/share-server-migrations': {
        'limit': INTEGER,
        'offset': INTEGER,
        **_filters(
            'source_share_server_id',
            'destination_share_server_id',
            'source_host',
            'destination_host',
            'state',
        ),
    },
}
"""Parameters of routes without a resource in the path, by path."""

QUERY_CODES = {'/share-server-migrations': 400}
"""Code for a parameter nobody knows, where that is not ignored."""

NEEDED = {'/share-access-rules': 'share_id=share-a'}
"""Parameters without which there is no answer."""

READS_NOTHING = frozenset(
    {
        '/',
        '/types/default',
        '/os-availability-zone',
        '/availability-zones',
        '/extensions',
    }
)
"""Routes without a resource in the path that have no parameters."""


# What belongs to another project

_ADMINISTRATORS = (
    ('POST', '/types', None),
    ('PUT', _TYPE, None),
    ('DELETE', _TYPE, None),
    ('GET', f'{_TYPE}/share_type_access', None),
    ('GET', f'{_TYPE}/os-share-type-access', None),
    ('POST', f'{_TYPE}/action', 'addProjectAccess'),
    ('POST', f'{_TYPE}/action', 'removeProjectAccess'),
    ('GET', f'{_TYPE}/extra_specs', None),
    ('POST', f'{_TYPE}/extra_specs', None),
    ('GET', f'{_TYPE}/extra_specs/{{key}}', None),
    ('PUT', f'{_TYPE}/extra_specs/{{key}}', None),
    ('DELETE', f'{_TYPE}/extra_specs/{{key}}', None),
    ('POST', f'{_NETWORK}/action', 'reset_status'),
    *(('GET', path, None) for path in ('/os-services', '/services')),
    *(
        ('PUT', f'{path}/{word}', None)
        for path in ('/os-services', '/services')
        for word in ('enable', 'disable')
    ),
    ('GET', '/scheduler-stats/pools', None),
    ('GET', '/scheduler-stats/pools/detail', None),
    ('POST', f'{_SHARE}/action', 'reset_status'),
    ('POST', f'{_SHARE}/action', 'force_delete'),
    ('POST', f'{_SHARE}/action', 'reset_task_state'),
    ('POST', f'{_SNAPSHOT}/action', 'reset_status'),
    ('POST', f'{_SNAPSHOT}/action', 'force_delete'),
    ('GET', '/share-servers', None),
    ('GET', _SERVER, None),
    ('GET', f'{_SERVER}/details', None),
    ('DELETE', _SERVER, None),
    ('POST', '/share-servers/manage', None),
    *(
        ('POST', f'{_SERVER}/action', action)
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
_SUBNET = f'{_NETWORK}/subnets/{{subnet_id}}'
_LOCATIONS = f'{_SHARE}/export_locations'

FOREIGN: dict[Key, int] = {
    **dict.fromkeys(_ADMINISTRATORS, 403),
    **dict.fromkeys(
        (
            ('GET', _TYPE, None),
            ('GET', _NETWORK, None),
            ('PUT', _NETWORK, None),
            ('DELETE', _NETWORK, None),
            ('POST', f'{_NETWORK}/action', 'share_network_subnet_create_check'),
            ('GET', f'{_NETWORK}/subnets', None),
            ('POST', f'{_NETWORK}/subnets', None),
            ('GET', _SUBNET, None),
            ('DELETE', _SUBNET, None),
            ('GET', '/share-replicas/{replica_id}', None),
            ('POST', '/share-replicas', None),
            ('DELETE', '/share-replicas/{replica_id}', None),
            ('POST', '/shares', None),
            ('GET', _SHARE, None),
            ('PUT', _SHARE, None),
            ('DELETE', _SHARE, None),
            ('POST', f'{_SHARE}/action', 'allow_access'),
            ('POST', f'{_SHARE}/action', 'deny_access'),
            ('POST', f'{_SHARE}/action', 'access_list'),
            ('GET', '/share-access-rules/{access_id}', None),
            ('POST', '/snapshots', None),
            ('GET', _SNAPSHOT, None),
            ('PUT', _SNAPSHOT, None),
            ('DELETE', _SNAPSHOT, None),
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
    ('GET', _SHARE, None): 200,
    ('PUT', _SHARE, None): 403,
    ('DELETE', _SHARE, None): 403,
    ('POST', f'{_SHARE}/action', 'allow_access'): 403,
    ('POST', f'{_SHARE}/action', 'deny_access'): 403,
    ('GET', _LOCATIONS, None): 200,
}
"""The same of a public share of project bb."""

UNKNOWN: dict[Key, int] = {
    ('PUT', f'{_TYPE}/extra_specs/{{key}}', None): 400,
    ('POST', f'{_SERVER}/action', 'migration_get_progress'): 400,
}
"""Code for an id that is none, where it is not 404. The key is no id: the body has to name it."""

CLOSED = frozenset(
    {
        ('PUT', f'{_TYPE}/extra_specs/{{key}}', None),
        ('POST', f'{_TYPE}/extra_specs', None),
    }
)
"""Routes that take every field for an extra spec."""
