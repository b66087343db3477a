# SPDX-License-Identifier: Apache-2.0

"""Options of a back end's stanza, and the object through which they are read."""

from __future__ import annotations

import copy
from typing import Any

from oslo_config import cfg

from ssm.common import exceptions
from ssm.conf import migration

BACKEND_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'share_backend_name',
        help='Name the back end reports, matched by the extra spec of the same name. '
        'Default: the name of the stanza.',
    ),
    cfg.StrOpt(
        'share_driver',
        help='Driver of the back end: a name of the entry point namespace ssm.drivers '
        '(dummy, linux) or a class path.',
    ),
    cfg.BoolOpt(
        'driver_handles_share_servers',
        help='Whether the driver makes share servers per tenant network. Has to be set; '
        'share server migration needs True.',
    ),
    cfg.StrOpt(
        'network_config_group',
        help='Stanza that holds the options of the network plug-in. Default: this stanza.',
    ),
    cfg.StrOpt(
        'admin_network_config_group',
        help='Stanza of a second network plug-in for administrative addresses.',
    ),
    cfg.StrOpt(
        'backend_availability_zone',
        help='Availability zone of this back end. Default: storage_availability_zone.',
    ),
    cfg.FloatOpt(
        'max_over_subscription_ratio',
        default=20.0,
        min=1.0,
        help='How many times its capacity a thin pool may promise.',
    ),
    cfg.IntOpt(
        'reserved_share_percentage',
        default=0,
        min=0,
        max=100,
        help='Per cent of the capacity that new shares may not use.',
    ),
    cfg.IntOpt(
        'reserved_share_from_snapshot_percentage',
        default=0,
        min=0,
        max=100,
        help='The same for shares made from snapshots; 0 takes reserved_share_percentage.',
    ),
    cfg.IntOpt(
        'reserved_share_extend_percentage',
        default=0,
        min=0,
        max=100,
        help='The same for growing shares; 0 takes reserved_share_percentage.',
    ),
    cfg.StrOpt(
        'replication_domain',
        help='Reported with the pools. Back ends of one domain may replicate to each other.',
    ),
    cfg.StrOpt('filter_function', help='Expression a pool must satisfy to take a share.'),
    cfg.StrOpt('goodness_function', help='Expression (0 to 100) that rates a pool for a share.'),
    cfg.IntOpt(
        'max_shares_per_share_server',
        default=-1,
        min=-1,
        help='Shares a server may hold, -1 any number. Not applied to migrations.',
    ),
    cfg.IntOpt(
        'max_share_server_size',
        default=-1,
        min=-1,
        help='Sum of the sizes of the shares of a server in GiB, -1 any. Not applied to '
        'migrations.',
    ),
    cfg.BoolOpt(
        'automatic_share_server_cleanup',
        default=True,
        help='Remove servers without shares after unused_share_server_cleanup_interval.',
    ),
    cfg.IntOpt(
        'unused_share_server_cleanup_interval',
        default=10,
        min=10,
        max=720,
        help='Minutes a server has to be without shares before it is removed.',
    ),
    cfg.IntOpt(
        'migrated_share_server_retention',
        default=60,
        min=-1,
        help='Seconds the source of a completed migration is kept, inactive, before its own '
        'host deletes it; -1 keeps it for good. Read from the source back end.',
    ),
    cfg.IntOpt(
        'max_concurrent_migrations',
        default=4,
        min=1,
        help='Share server migrations to this back end that copy at the same time; '
        'further ones wait in migration_starting.',
    ),
]


def _repeated(option: cfg.Opt) -> cfg.Opt:
    """An option of the service level as it may stand in a stanza: without a default."""
    repeated = copy.copy(option)
    repeated.default = None
    return repeated


_REPEATED = [_repeated(option) for option in migration.OPTS]
_REPEATED_NAMES = frozenset(option.dest for option in _REPEATED)
"""Options of [DEFAULT] that a stanza may repeat, and then wins (rest-api 10.3)."""


class BackendConfig:
    """Options of one back end.

    An option of migrations is looked up in the stanza first; where the stanza does not set it,
    [DEFAULT] answers (rest-api 10.3).

    :param conf: the loaded configuration
    :param name: the stanza, which is also the part of ``host`` after ``@``
    """

    def __init__(self, conf: cfg.ConfigOpts, name: str) -> None:
        self.conf = conf
        self.name = name
        self.register(BACKEND_OPTS)
        self.register(_REPEATED)

    def register(self, options: list[cfg.Opt]) -> None:
        """Make further options readable, e.g. those of the driver."""
        self.conf.register_opts(options, group=self.name)

    def __getattr__(self, option: str) -> Any:
        value = getattr(self.conf[self.name], option)
        if value is None and option in _REPEATED_NAMES:
            return getattr(self.conf, option)
        return value

    @property
    def host(self) -> str:
        """The service host, ``host@backend``."""
        return f'{self.conf.host}@{self.name}'

    @property
    def backend_name(self) -> str:
        """The reported name of the back end."""
        return self.share_backend_name or self.name

    @property
    def availability_zone(self) -> str:
        """The name of the zone the back end lies in."""
        return self.backend_availability_zone or self.conf.storage_availability_zone

    def peer(self, host: str, options: list[cfg.Opt] | None = None) -> BackendConfig:
        """The stanza of another back end, read from this node's configuration (guide, S52).

        :param host: ``host@backend`` or the name of the stanza
        :param options: further options to register there, e.g. those of the driver
        :raises ConfigurationError: this node's configuration has no such stanza
        """
        name = host.rpartition('@')[2].partition('#')[0]
        if name not in self.conf.list_all_sections() and name not in self.conf:
            raise exceptions.ConfigurationError(
                group=name,
                option='share_driver',
                reason='the configuration of this node has no stanza for that back end',
            )
        peer = BackendConfig(self.conf, name)
        peer.register(options or [])
        return peer
