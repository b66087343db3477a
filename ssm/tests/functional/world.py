# SPDX-License-Identifier: Apache-2.0

"""A small world for stories and tests about shares: who owns what on which server.

======== ======= ======================= ================================================
share    project server                  what is special
======== ======= ======================= ================================================
share-a  aa      srv-a, active           available, two locations, rule-a, snap-a
share-m  aa      srv-m, server_migrating the same in server_migrating: rule-m, snap-m
share-e  aa      none                    in error without a host
share-b  bb      srv-b, active           private, rule-b, snap-b
share-p  bb      srv-b                   public
======== ======= ======================= ================================================

Instances are called ``inst-…``, snapshot instances ``sinst-…``. Server ``srv-to`` is the
destination of ``srv-m``; ``srv-old`` lies on no network any more. Network ``net-a`` (zone nova,
default subnet) and ``net-other`` (zone other only) belong to aa, ``net-err`` is in error.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import orm

from ssm.db import engine, models

_HOST = 'node1@alpha'
_POOL = f'{_HOST}#pool'
_BEGIN = datetime.datetime(2026, 1, 2, 3, 4, 5)


def _at(minute: int) -> datetime.datetime:
    return _BEGIN + datetime.timedelta(minutes=minute)


def _types() -> list[models.Base]:
    specs = {
        'type-dhss': {
            'driver_handles_share_servers': 'True',
            'snapshot_support': 'True',
            'create_share_from_snapshot_support': '<is> True',
        },
        'type-plain': {'driver_handles_share_servers': 'False'},
        'type-zoned': {
            'driver_handles_share_servers': 'True',
            'availability_zones': 'other,third',
            'provisioning:min_share_size': '2',
            'provisioning:max_share_size': '5',
        },
        'type-secret': {'driver_handles_share_servers': 'False'},
    }
    rows: list[models.Base] = [
        models.ShareType(id=id, name=id[5:], is_public=id != 'type-secret') for id in specs
    ]
    rows += [
        models.ShareTypeExtraSpec(share_type_id=id, spec_key=key, spec_value=value)
        for id, values in specs.items()
        for key, value in values.items()
    ]
    return rows


def _networks() -> list[models.Base]:
    network, subnet = models.ShareNetwork, models.ShareNetworkSubnet
    return [
        models.AvailabilityZone(id='zone-nova', name='nova'),
        models.AvailabilityZone(id='zone-other', name='other'),
        network(id='net-a', project_id='aa', name='blue'),
        network(id='net-other', project_id='aa'),
        network(id='net-err', project_id='aa', status='error'),
        network(id='net-b', project_id='bb', name='red'),
        subnet(id='sub-a', share_network_id='net-a'),
        subnet(id='sub-other', share_network_id='net-other', availability_zone_id='zone-other'),
        subnet(id='sub-err', share_network_id='net-err'),
        subnet(id='sub-b', share_network_id='net-b'),
    ]


def _servers() -> list[models.Base]:
    server, mapping = models.ShareServer, models.SubnetMapping
    return [
        server(id='srv-a', host=_HOST, status='active', identifier='a1', created_at=_at(0)),
        server(
            id='srv-m',
            host=_HOST,
            status='server_migrating',
            task_state='migration_driver_in_progress',
            created_at=_at(1),
        ),
        server(
            id='srv-to',
            host='node1@beta',
            status='server_migrating_to',
            task_state='migration_driver_in_progress',
            source_share_server_id='srv-m',
            is_auto_deletable=False,
            created_at=_at(2),
        ),
        server(id='srv-b', host=_HOST, status='active', created_at=_at(3)),
        server(id='srv-old', host=_HOST, status='error', created_at=_at(4)),
        mapping(share_server_id='srv-a', share_network_subnet_id='sub-a'),
        mapping(share_server_id='srv-m', share_network_subnet_id='sub-a'),
        mapping(share_server_id='srv-to', share_network_subnet_id='sub-a'),
        mapping(share_server_id='srv-b', share_network_subnet_id='sub-b'),
        models.BackendDetail(share_server_id='srv-a', key='service_ip', value='10.0.0.2'),
    ]


def share(name: str, project: str, *, at: int = 0, **values: Any) -> list[models.Base]:
    """A share ``share-NAME`` with its one instance ``inst-NAME``.

    :param values: columns of the instance, or of the share if it has them too
    """
    of_share = {
        key: values.pop(key)
        for key in (
            'is_public',
            'snapshot_support',
            'revert_to_snapshot_support',
            'task_state',
            'display_name',
            'size',
        )
        if key in values
    }
    return [
        models.Share(
            **{
                'id': f'share-{name}',
                'project_id': project,
                'user_id': 'anna',
                'size': 1,
                'share_proto': 'NFS',
                'display_name': name,
                'snapshot_support': True,
                'create_share_from_snapshot_support': True,
                'created_at': _at(at),
            }
            | of_share
        ),
        models.ShareInstance(
            **{
                'id': f'inst-{name}',
                'share_id': f'share-{name}',
                'status': 'available',
                'host': _POOL,
                'progress': '100%',
                'share_type_id': 'type-dhss',
                'availability_zone_id': 'zone-nova',
            }
            | values
        ),
    ]


def rule(name: str, target: str) -> list[models.Base]:
    """An active access rule ``rule-NAME`` of ``share-NAME``."""
    return [
        models.AccessRule(
            id=f'rule-{name}', share_id=f'share-{name}', access_type='ip', access_to=target
        ),
        models.AccessMapping(
            share_instance_id=f'inst-{name}', access_id=f'rule-{name}', state='active'
        ),
        models.AccessRuleMetadata(access_id=f'rule-{name}', key='for', value=name),
    ]


def snapshot(name: str, project: str, status: str = 'available') -> list[models.Base]:
    """A snapshot ``snap-NAME`` of ``share-NAME`` with its one instance ``sinst-NAME``."""
    return [
        models.Snapshot(
            id=f'snap-{name}',
            project_id=project,
            user_id='anna',
            share_id=f'share-{name}',
            size=1,
            share_size=1,
            share_proto='NFS',
            display_name=f'of {name}',
            created_at=_at(10),
        ),
        models.SnapshotInstance(
            id=f'sinst-{name}',
            snapshot_id=f'snap-{name}',
            share_instance_id=f'inst-{name}',
            status=status,
            provider_location=f'/snap/{name}',
        ),
    ]


def location(name: str, path: str, *, hidden: bool = False) -> list[models.Base]:
    """An export location ``loc-PATH`` of ``inst-NAME``."""
    return [
        models.ExportLocation(
            uuid=f'loc-{path}',
            share_instance_id=f'inst-{name}',
            path=f'10.0.0.2:/{path}',
            is_admin_only=hidden,
        )
    ]


def everything() -> list[models.Base]:
    """All rows, in an order that foreign keys allow."""
    net_a = {'share_network_id': 'net-a'}
    net_b = {'share_network_id': 'net-b', 'share_server_id': 'srv-b'}
    return [
        *_types(),
        *_networks(),
        *_servers(),
        *share('a', 'aa', at=1, share_server_id='srv-a', **net_a),
        *share('m', 'aa', at=2, share_server_id='srv-m', status='server_migrating', **net_a),
        *share('e', 'aa', at=3, host=None, status='error', progress='0%'),
        *share('b', 'bb', at=4, **net_b),
        *share('p', 'bb', at=5, is_public=True, **net_b),
        models.ShareMetadata(share_id='share-a', key='colour', value='blue'),
        *location('a', 'a'),
        *location('a', 'a-hidden', hidden=True),
        *location('b', 'b'),
        *location('p', 'p'),
        models.ExportLocationMetadata(export_location_id=1, key='preferred', value='True'),
        *rule('a', '10.0.0.0/24'),
        *rule('m', '10.0.0.7'),
        *rule('b', '10.0.0.8'),
        *rule('p', '10.0.0.9'),
        *snapshot('a', 'aa'),
        *snapshot('m', 'aa', 'server_migrating'),
        *snapshot('b', 'bb'),
    ]


@engine.writer
def add(session: orm.Session, rows: list[models.Base]) -> None:
    """Insert rows one after the other."""
    for row in rows:
        session.add(row)
        session.flush()
