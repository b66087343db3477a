# SPDX-License-Identifier: Apache-2.0

"""What nfs-ganesha and its bus are told, as texts of their configuration languages."""

from __future__ import annotations

import glob
import ipaddress
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ssm.drivers.linux.refusal import refusal

_PLUGINS = ('/usr/lib/*/ganesha', '/usr/lib64/ganesha', '/usr/lib/ganesha')
_FSAL = 'libfsalvfs.so'
_LEVELS = {'rw': 'RW', 'ro': 'RO'}
_NAME = re.compile(r'[\w.-]+', re.ASCII)
_UNSAFE = re.compile(r'["\\\n]')
_IPV6_PREFIX = 99
"""Longer prefixes than this, less that of a single address, ganesha does not read."""

_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

# Lease and grace are short: after a restart clients wait that long for the first new open. The
# cache of names and attributes is small: there may be many servers on a host, each with its own.
_CORE = """\
NFS_CORE_PARAM {{
  Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false;
  heartbeat_freq = 0; Plugins_Dir = "{plugins}";
}}
NFSv4 {{
  Minor_Versions = {minors}; Lease_Lifetime = {lease}; Grace_Period = {grace}; Graceless = false;
  Only_Numeric_Owners = true; RecoveryBackend = fs; RecoveryRoot = "{recovery}";
}}
MDCACHE {{ Entries_HWMark = 2000; Chunks_HWMark = 100; }}
EXPORT_DEFAULTS {{
  Access_Type = None; Squash = No_Root_Squash; SecType = sys; Protocols = 4; Transports = TCP;
}}
"""

_EXPORT = """\
EXPORT {{
  Export_Id = {id}; Path = "{path}"; Pseudo = "/{name}"; FSAL {{ Name = VFS; }}
{clients}}}
"""


def plugins() -> str | None:
    """Directory of the part of ganesha that serves local file systems, None if there is none."""
    found = [file for place in _PLUGINS for file in glob.glob(f'{place}/{_FSAL}')]
    return str(pathlib.Path(found[0]).parent) if found else None


def bus(socket: pathlib.Path) -> str:
    """A bus where everybody who reaches the socket may do everything."""
    return _BUS.format(socket=socket)


def core(recovery: pathlib.Path, lease: int, minors: str) -> str:
    """NFSv4 by TCP and nothing else.

    :param recovery: keeps who has to be waited for after a restart
    :param lease: seconds a client keeps its state without a sign of life; after a restart it has
        half as long again to get it back
    :param minors: versions of NFSv4, with commas between
    """
    return _CORE.format(
        plugins=plugins(),
        recovery=_quotable(str(recovery)),
        lease=lease,
        grace=lease + lease // 2,
        minors=minors,
    )


def export(number: int, path: pathlib.Path, name: str, rules: Iterable[Mapping[str, Any]]) -> str:
    """One share as ``/<name>``, for the clients of the rules and nobody else.

    :raises DriverRefused: path or name can't be written there
    """
    if not _NAME.fullmatch(name):
        raise refusal('bad_name', f'{name!a} can not be the name of an NFS export.')
    clients = ''.join(f'  {line}\n' for line in _clients(rules))
    return _EXPORT.format(id=number, path=_quotable(str(path)), name=name, clients=clients)


def _quotable(path: str) -> str:
    if _UNSAFE.search(path):
        raise refusal('bad_name', f'{path!a} can not be exported by NFS.', 'Use a simpler path.')
    return path


def problem(rule: Mapping[str, Any]) -> str | None:
    """Why an access rule of type ``ip`` can't hold, None if it can."""
    if rule['access_level'] not in _LEVELS:
        return f'There is no access level {rule["access_level"]}.'
    try:
        network = _network(rule)
    except ValueError as error:
        return f'{rule["access_to"]} is no address or network: {error}.'
    if network.version == 6 and _IPV6_PREFIX < network.prefixlen < network.max_prefixlen:
        return f'IPv6 networks with more than {_IPV6_PREFIX} bits of prefix are not supported.'
    return None


def _network(rule: Mapping[str, Any]) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(rule['access_to'], strict=False)


def _clients(rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The first line that fits to a client decides, so narrow networks go first."""
    pairs = sorted(((_network(rule), rule) for rule in rules), key=lambda p: -p[0].prefixlen)
    for network, rule in pairs:
        if network.prefixlen == network.max_prefixlen:
            names = [str(network.network_address)]
        elif network.prefixlen == 0:
            names = [str(half) for half in network.subnets()]  # it reads no prefix of 0
        else:
            names = [str(network)]
        level = _LEVELS[rule['access_level']]
        yield f'CLIENT {{ Clients = {", ".join(names)}; Access_Type = {level}; }}'
