# SPDX-License-Identifier: Apache-2.0

"""Share types as answers show them (rest-api 4.5.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from oslo_config import cfg

from ssm.api.request import Request
from ssm.db import models
from ssm.resources import extra_specs, share_types


def single(req: Request, row: models.ShareType) -> dict[str, Any]:
    """A type, under the keys of today and of once."""
    shown = _fields(req, row)
    return {'share_type': shown, 'volume_type': shown}


def several(req: Request, rows: Iterable[models.ShareType]) -> dict[str, Any]:
    """A list of types, under both keys."""
    shown = [_fields(req, row) for row in rows]
    return {'share_types': shown, 'volume_types': shown}


def _fields(req: Request, row: models.ShareType) -> dict[str, Any]:
    specs = share_types.specs_of(row)
    prefix = 'share_type_access' if req.version >= (2, 7) else 'os-share-type-access'
    fields: dict[str, Any] = {
        'id': row.id,
        'name': row.name,
        'extra_specs': specs if req.context.is_admin else _for_tenants(req, specs),
        'required_extra_specs': {extra_specs.REQUIRED: specs.get(extra_specs.REQUIRED)},
        f'{prefix}:is_public': row.is_public,
    }
    if req.version >= (2, 41):
        fields['description'] = row.description
    if req.version >= (2, 46):
        fields['is_default'] = row.name == cfg.CONF.default_share_type
    return fields


def _for_tenants(req: Request, specs: dict[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        key: value for key, value in specs.items() if key in extra_specs.TENANT_VISIBLE
    }
    inferred = extra_specs.INFERRED if req.version >= (2, 24) else ()
    return dict.fromkeys(inferred, False) | shown
