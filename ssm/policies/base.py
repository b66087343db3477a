# SPDX-License-Identifier: Apache-2.0

"""The rules that all others are made of (rest-api 1.11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from oslo_policy import policy

ADMIN = 'rule:context_is_admin'
MEMBER = 'rule:context_is_admin or rule:project-member'
READER = 'rule:context_is_admin or rule:project-reader'

_SINCE = 'ssm 0.1'
_REASON = 'Roles of the project replace ownership alone.'

_PREDECESSORS = {ADMIN: 'rule:admin_api', MEMBER: 'rule:admin_or_owner'}
_PREDECESSORS[READER] = _PREDECESSORS[MEMBER]

RULES: Sequence[policy.RuleDefault] = (
    policy.RuleDefault('context_is_admin', 'role:admin', 'Who is an administrator.'),
    policy.RuleDefault(
        'context_is_host_admin',
        'role:admin and project_id:%(project_id)s',
        'Who sees hosts: an administrator, in his own project.',
    ),
    policy.RuleDefault(
        'project-member',
        'role:member and project_id:%(project_id)s',
        'A member of the project that owns the resource.',
    ),
    policy.RuleDefault(
        'project-reader',
        'role:reader and project_id:%(project_id)s',
        'A reader of the project that owns the resource.',
    ),
    policy.RuleDefault(
        'owner-user',
        'user_id:%(user_id)s and project_id:%(project_id)s',
        'The user who made the resource.',
    ),
    policy.RuleDefault('admin_api', 'rule:context_is_admin', 'Deprecated: an administrator.'),
    policy.RuleDefault(
        'admin_or_owner',
        'rule:context_is_admin or project_id:%(project_id)s',
        'Deprecated: an administrator, or anybody of the owning project.',
    ),
)


def rules(
    resource: str, check: str, operations: Iterable[tuple[str, str, str]]
) -> list[policy.DocumentedRuleDefault]:
    """Rules of a resource that share a default.

    :param resource: first part of the names
    :param check: ADMIN, MEMBER or READER; its predecessor is OR-ed as long as the operator has
        turned ``[oslo_policy] enforce_new_defaults`` off
    :param operations: second part of the name, method and path of each
    """
    return [
        policy.DocumentedRuleDefault(
            name=f'{resource}:{operation}',
            check_str=check,
            description=f'{operation} of {resource}',
            operations=[{'method': method, 'path': path}],
            scope_types=['project'],
            deprecated_rule=policy.DeprecatedRule(
                f'{resource}:{operation}',
                _PREDECESSORS[check],
                deprecated_reason=_REASON,
                deprecated_since=_SINCE,
            ),
        )
        for operation, method, path in operations
    ]
