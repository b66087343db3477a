# SPDX-License-Identifier: Apache-2.0

"""Bodies about share networks and their subnets."""

from typing import Any

from ssm.api import params
from ssm.common import exceptions
from ssm.resources import share_networks

_ID = {'type': ['string', 'null'], 'maxLength': 36}

_SUBNET = {
    'neutron_net_id': _ID,
    'neutron_subnet_id': _ID,
    'availability_zone': params.TEXT,
}

check_network = params.validator(
    {'type': 'object', 'properties': {'name': params.TEXT, 'description': params.TEXT, **_SUBNET}}
)

check_subnet = params.validator({'type': 'object', 'properties': _SUBNET})

check_reset_status = params.validator(
    {
        'type': 'object',
        'properties': {'status': {'enum': sorted(share_networks.STATUSES)}},
        'required': ['status'],
    }
)


def neutron_ids(body: dict[str, Any]) -> dict[str, Any]:
    """Both ids of Neutron, which may both be null or absent.

    :raises Invalid: one key is there without the other
    """
    names = ('neutron_net_id', 'neutron_subnet_id')
    if len(body.keys() & names) == 1:
        raise exceptions.Invalid(reason=f'{" and ".join(names)} have to be given together.')
    return {name: body.get(name) for name in names}
