# SPDX-License-Identifier: Apache-2.0

"""What a new share will be: the checks in the order of rest-api 4.6.3."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from oslo_config import cfg
from oslo_utils import strutils, uuidutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import availability_zones, models, share_networks, share_types
from ssm.db import shares as db
from ssm.db import snapshots as snapshots_db
from ssm.migration import subnets
from ssm.resources import derived, extra_specs
from ssm.resources import metadata as metadata_lib

AFFINITIES = ('same_host', 'different_host')
"""Hints that name shares; ``only_host`` names a host."""

LARGEST = 2**31 - 1
"""GiB; more does not fit the column."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """A share as a request asks for it; nothing given is None.

    :param types: ids or names of share types, one at most
    :param is_host_admin: whether the caller may name the host in ``only_host``
    :param heeds_clone_support: whether the microversion refuses clones the type does not offer
    :param heeds_zones: whether it refuses zones the type does not allow
    """

    size: Any
    share_proto: Any
    name: str | None = None
    description: str | None = None
    types: Sequence[str] = ()
    share_network_id: str | None = None
    snapshot_id: str | None = None
    share_group_id: str | None = None
    availability_zone: str | None = None
    metadata: Any = None
    is_public: bool = False
    hints: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_host_admin: bool = False
    heeds_clone_support: bool = True
    heeds_zones: bool = True


@dataclasses.dataclass(frozen=True)
class _Source:
    """A snapshot to clone, with its share and the instance it lies beside."""

    snapshot: models.Snapshot
    share: models.Share
    instance: models.ShareInstance


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What was found and passed all checks."""

    wish: Wish
    size: int
    share_proto: str
    metadata: dict[str, str]
    zone: models.AvailabilityZone | None
    source: _Source | None
    network: models.ShareNetwork | None
    share_type: models.ShareType | None
    specs: dict[str, str]
    hosts_of: dict[str, list[list[str]]]

    @property
    def zone_names(self) -> Collection[str] | None:
        """Names of the zones that type and network allow together, None is all."""
        return _zone_names(self.specs, self.network)

    def offers(self, key: str) -> bool:
        """Whether the type has a boolean spec that is true."""
        return _is_true(self.specs, key)


def make(session: orm.Session, context: RequestContext, wish: Wish) -> Plan:
    """All checks; the numbers are those of the table.

    :raises SsmError: by the first that fails
    """
    zone = _zone(session, wish)  # 5
    if wish.share_group_id:  # 6
        raise exceptions.NotFound(resource='share group', id=wish.share_group_id)
    source = _source(session, context, wish)  # 7
    network = _network(session, context, wish, source, zone)  # 8
    share_type = _type(session, context, wish, source)  # 9
    specs = _specs(share_type)
    _check_mode(specs, network, source)  # 10
    if wish.heeds_zones and zone:  # 11
        _check_zone_allowed(specs, zone)
    metadata = metadata_lib.checked(wish.metadata)
    if source:
        _check_available(source.snapshot)  # 12
    size = _size(wish, source, specs)  # 13
    if source:
        _check_same_place(source, zone, share_type)  # 14
    share_proto = _protocol(wish)  # 15
    _check_common_zone(specs, network)  # 19
    return Plan(
        wish=wish,
        size=size,
        share_proto=share_proto,
        metadata=metadata,
        zone=zone,
        source=source,
        network=network,
        share_type=share_type,
        specs=specs,
        hosts_of=_hosts_of(session, context, wish),  # 20
    )


def _specs(share_type: models.ShareType | None) -> dict[str, str]:
    return {s.spec_key: s.spec_value for s in share_type.extra_specs} if share_type else {}


def _zones_of(specs: Mapping[str, str]) -> set[str] | None:
    """Names of the zones a type is restricted to, None is all."""
    found = {zone.strip() for zone in specs.get('availability_zones', '').split(',')} - {''}
    return found or None


def _zone(session: orm.Session, wish: Wish) -> models.AvailabilityZone | None:
    if wish.availability_zone is None:
        return None
    zone = availability_zones.by_id_or_name(session, wish.availability_zone)
    if zone is None:
        raise exceptions.NotFound(resource='availability zone', id=wish.availability_zone)
    return zone


def _source(session: orm.Session, context: RequestContext, wish: Wish) -> _Source | None:
    if wish.snapshot_id is None:
        return None
    snapshot = snapshots_db.get_locked(session, wish.snapshot_id)
    share = db.get(session, snapshot.share_id) if snapshot else None
    instance = derived.representative(share.instances) if share else None
    is_visible = snapshot and (context.is_admin or snapshot.project_id == context.project_id)
    if snapshot is None or share is None or instance is None or not is_visible:
        raise exceptions.NotFound(resource='snapshot', id=wish.snapshot_id)
    if wish.share_network_id not in (None, instance.share_network_id):
        raise exceptions.Invalid(reason='The share network is not that of the snapshot.')
    if wish.heeds_clone_support and not share.create_share_from_snapshot_support:
        raise exceptions.Invalid(reason=f'Shares can not be created from snapshot {snapshot.id}.')
    return _Source(snapshot, share, instance)


def _network(
    session: orm.Session,
    context: RequestContext,
    wish: Wish,
    source: _Source | None,
    zone: models.AvailabilityZone | None,
) -> models.ShareNetwork | None:
    wanted = source.instance.share_network_id if source else wish.share_network_id
    if wanted is None:
        return None
    network = share_networks.get(session, wanted)
    if network is None or not (context.is_admin or network.project_id == context.project_id):
        raise exceptions.NotFound(resource='share network', id=wanted)
    if network.status != 'active':
        raise exceptions.Invalid(reason=f'Share network {wanted} is {network.status}, not active.')
    if zone and not subnets.for_zone(network.subnets, zone.id):
        raise exceptions.Invalid(
            reason=f'Share network {wanted} has no subnet for availability zone {zone.name}.'
        )
    return network


def _type(
    session: orm.Session, context: RequestContext, wish: Wish, source: _Source | None
) -> models.ShareType | None:
    if len(wish.types) > 1:
        raise exceptions.Invalid(reason='share_type and volume_type are the same; give one.')
    criteria = [] if context.is_admin else [share_types.offered_to(context.project_id)]
    if wish.types:
        found = share_types.by_id_or_name(session, wish.types[0], *criteria)
        if found is None:
            raise exceptions.NotFound(resource='share type', id=wish.types[0])
        return found
    if source:
        type_id = source.instance.share_type_id
        return share_types.get(session, type_id) if type_id else None
    name = cfg.CONF.default_share_type
    return share_types.by_name(session, name, *criteria) if name else None


def _check_mode(
    specs: Mapping[str, str], network: models.ShareNetwork | None, source: _Source | None
) -> None:
    if _is_true(specs, extra_specs.REQUIRED) and network is None and source is None:
        raise exceptions.Invalid(reason='This share type needs a share network.')


def _is_true(specs: Mapping[str, str], key: str) -> bool:
    return strutils.bool_from_string(specs.get(key, '').removeprefix('<is> '))


def _check_zone_allowed(specs: Mapping[str, str], zone: models.AvailabilityZone) -> None:
    allowed = _zones_of(specs)
    if allowed is not None and zone.name not in allowed:
        raise exceptions.Invalid(
            reason=f'The share type is not offered in availability zone {zone.name}.'
        )


def _check_available(snapshot: models.Snapshot) -> None:
    status = derived.snapshot_status(snapshot.instances)
    if status != 'available':
        raise exceptions.Invalid(reason=f'Snapshot {snapshot.id} is {status}, not available.')


def _size(wish: Wish, source: _Source | None, specs: Mapping[str, str]) -> int:
    given = source.snapshot.size if source and wish.size in (None, '') else wish.size
    text = '' if isinstance(given, bool) else str(given)
    # More digits than int() reads are too many anyway.
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
    if not 0 < size <= LARGEST:
        raise exceptions.Invalid(reason=f'size {wish.size!r} is not a number of GiB above 0.')
    smallest = int(specs.get('provisioning:min_share_size', 1))
    largest = int(specs.get('provisioning:max_share_size', LARGEST))
    if source:
        smallest = max(smallest, source.snapshot.size)
    if not smallest <= size <= largest:
        raise exceptions.Invalid(
            reason=f'size is {size} GiB, has to be from {smallest} to {largest} GiB.'
        )
    return size


def _check_same_place(
    source: _Source, zone: models.AvailabilityZone | None, share_type: models.ShareType | None
) -> None:
    if zone and zone.id != source.instance.availability_zone_id:
        raise exceptions.Invalid(reason='The availability zone is not that of the snapshot.')
    if (share_type and share_type.id) != source.instance.share_type_id:
        raise exceptions.Invalid(reason='The share type is not that of the snapshot.')


def _protocol(wish: Wish) -> str:
    enabled = [protocol.upper() for protocol in cfg.CONF.enabled_share_protocols]
    wanted = str(wish.share_proto).upper()
    if wanted not in enabled:
        raise exceptions.Invalid(reason=f'share_proto has to be one of {", ".join(enabled)}.')
    return wanted


def _zones_of_network(network: models.ShareNetwork | None) -> set[str] | None:
    """Names of the zones a network has subnets for, None is all."""
    zones = [subnet.availability_zone for subnet in network.subnets] if network else [None]
    return None if None in zones else {zone.name for zone in zones if zone}


def _zone_names(
    specs: Mapping[str, str], network: models.ShareNetwork | None
) -> Collection[str] | None:
    of_type, of_network = _zones_of(specs), _zones_of_network(network)
    if of_type is None or of_network is None:
        return of_network if of_type is None else of_type
    return of_type & of_network


def _check_common_zone(specs: Mapping[str, str], network: models.ShareNetwork | None) -> None:
    names = _zone_names(specs, network)
    if names is not None and not names:
        raise exceptions.Invalid(
            reason='Share network and share type have no availability zone in common.'
        )


def _hosts_of(
    session: orm.Session, context: RequestContext, wish: Wish
) -> dict[str, list[list[str]]]:
    """Hosts of the shares that the hints name, by hint."""
    if not isinstance(wish.hints.get('only_host', ''), str | None):
        raise exceptions.Invalid(reason='Hint only_host has to be a host.')
    found = {}
    for name in AFFINITIES:
        if wish.hints.get(name):
            ids = _share_ids(name, wish.hints[name])
            hosts = db.hosts(session, ids, context.project_id, whole=bool(context.is_admin))
            unknown = [id for id in ids if id not in hosts]
            if unknown:
                raise exceptions.NotFound(resource='share', id=unknown[0])
            found[name] = [hosts[id] for id in ids]
    return found


def _share_ids(name: str, hint: Any) -> list[str]:
    """A hint is a list of ids, or a text with commas."""
    ids = [part.strip() for part in hint.split(',')] if isinstance(hint, str) else hint
    if not isinstance(ids, list) or not all(uuidutils.is_uuid_like(id) for id in ids):
        raise exceptions.Invalid(reason=f'Hint {name} has to be ids of shares.')
    return ids
