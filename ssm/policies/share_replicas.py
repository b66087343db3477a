# SPDX-License-Identifier: Apache-2.0

"""Who may do what with replicas of shares."""

from ssm.policies import base

_REPLICAS = '/share-replicas'
_REPLICA = '/share-replicas/{replica_id}'

RULES = [
    *base.rules(
        'share_replica',
        base.MEMBER,
        (('create', 'POST', _REPLICAS), ('delete', 'DELETE', _REPLICA)),
    ),
    *base.rules(
        'share_replica',
        base.READER,
        (('get_all', 'GET', _REPLICAS), ('show', 'GET', _REPLICA)),
    ),
]
