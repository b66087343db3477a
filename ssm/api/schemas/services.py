# SPDX-License-Identifier: Apache-2.0

"""Bodies about services."""

from ssm.api import params

check_service = params.validator(
    {
        'type': 'object',
        'properties': {'host': {'type': 'string'}, 'binary': {'type': 'string'}},
        'required': ['host', 'binary'],
    }
)
