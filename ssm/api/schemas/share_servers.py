# SPDX-License-Identifier: Apache-2.0

"""Bodies about share servers; those of migrations are looked at by ``ssm.migration``."""

from typing import Any

from ssm.api import params
from ssm.common import exceptions
from ssm.migration.states import RESETTABLE_TASK_STATES, ServerStatus

check_status = params.validator(
    {
        'type': 'object',
        'properties': {'status': {'enum': [str(status) for status in ServerStatus]}},
        'required': ['status'],
    }
)
check_task_state = params.validator(
    {
        'type': 'object',
        'properties': {
            'task_state': {'enum': [state and str(state) for state in RESETTABLE_TASK_STATES]}
        },
        'required': ['task_state'],
    }
)
_check_manage = params.validator(
    {'properties': {'share_network_subnet_id': {'type': ['string', 'null'], 'maxLength': 255}}}
)


def check_manage(body: dict[str, Any]) -> None:
    """Refuse what lacks a mandatory value; the first one is named (contract 2.10)."""
    for name in ('host', 'share_network_id', 'identifier'):
        value = body.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > 255:
            raise exceptions.Invalid(reason=f'{name} has to be a text of 1 to 255 characters.')
    _check_manage(body)
