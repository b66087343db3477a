# SPDX-License-Identifier: Apache-2.0

"""Commands about services, pools and availability zones (rest-api 4.14 to 4.16)."""

import argparse
from collections.abc import Sequence

from ssm.shell import base, output


def _capabilities(pool: output.Item) -> output.Pairs:
    return output.Pairs(pool['capabilities'])


_CAPABILITIES: output.Column = ('Capabilities', _capabilities)


class List(base.List):
    """List the services and whether they are up."""

    path = '/services'
    key = 'services'
    columns = (
        ('Id', 'id'),
        ('Binary', 'binary'),
        ('Host', 'host'),
        ('Zone', 'zone'),
        ('Status', 'status'),
        ('State', 'state'),
        ('Updated_at', 'updated_at'),
    )
    filters = (
        base.Filter('--host', 'host', 'Only those of this host, for back ends host@backend.'),
        base.Filter('--binary', 'binary', 'Only those of this binary, e.g. manila-share.'),
        base.Filter('--status', 'status', 'Only those that are enabled, or disabled.'),
        base.Filter('--state', 'state', 'Only those that are up, or down.'),
        base.Filter('--zone', 'zone', 'Only those of this availability zone.'),
    )


class ListPools(base.List):
    """List the pools that the scheduler knows."""

    path = '/scheduler-stats/pools'
    key = 'pools'
    columns = (('Name', 'name'), ('Host', 'host'), ('Backend', 'backend'), ('Pool', 'pool'))
    filters = (
        base.Filter('--host', 'host', 'Only those whose host matches this pattern.'),
        base.Filter('--backend', 'backend', 'Only those whose back end matches this pattern.'),
        base.Filter('--pool', 'pool', 'Only those whose pool name matches this pattern.'),
        base.Filter(
            '--share-type', 'share_type', 'Only those that meet this share type, by name or id.'
        ),
    )
    arguments = (
        base.arg('--detail', action='store_true', help='Capabilities too: space, features.'),
    )

    def shown(self, parsed_args: argparse.Namespace) -> Sequence[output.Column]:
        details = (_CAPABILITIES,) if parsed_args.detail else ()
        return (*self.columns, *details)

    def items(self, parsed_args: argparse.Namespace) -> Sequence[output.Item]:
        path = f'{self.path}/detail' if parsed_args.detail else self.path
        return self.client.get(path, self.key, **self.query(parsed_args))


class ListAvailabilityZones(base.List):
    """List the availability zones."""

    path = '/availability-zones'
    key = 'availability_zones'
    columns = (
        ('Id', 'id'),
        ('Name', 'name'),
        ('Created At', 'created_at'),
        ('Updated At', 'updated_at'),
    )
