# SPDX-License-Identifier: Apache-2.0

"""Who may do what with subnets of share networks."""

from ssm.policies import base

_SUBNETS = '/share-networks/{network_id}/subnets'
_SUBNET = '/share-networks/{network_id}/subnets/{subnet_id}'

RULES = [
    *base.rules(
        'share_network_subnet',
        base.MEMBER,
        (('create', 'POST', _SUBNETS), ('delete', 'DELETE', _SUBNET)),
    ),
    *base.rules(
        'share_network_subnet',
        base.READER,
        (('show', 'GET', _SUBNET), ('index', 'GET', _SUBNETS)),
    ),
]
