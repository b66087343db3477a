# SPDX-License-Identifier: Apache-2.0

"""How shares look in answers (rest-api 4.6.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ssm.api import params
from ssm.api.request import Request, Version
from ssm.api.views.fields import Field, render
from ssm.db import models
from ssm.policies import enforcer
from ssm.resources import derived


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A share as one caller sees it at one microversion."""

    share: models.Share
    instance: models.ShareInstance | None
    version: Version
    is_admin: bool

    @property
    def status(self) -> str | None:
        """A slow clone was shown like any creation before 2.54."""
        found = self.instance.status if self.instance else None
        if found == 'creating_from_snapshot' and self.version < (2, 54):
            return 'creating'
        return found

    @property
    def type_name(self) -> str | None:
        """Name of the share type."""
        share_type = self.instance and self.instance.share_type
        return share_type.name if share_type else None

    @property
    def share_type(self) -> str | None:
        """The type's name, from 2.6 on its id."""
        if self.version < (2, 6):
            return self.type_name
        return self.instance.share_type_id if self.instance else None

    @property
    def zone(self) -> str | None:
        """Name of the availability zone."""
        zone = self.instance and self.instance.availability_zone
        return zone.name if zone else None

    @property
    def access_rules_status(self) -> str:
        """``syncing`` was called ``out_of_sync`` before 2.28."""
        found = derived.access_rules_status(self.share.instances)
        return 'out_of_sync' if found == 'syncing' and self.version < (2, 28) else found

    @property
    def paths(self) -> list[str]:
        """Paths of the export locations the caller may see."""
        locations = self.instance.export_locations if self.instance else []
        return [item.path for item in locations if self.is_admin or not item.is_admin_only]


def _share(name: str) -> Callable[[_Seen], Any]:
    return lambda seen: getattr(seen.share, name)


def _instance(name: str) -> Callable[[_Seen], Any]:
    return lambda seen: getattr(seen.instance, name, None)


_FIELDS: Sequence[Field] = (
    Field('id', _share('id')),
    Field('size', _share('size')),
    Field('created_at', lambda seen: params.timestamp(seen.share.created_at)),
    Field('name', _share('display_name')),
    Field('description', _share('display_description')),
    Field('project_id', _share('project_id')),
    Field('snapshot_id', _share('snapshot_id')),
    Field('share_proto', _share('share_proto')),
    Field('metadata', lambda seen: {m.key: m.value for m in seen.share.share_metadata}),
    Field('is_public', _share('is_public')),
    Field('volume_type', lambda seen: seen.type_name),
    Field('status', lambda seen: seen.status),
    Field('availability_zone', lambda seen: seen.zone),
    Field('share_network_id', _instance('share_network_id')),
    Field('share_type', lambda seen: seen.share_type),
    Field('share_type_name', lambda seen: seen.type_name, since=(2, 6)),
    Field('export_location', lambda seen: next(iter(seen.paths), None), until=(2, 8)),
    Field('export_locations', lambda seen: seen.paths, until=(2, 8)),
    Field('snapshot_support', _share('snapshot_support'), since=(2, 2)),
    Field('task_state', _share('task_state'), since=(2, 5)),
    Field('access_rules_status', lambda seen: seen.access_rules_status, since=(2, 10)),
    Field('replication_type', _share('replication_type'), since=(2, 11)),
    Field('has_replicas', lambda s: derived.has_replicas(s.share.instances), since=(2, 11)),
    Field('user_id', _share('user_id'), since=(2, 16)),
    Field(
        'create_share_from_snapshot_support',
        _share('create_share_from_snapshot_support'),
        since=(2, 24),
    ),
    Field('revert_to_snapshot_support', _share('revert_to_snapshot_support'), since=(2, 27)),
    Field('share_group_id', _share('share_group_id'), since=(2, 31)),
    Field(
        'source_share_group_snapshot_member_id',
        _share('source_share_group_snapshot_member_id'),
        since=(2, 31),
    ),
    Field('mount_snapshot_support', _share('mount_snapshot_support'), since=(2, 32)),
    Field('progress', _instance('progress'), since=(2, 54)),
    Field('is_soft_deleted', _share('is_soft_deleted'), since=(2, 69)),
    Field(
        'scheduled_to_be_deleted_at',
        lambda seen: params.timestamp(seen.share.scheduled_to_be_deleted_at),
        since=(2, 69),
    ),
)
_HOST_FIELDS: Sequence[Field] = (
    Field('host', _instance('host')),
    Field('share_server_id', _instance('share_server_id')),
)
"""For those who see hosts."""


def summary(req: Request, shares: Sequence[models.Share]) -> list[dict[str, Any]]:
    """Ids and names."""
    return [
        {'id': share.id, 'name': share.display_name, 'links': req.links('shares', share.id)}
        for share in shares
    ]


def details(req: Request, shares: Sequence[models.Share]) -> list[dict[str, Any]]:
    """All of the shares, which were loaded with everything below them."""
    fields = (*_FIELDS, *(_HOST_FIELDS if enforcer.is_host_admin(req.context) else ()))
    seen = (
        _Seen(
            share, derived.representative(share.instances), req.version, bool(req.context.is_admin)
        )
        for share in shares
    )
    return [
        render(fields, req.version, item) | {'links': req.links('shares', item.share.id)}
        for item in seen
    ]


def single(req: Request, share: models.Share) -> dict[str, Any]:
    """One share."""
    return {'share': details(req, [share])[0]}
