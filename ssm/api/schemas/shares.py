# SPDX-License-Identifier: Apache-2.0

"""Bodies and queries about shares."""

from __future__ import annotations

from collections.abc import Mapping

from ssm.api import params
from ssm.api.listings import Filter

_ID = {'type': ['string', 'null'], 'maxLength': 255}
_NAMES = {
    'name': params.TEXT,
    'display_name': params.TEXT,
    'description': params.TEXT,
    'display_description': params.TEXT,
}

check_names = params.validator({'type': 'object', 'properties': _NAMES})
check_create = params.validator(
    {
        'type': 'object',
        'properties': {
            **_NAMES,
            **dict.fromkeys(
                (
                    'share_type',
                    'volume_type',
                    'share_network_id',
                    'snapshot_id',
                    'share_group_id',
                    'availability_zone',
                ),
                _ID,
            ),
            'scheduler_hints': {'type': ['object', 'null']},
        },
        'required': ['size', 'share_proto'],
    }
)
"""What the values of ``size``, ``share_proto`` and ``metadata`` are is looked at later."""

check_status = params.validator(
    {
        'type': 'object',
        'properties': {'status': {'type': 'string', 'maxLength': 255}},
        'required': ['status'],
    }
)
check_task_state = params.validator(
    {
        'type': 'object',
        'properties': {'task_state': {'type': ['string', 'null'], 'maxLength': 255}},
        'required': ['task_state'],
    }
)

FILTERS: Mapping[str, Filter] = {
    'name': Filter(),
    'status': Filter(),
    'share_type_id': Filter(),
    'snapshot_id': Filter(),
    'share_network_id': Filter(),
    'project_id': Filter(),
    'share_group_id': Filter(),
    'metadata': Filter(parse=params.dictionary),
    'extra_specs': Filter(parse=params.dictionary),
    'host': Filter(),
    'share_server_id': Filter(),
    'export_location_id': Filter(since=(2, 35)),
    'export_location_path': Filter(since=(2, 35)),
    'name~': Filter(since=(2, 36)),
    'description~': Filter(since=(2, 36)),
    'description': Filter(since=(2, 36)),
    'is_soft_deleted': Filter(since=(2, 69), parse=params.boolean),
}
