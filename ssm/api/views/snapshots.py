# SPDX-License-Identifier: Apache-2.0

"""How snapshots look in answers (rest-api 4.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views.fields import Field, render
from ssm.db import models
from ssm.resources import derived


def _provider_location(snapshot: models.Snapshot) -> str | None:
    instance = derived.representative_snapshot(snapshot.instances)
    return instance.provider_location if instance else None


_FIELDS: Sequence[Field] = (
    Field('id', lambda snapshot: snapshot.id),
    Field('share_id', lambda snapshot: snapshot.share_id),
    Field('share_size', lambda snapshot: snapshot.share_size),
    Field('created_at', lambda snapshot: params.timestamp(snapshot.created_at)),
    Field('status', lambda snapshot: derived.snapshot_status(snapshot.instances)),
    Field('name', lambda snapshot: snapshot.display_name),
    Field('description', lambda snapshot: snapshot.display_description),
    Field('size', lambda snapshot: snapshot.size),
    Field('share_proto', lambda snapshot: snapshot.share_proto),
    Field('user_id', lambda snapshot: snapshot.user_id, since=(2, 17)),
    Field('project_id', lambda snapshot: snapshot.project_id, since=(2, 17)),
)
_ADMIN_FIELDS: Sequence[Field] = (Field('provider_location', _provider_location, since=(2, 12)),)


def summary(req: Request, snapshots: Sequence[models.Snapshot]) -> list[dict[str, Any]]:
    """Ids and names."""
    return [
        {
            'id': snapshot.id,
            'name': snapshot.display_name,
            'links': req.links('snapshots', snapshot.id),
        }
        for snapshot in snapshots
    ]


def details(req: Request, snapshots: Sequence[models.Snapshot]) -> list[dict[str, Any]]:
    """All of the snapshots, which were loaded with their instances."""
    fields = (*_FIELDS, *(_ADMIN_FIELDS if req.context.is_admin else ()))
    return [
        render(fields, req.version, snapshot) | {'links': req.links('snapshots', snapshot.id)}
        for snapshot in snapshots
    ]


def single(req: Request, snapshot: models.Snapshot) -> dict[str, Any]:
    """One snapshot."""
    return {'snapshot': details(req, [snapshot])[0]}
