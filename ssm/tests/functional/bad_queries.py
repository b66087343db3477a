# SPDX-License-Identifier: Apache-2.0

"""Which parameters the lists take in a query, and what they refuse: a table of ``test_bad_input``.

The fields are those of ``bad_input``, the kinds are ``QUERY_KINDS``.
"""

from __future__ import annotations

from ssm.tests.functional.bad_input import Field

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
