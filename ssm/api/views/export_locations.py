# SPDX-License-Identifier: Apache-2.0

"""How export locations look in answers (rest-api 4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from oslo_utils import strutils

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views.fields import Field, render
from ssm.db import models


def _preferred(location: models.ExportLocation) -> bool:
    metadata = {item.key: item.value for item in location.location_metadata}
    return strutils.bool_from_string(metadata.get('preferred'))


_FIELDS: Sequence[Field] = (
    Field('id', lambda location: location.uuid),
    Field('path', lambda location: location.path),
    Field('preferred', _preferred, since=(2, 14)),
)
_ADMIN_FIELDS: Sequence[Field] = (
    Field('share_instance_id', lambda location: location.share_instance_id),
    Field('is_admin_only', lambda location: location.is_admin_only),
)
_SINGLE_FIELDS: Sequence[Field] = (
    Field('created_at', lambda location: params.timestamp(location.created_at)),
    Field('updated_at', lambda location: params.timestamp(location.updated_at)),
)


def several(req: Request, locations: Iterable[models.ExportLocation]) -> dict[str, Any]:
    """A list of locations."""
    fields = _for(req)
    return {'export_locations': [render(fields, req.version, item) for item in locations]}


def single(req: Request, location: models.ExportLocation) -> dict[str, Any]:
    """One location."""
    return {'export_location': render([*_for(req), *_SINGLE_FIELDS], req.version, location)}


def _for(req: Request) -> list[Field]:
    return [*_FIELDS, *(_ADMIN_FIELDS if req.context.is_admin else ())]
