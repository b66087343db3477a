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
_LARGE = {'share_id': 'share-v'}
PROJECT = 'ab' * 16

TYPE = '/types/{type_id}'
NETWORK = '/share-networks/{network_id}'
SHARE = '/shares/{share_id}'
SNAPSHOT = '/snapshots/{snapshot_id}'
SERVER = '/share-servers/{share_server_id}'

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
    ('PUT', TYPE, None): Body(
        {'share_type': {'name': 'new', 'description': 'x'}},
        {
            'name': Field('missing null word digits string'),
            'description': TEXT,
            _PUBLIC: Field('missing null true word'),
        },
        'share_type',
    ),
    ('POST', f'{TYPE}/action', 'addProjectAccess'): _PROJECT,
    ('POST', f'{TYPE}/action', 'removeProjectAccess'): dataclasses.replace(_PROJECT, code=404),
    ('POST', f'{TYPE}/extra_specs', None): Body(
        {'extra_specs': {'colour': 'blue', 'replication_type': 'dr'}},
        {
            'colour': Field(
                'missing true number negative fraction huge blank word digits string',
            ),
            'replication_type': Field('missing'),
        },
        'extra_specs',
    ),
    ('PUT', f'{TYPE}/extra_specs/{{key}}', None): Body(
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
    ('PUT', NETWORK, None): Body(
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
    ('POST', f'{NETWORK}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{NETWORK}/action', 'share_network_subnet_create_check'): Body(
        {'neutron_net_id': 'n', 'neutron_subnet_id': 's'},
        {**_NEUTRON, **_ZONE, 'reset_operation': BOOLEAN},
    ),
    ('POST', f'{NETWORK}/subnets', None): Body(
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
    ('PUT', SHARE, None): Body(
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
    ('POST', f'{SHARE}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{SHARE}/action', 'force_delete'): dataclasses.replace(
        _NOTHING, variables={'share_id': 'share-p'}
    ),
    ('POST', f'{SHARE}/action', 'reset_task_state'): Body(
        {'task_state': 'migration_error'}, {'task_state': Field('null')}
    ),
    ('POST', f'{SHARE}/action', 'extend'): Body(
        {'new_size': 2}, {'new_size': Field('number digits'), 'force': BOOLEAN}
    ),
    ('POST', f'{SHARE}/action', 'os-extend'): Body(
        {'new_size': 2}, {'new_size': Field('number digits'), 'force': IGNORED}
    ),
    ('POST', f'{SHARE}/action', 'shrink'): Body(
        {'new_size': 1}, {'new_size': Field('digits')}, variables=_LARGE
    ),
    ('POST', f'{SHARE}/action', 'revert'): Body(
        {'snapshot_id': 'snap-v'}, {'snapshot_id': Field()}, variables=_LARGE
    ),
    ('POST', f'{SHARE}/action', 'allow_access'): _RULE,
    # Metadata of rules came later.
    ('POST', f'{SHARE}/action', 'os-allow_access'): dataclasses.replace(
        _RULE, fields={**_RULE.fields, 'metadata': IGNORED}
    ),
    ('POST', f'{SHARE}/action', 'deny_access'): Body(
        {'access_id': 'rule-a'},
        {'access_id': Field(other=_unknown(404, 'empty', 'long'), said='access rule')},
    ),
    ('POST', f'{SHARE}/action', 'access_list'): _NOTHING,
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
    ('PUT', SNAPSHOT, None): Body(
        {'snapshot': {'display_name': 'new'}},
        {'display_name': TEXT, 'display_description': TEXT, 'name': TEXT, 'size': IGNORED},
        'snapshot',
        422,
    ),
    ('POST', f'{SNAPSHOT}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{SNAPSHOT}/action', 'force_delete'): _NOTHING,
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
    ('POST', f'{SERVER}/action', 'unmanage'): Body(
        {'force': True},
        {'force': BOOLEAN},
        missing=None,
        variables={'share_server_id': 'srv-idle'},
    ),
    ('POST', f'{SERVER}/action', 'reset_status'): Body({'status': 'error'}, _STATUS),
    ('POST', f'{SERVER}/action', 'reset_task_state'): Body(
        {'task_state': 'migration_error'}, {'task_state': Field('null')}
    ),
    ('POST', f'{SERVER}/action', 'migration_check'): _MIGRATION,
    ('POST', f'{SERVER}/action', 'migration_start'): _MIGRATION,
    ('POST', f'{SERVER}/action', 'migration_complete'): dataclasses.replace(
        _NOTHING, variables={'share_server_id': 'srv-m'}
    ),
    ('POST', f'{SERVER}/action', 'migration_cancel'): dataclasses.replace(
        _NOTHING, variables={'share_server_id': 'srv-m'}
    ),
    ('POST', f'{SERVER}/action', 'migration_get_progress'): dataclasses.replace(
        _NOTHING, variables={'share_server_id': 'srv-m'}
    ),
    ('POST', '/share-server-migrations/{migration_id}/action', 'recover'): dataclasses.replace(
        _NOTHING, code=409
    ),
}


def _share(**values: Any) -> Any:
    good = BODIES['POST', '/shares', None].good
    return {'share': {**good['share'], **values}}


def _access(access_type: str, access_to: str, **values: Any) -> Any:
    return {'access_type': access_type, 'access_to': access_to, **values}


_MANY = {f'key{n}': 'value' for n in range(5000)}
_UUIDS = [f'00000000-0000-4000-8000-{n:012}' for n in range(2500)]
_ALLOW = ('POST', f'{SHARE}/action', 'allow_access')
_SHARES_POST = ('POST', '/shares', None)
_SPECS = ('POST', f'{TYPE}/extra_specs', None)

DEEP: tuple[tuple[Key, Any, int, str], ...] = (
    (_SHARES_POST, _share(metadata=_MANY), 200, ''),
    (_SHARES_POST, _share(metadata={'a': '1', 'A': '2', 'ü☃𝄞': 'ü☃𝄞'}), 200, ''),
    (_SHARES_POST, _share(metadata={'': 'x'}), 400, 'metadata'),
    (_SHARES_POST, _share(metadata={'x': ' '}), 400, 'metadata'),
    (_SHARES_POST, _share(metadata={'x': 'x' * 1024}), 400, 'metadata'),
    (_SHARES_POST, _share(metadata={'x' * 256: 'x'}), 400, 'metadata'),
    (_SHARES_POST, _share(metadata={'x': 7}), 400, 'metadata'),
    (_SHARES_POST, _share(scheduler_hints={'same_host': 7}), 400, 'same_host'),
    (_SHARES_POST, _share(scheduler_hints={'same_host': ['x', 7]}), 400, 'same_host'),
    (_SHARES_POST, _share(scheduler_hints={'different_host': {'x': 1}}), 400, 'different_host'),
    (_SHARES_POST, _share(scheduler_hints={'only_host': ['x']}), 400, 'only_host'),
    (_SHARES_POST, _share(scheduler_hints={'same_host': _UUIDS}), 404, 'share'),
    (_SHARES_POST, _share(size='9' * 5000), 400, 'size'),
    (_SHARES_POST, _share(size='٣'), 400, 'size'),
    (_ALLOW, _access('ip', '10.1.1.1', metadata=_MANY), 200, ''),
    (_ALLOW, _access('user', 'ü☃𝄞' * 85), 200, ''),
    (_ALLOW, _access('user', 'x' * 256), 400, 'access_to'),
    (_ALLOW, _access('cert', ' ' * 255 + 'x'), 400, 'access_to'),
    (_ALLOW, _access('cephx', 'x' * 256), 400, 'access_to'),
    (_ALLOW, _access('ip', f'10.0.0.0/{"0" * 250}8'), 400, 'access_to'),
    (_ALLOW, _access('ip', '10.0.0.1/8'), 400, 'access_to'),
    (_ALLOW, _access('ip', '10.1.1.1', access_level=['rw']), 400, 'access_level'),
    (_SPECS, {'extra_specs': _MANY}, 200, ''),
    (_SPECS, {'extra_specs': {'a b': 'x'}}, 400, 'a b'),
    (_SPECS, {'extra_specs': {'x' * 256: 'x'}}, 400, 'xtra spec'),
    (_SPECS, {'extra_specs': {'x': 'x' * 256}}, 400, 'xtra spec x'),
)
"""What stands in fields that hold more than one value, and values at their bounds."""

UNKNOWN: dict[Key, int] = {
    ('PUT', f'{TYPE}/extra_specs/{{key}}', None): 400,
    ('POST', f'{SERVER}/action', 'migration_get_progress'): 400,
}
"""Code for an id that is none, where it is not 404. The key is no id: the body has to name it."""

CLOSED = frozenset(
    {
        ('PUT', f'{TYPE}/extra_specs/{{key}}', None),
        ('POST', f'{TYPE}/extra_specs', None),
    }
)
"""Routes that take every field for an extra spec."""
