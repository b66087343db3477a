# SPDX-License-Identifier: Apache-2.0

"""Who may read export locations."""

from ssm.policies import base

RULES = base.rules(
    'share_export_location',
    base.READER,
    [
        ('index', 'GET', '/shares/{share_id}/export_locations'),
        ('show', 'GET', '/shares/{share_id}/export_locations/{export_location_id}'),
    ],
)
