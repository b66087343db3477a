# SPDX-License-Identifier: Apache-2.0

"""Bodies about share types."""

from ssm.api import params

check_values = params.validator(
    {
        'type': 'object',
        'properties': {
            'name': {'type': ['string', 'null'], 'maxLength': 255},
            'description': params.TEXT,
        },
    }
)
"""Name and description; whether there has to be one is said by the operation."""

check_access = params.validator(
    {
        'type': 'object',
        'properties': {
            'project': {
                'type': 'string',
                # With hyphens, or as Identity writes ids.
                'pattern': '^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$',
            }
        },
        'required': ['project'],
    }
)
