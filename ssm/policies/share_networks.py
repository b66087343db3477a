# SPDX-License-Identifier: Apache-2.0

"""Who may do what with share networks."""

from ssm.policies import base

_NETWORKS = '/share-networks'
_NETWORK = '/share-networks/{network_id}'
_ACTION = '/share-networks/{network_id}/action'

RULES = [
    *base.rules(
        'share_network',
        base.ADMIN,
        (
            ('reset_status', 'POST', _ACTION),
            ('get_all_share_networks', 'GET', _NETWORKS),
            ('show_network_details', 'GET', _NETWORK),
        ),
    ),
    *base.rules(
        'share_network',
        base.MEMBER,
        (
            ('create', 'POST', _NETWORKS),
            ('update', 'PUT', _NETWORK),
            ('delete', 'DELETE', _NETWORK),
            ('subnet_create_check', 'POST', _ACTION),
        ),
    ),
    *base.rules(
        'share_network',
        base.READER,
        (
            ('show', 'GET', _NETWORK),
            ('index', 'GET', _NETWORKS),
            ('detail', 'GET', '/share-networks/detail'),
        ),
    ),
]
