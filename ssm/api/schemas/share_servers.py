# SPDX-License-Identifier: Apache-2.0

"""Bodies about share servers; those of migrations are looked at by ``ssm.migration``."""

from ssm.api import params
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
