# SPDX-License-Identifier: Apache-2.0

"""Who may look at services and take them out of use."""

from ssm.policies import base

RULES = base.rules(
    'service',
    base.ADMIN,
    (
        ('index', 'GET', '/services'),
        ('update', 'PUT', '/services/{enable|disable}'),
    ),
)
