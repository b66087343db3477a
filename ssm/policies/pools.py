# SPDX-License-Identifier: Apache-2.0

"""Who may look at pools."""

from ssm.policies import base

RULES = base.rules(
    'scheduler_stats:pools',
    base.ADMIN,
    (
        ('index', 'GET', '/scheduler-stats/pools'),
        ('detail', 'GET', '/scheduler-stats/pools/detail'),
    ),
)
