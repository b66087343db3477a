# SPDX-License-Identifier: Apache-2.0

"""Who may do what with share types and their extra specs."""

from ssm.policies import base

_TYPES = '/types'
_TYPE = '/types/{type_id}'
_SPECS = '/types/{type_id}/extra_specs'
_SPEC = '/types/{type_id}/extra_specs/{key}'

RULES = [
    *base.rules(
        'share_type',
        base.ADMIN,
        (
            ('create', 'POST', _TYPES),
            ('update', 'PUT', _TYPE),
            ('delete', 'DELETE', _TYPE),
            ('list_project_access', 'GET', '/types/{type_id}/share_type_access'),
            ('add_project_access', 'POST', '/types/{type_id}/action'),
            ('remove_project_access', 'POST', '/types/{type_id}/action'),
        ),
    ),
    *base.rules(
        'share_type',
        base.READER,
        (
            ('index', 'GET', _TYPES),
            ('show', 'GET', _TYPE),
            ('default', 'GET', '/types/default'),
        ),
    ),
    *base.rules(
        'share_types_extra_spec',
        base.ADMIN,
        (
            ('index', 'GET', _SPECS),
            ('create', 'POST', _SPECS),
            ('show', 'GET', _SPEC),
            ('update', 'PUT', _SPEC),
            ('delete', 'DELETE', _SPEC),
        ),
    ),
]
