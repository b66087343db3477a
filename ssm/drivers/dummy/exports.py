# SPDX-License-Identifier: Apache-2.0

"""How a simulated share server meets its clients: addresses, export locations, access rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ssm.drivers.base import AccessRule, ExportLocation, NetworkAllocation, NetworkInfo, Share
from ssm.drivers.dummy.simulation import refused

USER_ADDRESSES = 2
"""Addresses a server needs on each subnet."""

DETAILS_WITHOUT_SERVER = {
    'server_id': 'no-server',
    'service_ip': '192.0.2.10',
    'subnet_allocations': json.dumps([{'addresses': ['198.51.100.10', '198.51.100.11']}]),
}
"""Stands for the details where the driver handles no share servers; documentation addresses."""

_ACCESS_TYPES = {'NFS': 'ip', 'CIFS': 'user'}
_PATHS = {'NFS': '{}:/{}', 'CIFS': '\\\\{}\\{}'}


def server_details(server_id: str, network_info: list[NetworkInfo]) -> dict[str, str]:
    """The back end details of a server, made of its addresses alone.

    ``service_ip`` is the administrative address; without an administrative network it is the
    first one of the users'.

    :raises DriverRefused: a subnet has less than :data:`USER_ADDRESSES`
    """
    subnets = [
        {
            'share_network_subnet_id': info['share_network_subnet_id'],
            'addresses': _addresses(info['network_allocations'])[:USER_ADDRESSES],
        }
        for info in network_info
    ]
    if not subnets or any(len(subnet['addresses']) < USER_ADDRESSES for subnet in subnets):
        raise refused(
            'addresses_missing',
            f'A share server needs a subnet, and {USER_ADDRESSES} addresses on each.',
            'Look for errors of the network plug-in.',
            server_id,
        )
    admin = [
        address
        for info in network_info
        for address in _addresses(info['admin_network_allocations'])
    ]
    return {
        'identifier': server_id,
        'server_id': server_id,
        'service_ip': (admin or subnets[0]['addresses'])[0],
        'username': 'dummy',
        'subnet_allocations': json.dumps(subnets),
    }


def addresses(details: Mapping[str, str]) -> list[str]:
    """The service address, then those of each subnet, none twice."""
    subnets = json.loads(details['subnet_allocations'])
    of_users = (address for subnet in subnets for address in subnet['addresses'])
    return list(dict.fromkeys([details['service_ip'], *of_users]))


def export_locations(details: Mapping[str, str], name: str, protocol: str) -> list[ExportLocation]:
    """Where a server with these details exports a share or snapshot (contract 8.1).

    One location for administrators on the service address, then all user addresses of each
    subnet, the first of a subnet marked as preferred.
    """

    def location(address: str, *, admin: bool, preferred: bool) -> ExportLocation:
        return ExportLocation(
            path=_PATHS.get(protocol, _PATHS['NFS']).format(
                f'[{address}]' if ':' in address else address, name
            ),
            is_admin_only=admin,
            metadata={'preferred': str(preferred)},
        )

    return [
        location(details['service_ip'], admin=True, preferred=False),
        *(
            location(address, admin=False, preferred=index == 0)
            for subnet in json.loads(details['subnet_allocations'])
            for index, address in enumerate(subnet['addresses'])
        ),
    ]


def provider_location(details: Mapping[str, str], name: str) -> str:
    """Where a server with these details keeps a snapshot."""
    return f'{details["server_id"]}/{name}'


def applicable_rules(share: Share, rules: Iterable[AccessRule]) -> list[AccessRule]:
    """The rules that the protocol of a share can apply."""
    wanted = _ACCESS_TYPES.get(share['share_proto'])
    return [rule for rule in rules if rule['access_type'] == wanted]


def _addresses(allocations: Iterable[NetworkAllocation]) -> list[str]:
    return [allocation['ip_address'] for allocation in allocations]
