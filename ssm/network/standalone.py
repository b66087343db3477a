# SPDX-License-Identifier: Apache-2.0

"""Addresses out of a range written in the configuration, without a network service."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from oslo_config import cfg

from ssm.conf import network as network_conf
from ssm.network.base import Allocation, NetworkPlugin, NoFreeAddress, SubnetValues

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Range = tuple[int, int]

_PREFIX = 'standalone_network_plugin_'
_FLAT = 'flat'


class StandaloneNetwork(NetworkPlugin):
    """One network for all share servers of the stanza (rest-api 10.4).

    The ids of Neutron that a subnet may carry are ignored.
    """

    options = network_conf.STANDALONE_OPTS

    def __init__(self, conf: cfg.ConfigOpts, group: str) -> None:
        super().__init__(conf, group)
        self.ip_version = self._ip_version()
        self.gateway = self._gateway()
        self.network = self._network()
        self.ranges = self._ranges()
        self.reserved = {self.network.network_address, self.gateway, self.network.broadcast_address}
        # Read here once, so that a bad value shows at start.
        self._values = SubnetValues(
            network_type=self._own('network_type') or _FLAT,
            segmentation_id=self._own('segmentation_id'),
            cidr=str(self.network),
            gateway=str(self.gateway),
            ip_version=self.ip_version,
            mtu=self._own('mtu'),
        )

    def allocate(
        self, server_subnet: Mapping[str, Any] | None, used: Collection[str], count: int
    ) -> list[Allocation]:
        """The lowest addresses that are neither reserved nor used."""
        taken = self.reserved | {ipaddress.ip_address(address) for address in used}
        free = (address for address in self._addresses() if address not in taken)
        chosen = list(itertools.islice(free, count))
        if len(chosen) < count:
            raise NoFreeAddress(
                network=f'Network {self.network} of [{self.group}]', free=len(chosen), count=count
            )
        return [
            Allocation(ip_address=str(address), mac_address=None, **self._values)
            for address in chosen
        ]

    def subnet_values(self) -> SubnetValues:
        """The same for every subnet."""
        return self._values.copy()

    def _addresses(self) -> Iterator[Address]:
        """All that may be given out, lowest first, reserved ones included."""
        make = type(self.gateway)
        return (make(n) for first, last in self.ranges for n in range(first, last + 1))

    def _own(self, name: str) -> Any:
        return self.option(_PREFIX + name)

    def _required(self, name: str) -> str:
        value = self._own(name)
        if not value:
            raise self.bad_option(_PREFIX + name, 'has to be set')
        return value

    def _ip_version(self) -> int:
        if self.option('network_plugin_ipv6_enabled'):
            return 6
        if self.option('network_plugin_ipv4_enabled'):
            return 4
        raise self.bad_option(
            'network_plugin_ipv4_enabled',
            'is off, and so is network_plugin_ipv6_enabled; one of them is needed',
        )

    def _address(self, option: str, text: str) -> Address:
        """Reads an address of the enabled family."""
        try:
            address = ipaddress.ip_address(text.strip())
        except ValueError as error:
            raise self.bad_option(_PREFIX + option, str(error)) from error
        if address.version != self.ip_version:
            raise self.bad_option(
                _PREFIX + option,
                f'{address} is no IPv{self.ip_version} address, the enabled family',
            )
        return address

    def _gateway(self) -> Address:
        return self._address('gateway', self._required('gateway'))

    def _network(self) -> Network:
        mask = self._required('mask')
        try:
            return ipaddress.ip_network(f'{self.gateway}/{mask}', strict=False)
        except ValueError as error:
            raise self.bad_option(_PREFIX + 'mask', str(error)) from error

    def _ranges(self) -> list[Range]:
        items = self._own('allowed_ip_ranges')
        if not items:
            return [(int(self.network.network_address), int(self.network.broadcast_address))]
        return _merged(self._range(item) for item in items)

    def _range(self, item: str) -> Range:
        option = 'allowed_ip_ranges'
        begin, dash, end = item.partition('-')
        bounds = [self._address(option, text) for text in (begin, end if dash else begin)]
        for bound in bounds:
            if bound not in self.network:
                raise self.bad_option(_PREFIX + option, f'{bound} lies outside of {self.network}')
        first, last = map(int, bounds)
        if first > last:
            raise self.bad_option(_PREFIX + option, f'{item} ends before it begins')
        return first, last


def _merged(ranges: Iterable[Range]) -> list[Range]:
    """Sorted, and overlapping ones joined, so that no address comes twice."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
