# SPDX-License-Identifier: Apache-2.0

"""Options of the network plug-ins, in the group named by ``network_config_group``.

They are registered in that group when the plug-in is loaded (``ssm.network.load``).
"""

from oslo_config import cfg

PLUGIN_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'network_api_class',
        default='standalone',
        help='Network plug-in that gives share servers their addresses: a name of the entry '
        'point namespace ssm.network or a class path.',
    ),
    cfg.BoolOpt(
        'network_plugin_ipv4_enabled',
        default=True,
        help='Whether the plug-in gives out IPv4 addresses. See network_plugin_ipv6_enabled.',
    ),
    cfg.BoolOpt(
        'network_plugin_ipv6_enabled',
        default=False,
        help='Whether the plug-in gives out IPv6 addresses; wins over '
        'network_plugin_ipv4_enabled where only one family is possible (standalone).',
    ),
]

STANDALONE_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'standalone_network_plugin_gateway',
        help='Address of the gateway of the network share servers live in. Required; its '
        'family has to be the enabled one.',
    ),
    cfg.StrOpt(
        'standalone_network_plugin_mask',
        help='Mask of the network as prefix length (24) or, for IPv4, as address '
        '(255.255.255.0). Required.',
    ),
    cfg.StrOpt(
        'standalone_network_plugin_network_type',
        default='',
        choices=['', 'flat', 'vlan', 'vxlan', 'gre'],
        help='How the network is separated from others; empty means flat.',
    ),
    cfg.IntOpt(
        'standalone_network_plugin_segmentation_id',
        min=0,
        help='Tag of the network (VLAN id, VNI, GRE key). Default: none.',
    ),
    cfg.ListOpt(
        'standalone_network_plugin_allowed_ip_ranges',
        help='Addresses that may be given out: single ones, or ranges as first-last, inside the '
        'network. Network, gateway and broadcast address are never given out. Default: the '
        'whole network.',
    ),
    cfg.IntOpt(
        'standalone_network_plugin_mtu',
        default=1500,
        min=68,
        help='Largest packet of the network in bytes.',
    ),
]
