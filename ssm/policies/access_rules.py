# SPDX-License-Identifier: Apache-2.0

"""Who may read access rules; changing them is a matter of their share."""

from ssm.policies import base

RULES = base.rules(
    'share_access_rule',
    base.READER,
    [
        ('get', 'GET', '/share-access-rules/{access_id}'),
        ('index', 'GET', '/share-access-rules?share_id={share_id}'),
    ],
)
