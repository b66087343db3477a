# SPDX-License-Identifier: Apache-2.0

"""Options of [DEFAULT] that every service reads."""

import socket

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'host',
        default=socket.gethostname(),
        sample_default='<the node name>',
        help='Name of this node in service hosts (host@backend). Must stay the same for the '
        'life of the back ends: shares are found by it.',
    ),
    cfg.StrOpt(
        'state_path',
        default='/var/lib/ssm',
        help='Directory for what a service keeps on its node: locks, state of the dummy driver.',
    ),
    cfg.StrOpt(
        'storage_availability_zone',
        default='nova',
        help='Availability zone of the services, and of back ends without '
        'backend_availability_zone.',
    ),
    cfg.ListOpt(
        'enabled_share_backends',
        default=[],
        help='Stanzas of the back ends ssm-share (and ssm-all) serves, one share manager each. '
        'Stanzas of other back ends that take part in migrations have to be in the file too, '
        'but are not listed here.',
    ),
    cfg.ListOpt(
        'enabled_share_protocols',
        default=['NFS', 'CIFS'],
        help='Protocols shares may be created with.',
    ),
    cfg.StrOpt(
        'default_share_type',
        help='Name of the share type used when a request names none.',
    ),
    cfg.StrOpt('share_name_template', default='share-%s', help='Name of a share on the storage.'),
    cfg.StrOpt(
        'share_snapshot_name_template',
        default='share-snapshot-%s',
        help='Name of a snapshot on the storage.',
    ),
    cfg.IntOpt(
        'report_interval',
        default=10,
        min=1,
        help='Seconds between two heartbeats of a service. See service_down_time.',
    ),
    cfg.IntOpt(
        'service_down_time',
        default=60,
        min=1,
        help='Seconds without a heartbeat after which a service counts as down.',
    ),
    cfg.IntOpt(
        'periodic_interval',
        default=60,
        min=1,
        help='Seconds between two capability reports of a back end to the schedulers.',
    ),
    cfg.BoolOpt(
        'enable_new_services',
        default=True,
        help='Whether a service that shows up for the first time is enabled.',
    ),
]
