# SPDX-License-Identifier: Apache-2.0

"""A network namespace per share server, connected to a bridge of this host.

A server's record holds ``links``, one per subnet: ``bridge``, ``vlan``, ``mtu``, ``mac``,
``gateway`` and ``addresses`` with prefix lengths. Each becomes a pair of virtual interfaces, one
a port of the bridge, the other ``eth0``, ``eth1``, … in the namespace. While the record says
``waits``, the addresses are another server's, and the ports stay down.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding, sentence
from ssm.drivers.linux import pool, privileged
from ssm.drivers.linux.command import CommandFailed
from ssm.drivers.linux.isolation.base import Isolation
from ssm.drivers.linux.refusal import refusal

_PROGRAMS = ('ip', 'nsenter', 'arping', 'bridge')
_TYPES = (None, '', 'flat', 'vlan')
_VLANS = range(1, 4095)
_ETHERNET_MTU = 1500
_MAC = re.compile(r'[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}')
_NO_NAME = re.compile(r'[^\w.:-]', re.ASCII)

Link = dict[str, Any]


class NetnsIsolation(Isolation):
    """The namespace of one server.

    Its name, of which also the ports' names are made, is a digest of the server's path: two pools
    may have servers of one name, and interfaces have short names.
    """

    def __init__(self, server: pool.Server) -> None:
        super().__init__(server)
        digest = hashlib.sha256(os.fsencode(os.path.realpath(server.path))).hexdigest()
        self.name = f'ssm{digest[:9]}'

    @classmethod
    def unusable(cls, bridge: str | None) -> str | None:
        if os.geteuid():
            return 'namespaces need root'
        if missing := privileged.missing(_PROGRAMS):
            return f'not installed: {", ".join(missing)}'
        if not bridge:
            return 'linux_bridge has to be set'
        if not _place(bridge).is_dir():
            return f'linux_bridge: there is no bridge {bridge}'
        return None

    def admit(self, networks: Iterable[Mapping[str, Any]], bridge: str | None) -> None:
        wrong = [found for network in networks if (found := _unsuitable(network, bridge or ''))]
        if wrong:
            raise DriverRefused(sentence(wrong), findings=wrong)

    def plan(self, network_info: Sequence[Mapping[str, Any]], bridge: str | None) -> dict[str, Any]:
        self.admit(network_info, bridge)
        links = [_link(info, bridge or '') for info in network_info if info['network_allocations']]
        if not links:
            raise refusal('no_address', 'The network plug-in gave the share server no address.')
        return {'links': links}

    def check(self) -> None:
        self._links()

    def details(self) -> dict[str, str]:
        return {'namespace': self.name}

    def _record(self) -> dict[str, Any]:
        return pool.read_json(self.server.record) or {}

    def _links(self) -> list[Link]:
        record = self._record()
        if not record.get('links'):
            raise refusal(
                'no_network',
                f'{self.server.record} names no network for the share server.',
                'A server that was made without a network can only be migrated to one with it.',
            )
        links: list[Link] = record['links']
        return links

    def make(self) -> None:
        links = self._links()
        with self._told():
            self._make(links)

    def up(self) -> None:
        links = self._links()
        with self._told():
            known = self._make(links)
            if not self._record().get('waits'):
                self._open(links, known)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say what a program said of the network."""
        try:
            yield
        except CommandFailed as error:
            reason = ' '.join(error.errors.split('\n'))
            raise refusal(
                'network_failed',
                f'The network {self.name} of the share server can not be made: {reason}',
                'See what the kernel of this host lacks, or who has a name or address already.',
            ) from error

    def _make(self, links: list[Link]) -> dict[str, privileged.Interface]:
        """Make what is missing; a new port stays down. Returns the interfaces inside."""
        if missing := [link['bridge'] for link in links if not _place(link['bridge']).is_dir()]:
            raise refusal(
                'bridge_missing',
                f'There is no bridge {missing[0]} on this host.',
                'Make the bridge, or name another one in linux_bridge for new servers.',
            )
        if not privileged.is_namespace(self.name):
            self.remove()  # ports of a namespace that is gone
            privileged.make_namespace(self.name)
        ports = {path.name for path in self._ports()}
        privileged.ip(
            line for index, link in enumerate(links) for line in self._outside(index, link, ports)
        )
        for index, link in enumerate(links):
            if link['vlan']:
                privileged.tag(self._port(index), link['vlan'])
        known = privileged.interfaces(self.name)
        privileged.ip(_inside(links, known), self.name)
        return known

    def _open(self, links: list[Link], known: dict[str, privileged.Interface]) -> None:
        """Let clients in, and tell them where the addresses are."""
        privileged.ip(f'link set {self._port(index)} up' for index in range(len(links)))
        names = [f'eth{index}' for index in range(len(links))]
        # also if it is the same, the kernel tells all neighbours whose the addresses are
        privileged.ip(
            (
                f'link set {name} address {link["mac"] or known[name].mac}'
                for name, link in zip(names, links, strict=True)
            ),
            self.name,
        )
        for name, link in zip(names, links, strict=True):
            for interface in map(ipaddress.ip_interface, link['addresses']):
                if interface.version == 4:
                    privileged.announce(self.name, name, str(interface.ip))

    def _outside(self, index: int, link: Link, known: set[str]) -> Iterator[str]:
        port = self._port(index)
        if port not in known:
            yield f'link add {port} type veth peer name eth{index} netns {self.name}'
        alias = _NO_NAME.sub('_', self.server.path.name)
        # a port with a small MTU would give it to the whole bridge
        mtu = max(link['mtu'] or 0, _ETHERNET_MTU)
        yield f'link set {port} alias {alias} mtu {mtu} master {link["bridge"]}'

    def down(self) -> None:
        privileged.ip(f'link set {path.name} down' for path in self._ports())

    def remove(self) -> None:
        # a port would go with the namespace, but later, and so long nobody could make it anew
        privileged.ip(f'link delete {path.name}' for path in self._ports())
        if privileged.is_namespace(self.name):
            privileged.ip([f'netns delete {self.name}'])

    def _port(self, index: int) -> str:
        return f'{self.name}-{index}'

    def _ports(self) -> list[pathlib.Path]:
        return sorted(privileged.INTERFACES.glob(f'{self.name}-*'))


def _place(bridge: str) -> pathlib.Path:
    """Where the kernel shows what it has of a bridge."""
    return privileged.INTERFACES / bridge / 'bridge'


def _unsuitable(network: Mapping[str, Any], bridge: str) -> Finding | None:
    """Why a bridge does not lead to a network, None if it does."""
    kind, vlan = network['network_type'], network['segmentation_id']
    if kind not in _TYPES:
        return Finding(
            code='network_type_not_supported',
            message=f'A network of type {kind} can not be reached by a bridge.',
            hint='Use a network of type flat or vlan.',
        )
    if not vlan:
        return None
    switch = _place(bridge) / 'vlan_filtering'
    if vlan not in _VLANS:
        what, hint = f'{vlan} is no number of a VLAN', 'Use one of 1 to 4094.'
    elif not switch.exists():
        what = 'the kernel of this host has no VLANs in bridges'
        hint = 'Use a kernel with CONFIG_BRIDGE_VLAN_FILTERING, or a network without segmentation.'
    elif switch.read_text(encoding='ascii').strip() != '1':
        what = f'the bridge {bridge} does not tell VLANs apart'
        hint = (
            f'See to it that this may be, then: ip link set {bridge} type bridge vlan_filtering 1'
        )
    else:
        return None
    return Finding('vlan_not_supported', f'VLAN {vlan} can not be used: {what}.', hint)


def _link(info: Mapping[str, Any], bridge: str) -> Link:
    """What is kept of a subnet; all of it can stand in a line for ``ip``, one a word.

    :raises DriverRefused: something is not what it should be
    """
    allocations = info['network_allocations']
    mac, gateway, mtu = allocations[0]['mac_address'], info['gateway'], info['mtu']
    try:
        if mac and not _MAC.fullmatch(mac):
            raise ValueError(f'{mac!r} is no MAC address')
        _plain_address(gateway)
        mtu = mtu and int(mtu)
        for allocation in allocations:
            _plain_address(allocation['ip_address'])
    except (TypeError, ValueError) as error:
        raise refusal('bad_name', f'The network plug-in gave something unusable: {error}') from None
    return {
        'bridge': bridge,
        'vlan': info['segmentation_id'] or None,
        'mtu': mtu,
        'mac': mac,
        'gateway': gateway,
        'addresses': [_with_prefix(allocation) for allocation in allocations],
    }


def _plain_address(address: str | None) -> None:
    """Nothing, if it is an address; the zone of an IPv6 one could hold anything.

    :raises ValueError: it is none
    """
    if address:
        ipaddress.ip_address(address)
        if '%' in address:
            raise ValueError(f'{address!r} has a zone')


def _with_prefix(allocation: Mapping[str, Any]) -> str:
    prefix = ipaddress.ip_network(allocation['cidr'], strict=False).prefixlen
    return f'{allocation["ip_address"]}/{prefix}'


def _inside(links: list[Link], known: dict[str, privileged.Interface]) -> Iterator[str]:
    """What has to be done in the namespace.

    :param known: interfaces there are
    """
    yield 'link set lo up'
    led: set[int] = set()
    for index, link in enumerate(links):
        name = f'eth{index}'
        mtu = f'mtu {link["mtu"]} ' if link['mtu'] else ''
        yield f'link set {name} {mtu}up'
        for address in sorted(known[name].addresses - set(link['addresses'])):
            yield f'address delete {address} dev {name}'
        for address in link['addresses']:
            # whose it is was settled by the network plug-in; asking would hold up clients
            unasked = ' nodad' if ':' in address else ''
            yield f'address replace {address} dev {name}{unasked}'
        version = ipaddress.ip_address(link['gateway']).version if link['gateway'] else None
        # the first subnet with a gateway leads to all others
        if version and version not in led:
            led.add(version)
            yield f'route replace default via {link["gateway"]} dev {name} onlink'
