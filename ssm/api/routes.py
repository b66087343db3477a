# SPDX-License-Identifier: Apache-2.0

"""The API on one screen: which request is answered by which handler.

Paths are written without ``/v2`` and without the project. Rows that differ in the action only
share a path; the body's one key chooses among them. ``while_migrating`` says what a request that
changes something gets while the share server it concerns is being migrated: a status, or
``ALLOWED`` (decision 11; rest-api 4.1.9, contract 3.6).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from ssm.api import versions
from ssm.api.handlers import (
    access_rules,
    availability_zones,
    export_locations,
    extensions,
    pools,
    services,
    share_actions,
    share_replicas,
    share_server_migrations,
    share_servers,
    share_types,
    shares,
    snapshots,
)
from ssm.api.handlers import share_network_subnets as subnets
from ssm.api.handlers import share_networks as networks
from ssm.api.handlers import share_types_extra_specs as specs

ALLOWED: Final = 'allowed'
Handler = Callable[..., dict[str, Any] | None]
Busy = int | str | None


@dataclasses.dataclass(frozen=True)
class Route:
    """One row.

    :param success: status of the answer
    :param since: first microversion that has it
    :param until: last one, None is open
    :param experimental: whether the experimental header is needed
    :param action: key of the body, for ``…/action``
    :param while_migrating: see above; None only where nothing is changed
    """

    method: str
    path: str
    handler: Handler
    success: int = 200
    since: tuple[int, int] = (2, 0)
    until: tuple[int, int] | None = None
    experimental: bool = False
    action: str | None = None
    while_migrating: Busy = None

    @functools.cached_property
    def segments(self) -> Sequence[str]:
        """The path in its parts."""
        return self.path.split('/')[1:]

    def variables(self, segments: Sequence[str]) -> dict[str, str]:
        """Values of the variable parts in a path that has this form."""
        return {
            name[1:-1]: value
            for name, value in zip(self.segments, segments, strict=True)
            if name.startswith('{')
        }

    def offered(self, version: tuple[int, int], experimental: bool) -> bool:
        """Whether a request of this microversion may use it."""
        return (
            self.since <= version
            and (self.until is None or version <= self.until)
            and (experimental or not self.experimental)
        )


def _action(
    path: str,
    action: str,
    handler: Handler,
    success: int,
    busy: Busy,
    since: tuple[int, int] = (2, 0),
) -> Route:
    return Route(
        'POST', f'{path}/action', handler, success, since, action=action, while_migrating=busy
    )


_VERSIONS = (Route('GET', '/', versions.document),)

_TYPE = '/types/{type_id}'
_SPEC = f'{_TYPE}/extra_specs/{{key}}'
_SHARE_TYPES = (
    Route('GET', '/types', share_types.index),
    Route('POST', '/types', share_types.create, while_migrating=ALLOWED),
    Route('GET', '/types/default', share_types.default),
    Route('GET', _TYPE, share_types.show),
    Route('PUT', _TYPE, share_types.update, since=(2, 50), while_migrating=ALLOWED),
    # Shares have it: refused as long as there is one, migrating or not.
    Route('DELETE', _TYPE, share_types.delete, 202, while_migrating=400),
    Route('GET', f'{_TYPE}/share_type_access', share_types.list_access, since=(2, 7)),
    Route('GET', f'{_TYPE}/os-share-type-access', share_types.list_access),
    _action(_TYPE, 'addProjectAccess', share_types.add_access, 202, ALLOWED),
    _action(_TYPE, 'removeProjectAccess', share_types.remove_access, 202, ALLOWED),
    Route('GET', f'{_TYPE}/extra_specs', specs.index),
    Route('POST', f'{_TYPE}/extra_specs', specs.create, while_migrating=ALLOWED),
    Route('GET', _SPEC, specs.show),
    Route('PUT', _SPEC, specs.update, while_migrating=ALLOWED),
    Route('DELETE', _SPEC, specs.delete, 202, while_migrating=ALLOWED),
)

_NETWORK = '/share-networks/{network_id}'
_SHARE_NETWORKS = (
    Route('GET', '/share-networks', networks.index),
    Route('POST', '/share-networks', networks.create, while_migrating=ALLOWED),
    Route('GET', '/share-networks/detail', networks.detail),
    Route('GET', _NETWORK, networks.show),
    # Name and description stay free; the Neutron ids are refused because there are servers.
    Route('PUT', _NETWORK, networks.update, while_migrating=ALLOWED),
    Route('DELETE', _NETWORK, networks.delete, 202, while_migrating=409),
    _action(_NETWORK, 'reset_status', networks.reset_status, 202, ALLOWED, (2, 63)),
    _action(
        _NETWORK,
        'share_network_subnet_create_check',
        networks.check_subnet_create,
        202,
        ALLOWED,
        (2, 70),
    ),
)

_SUBNET = f'{_NETWORK}/subnets/{{subnet_id}}'
_SUBNETS = (
    Route('GET', f'{_NETWORK}/subnets', subnets.index, since=(2, 51)),
    Route('POST', f'{_NETWORK}/subnets', subnets.create, since=(2, 51), while_migrating=400),
    Route('GET', _SUBNET, subnets.show, since=(2, 51)),
    Route('DELETE', _SUBNET, subnets.delete, 202, since=(2, 51), while_migrating=409),
)

_SERVICES = (
    Route('GET', '/os-services', services.index, until=(2, 6)),
    Route('PUT', '/os-services/enable', services.enable, until=(2, 6), while_migrating=ALLOWED),
    Route('PUT', '/os-services/disable', services.disable, until=(2, 6), while_migrating=ALLOWED),
    Route('GET', '/services', services.index, since=(2, 7)),
    Route('PUT', '/services/enable', services.enable, since=(2, 7), while_migrating=ALLOWED),
    Route('PUT', '/services/disable', services.disable, since=(2, 7), while_migrating=ALLOWED),
)

_POOLS = (
    Route('GET', '/scheduler-stats/pools', pools.index),
    Route('GET', '/scheduler-stats/pools/detail', pools.detail),
)

_ZONES = (
    Route('GET', '/os-availability-zone', availability_zones.index, until=(2, 6)),
    Route('GET', '/availability-zones', availability_zones.index, since=(2, 7)),
)


def _replicas(since: tuple[int, int], until: tuple[int, int] | None, exp: bool) -> Iterator[Route]:
    """Replicas were experimental first: each row is there twice."""
    for method, path, handler, success, busy in (
        ('GET', '/share-replicas', share_replicas.index, 200, None),
        ('GET', '/share-replicas/detail', share_replicas.detail, 200, None),
        ('GET', '/share-replicas/{replica_id}', share_replicas.show, 200, None),
        ('POST', '/share-replicas', share_replicas.create, 202, 400),
        ('DELETE', '/share-replicas/{replica_id}', share_replicas.delete, 202, 400),
    ):
        yield Route(method, path, handler, success, since, until, exp, while_migrating=busy)


_REPLICAS = (*_replicas((2, 11), (2, 55), True), *_replicas((2, 56), None, False))


def _renamed(path: str, action: str, handler: Handler, success: int, busy: Busy) -> Iterator[Route]:
    """Up to 2.6 the key of an action began with ``os-``: each row is there twice."""
    for key, since, until in ((f'os-{action}', (2, 0), (2, 6)), (action, (2, 7), None)):
        yield Route('POST', path, handler, success, since, until, action=key, while_migrating=busy)


_SHARE = '/shares/{share_id}'
_SHARES = (
    Route('GET', '/shares', shares.index),
    # A new share is placed on another server.
    Route('POST', '/shares', shares.create, while_migrating=ALLOWED),
    Route('GET', '/shares/detail', shares.detail),
    Route('GET', _SHARE, shares.show),
    Route('PUT', _SHARE, shares.update, while_migrating=ALLOWED),
    Route('DELETE', _SHARE, shares.delete, 202, while_migrating=403),
    *_renamed(f'{_SHARE}/action', 'reset_status', shares.reset_status, 202, ALLOWED),
    *_renamed(f'{_SHARE}/action', 'force_delete', shares.force_delete, 202, 403),
    Route(
        'POST',
        f'{_SHARE}/action',
        shares.reset_task_state,
        202,
        since=(2, 22),
        experimental=True,
        action='reset_task_state',
        while_migrating=ALLOWED,
    ),
    *_renamed(f'{_SHARE}/action', 'extend', share_actions.extend, 202, 400),
    *_renamed(f'{_SHARE}/action', 'shrink', share_actions.shrink, 202, 400),
    _action(_SHARE, 'revert', share_actions.revert, 202, 409, (2, 27)),
)

_ACCESS_RULES = (
    *_renamed(f'{_SHARE}/action', 'allow_access', access_rules.allow, 200, 400),
    *_renamed(f'{_SHARE}/action', 'deny_access', access_rules.deny, 202, 400),
    *(
        dataclasses.replace(route, until=route.until or (2, 44))
        for route in _renamed(
            f'{_SHARE}/action', 'access_list', access_rules.list_of_share, 200, ALLOWED
        )
    ),
    Route('GET', '/share-access-rules', access_rules.index, since=(2, 45)),
    Route('GET', '/share-access-rules/{access_id}', access_rules.show, since=(2, 45)),
)

_EXPORT_LOCATIONS = (
    Route('GET', f'{_SHARE}/export_locations', export_locations.index, since=(2, 9)),
    Route(
        'GET',
        f'{_SHARE}/export_locations/{{export_location_id}}',
        export_locations.show,
        since=(2, 9),
    ),
)

_SNAPSHOT = '/snapshots/{snapshot_id}'
_SNAPSHOTS = (
    Route('GET', '/snapshots', snapshots.index),
    Route('POST', '/snapshots', snapshots.create, 202, while_migrating=400),
    Route('GET', '/snapshots/detail', snapshots.detail),
    Route('GET', _SNAPSHOT, snapshots.show),
    Route('PUT', _SNAPSHOT, snapshots.update, while_migrating=ALLOWED),
    Route('DELETE', _SNAPSHOT, snapshots.delete, 202, while_migrating=400),
    *_renamed(f'{_SNAPSHOT}/action', 'reset_status', snapshots.reset_status, 202, ALLOWED),
    *_renamed(f'{_SNAPSHOT}/action', 'force_delete', snapshots.force_delete, 202, 400),
)


_SERVER = '/share-servers/{share_server_id}'


def _server_action(action: str, handler: Handler, success: int, busy: Busy) -> Route:
    """Migrations came with 2.57 and are experimental still."""
    return Route('POST', f'{_SERVER}/action', handler, success, (2, 57), None, True, action, busy)


_SHARE_SERVERS = (
    Route('GET', '/share-servers', share_servers.index),
    Route('GET', _SERVER, share_servers.show),
    Route('GET', f'{_SERVER}/details', share_servers.details),
    Route('DELETE', _SERVER, share_servers.delete, 202, while_migrating=403),
    # It is about a server that is not known yet.
    Route(
        'POST',
        '/share-servers/manage',
        share_servers.manage,
        202,
        since=(2, 49),
        while_migrating=ALLOWED,
    ),
    _action(_SERVER, 'unmanage', share_servers.unmanage, 202, 400, (2, 49)),
    _action(_SERVER, 'reset_status', share_servers.reset_status, 202, ALLOWED, (2, 49)),
    _server_action('reset_task_state', share_servers.reset_task_state, 202, ALLOWED),
    _server_action('migration_check', share_servers.migration_check, 200, 409),
    _server_action('migration_start', share_servers.migration_start, 202, 409),
    _server_action('migration_complete', share_servers.migration_complete, 200, ALLOWED),
    _server_action('migration_cancel', share_servers.migration_cancel, 202, ALLOWED),
    _server_action('migration_get_progress', share_servers.migration_get_progress, 200, ALLOWED),
)

_EXTENSIONS = (Route('GET', '/extensions', extensions.index),)

_MIGRATIONS = (
    Route('GET', '/share-server-migrations', share_server_migrations.index),
    Route('GET', '/share-server-migrations/{migration_id}', share_server_migrations.show),
    # It is for migrations that have failed.
    _action(
        '/share-server-migrations/{migration_id}',
        'recover',
        share_server_migrations.recover,
        202,
        409,
    ),
)

ROUTES: Sequence[Route] = (
    *_VERSIONS,
    *_SHARE_TYPES,
    *_SHARE_NETWORKS,
    *_SUBNETS,
    *_SERVICES,
    *_POOLS,
    *_ZONES,
    *_REPLICAS,
    *_SHARES,
    *_ACCESS_RULES,
    *_EXPORT_LOCATIONS,
    *_SNAPSHOTS,
    *_SHARE_SERVERS,
    *_EXTENSIONS,
    *_MIGRATIONS,
)
"""All routes, in no particular order."""
