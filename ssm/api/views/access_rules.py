# SPDX-License-Identifier: Apache-2.0

"""How access rules look in answers (rest-api 4.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ssm.api import params
from ssm.api.request import Request
from ssm.api.views.fields import Field, render
from ssm.db import models
from ssm.resources import derived

_FIELDS: Sequence[Field] = (
    Field('id', lambda rule: rule.id),
    Field('access_type', lambda rule: rule.access_type),
    Field('access_to', lambda rule: rule.access_to),
    Field('access_level', lambda rule: rule.access_level),
    Field('access_key', lambda rule: rule.access_key, since=(2, 21)),
    Field(
        'state',
        lambda rule: derived.rule_state([mapping.state for mapping in rule.mappings]),
        since=(2, 28),
    ),
    Field('created_at', lambda rule: params.timestamp(rule.created_at), since=(2, 33)),
    Field('updated_at', lambda rule: params.timestamp(rule.updated_at), since=(2, 33)),
    Field('metadata', lambda rule: {m.key: m.value for m in rule.rule_metadata}, since=(2, 45)),
)


def several(
    req: Request, rules: Iterable[models.AccessRule], rules_status: str | None = None
) -> dict[str, Any]:
    """A list of rules.

    :param rules_status: ``access_rules_status`` of their share, which was their state before 2.28
    """
    return {'access_list': [_rule(req, rule, rules_status) for rule in rules]}


def single(
    req: Request, rule: models.AccessRule, rules_status: str | None = None
) -> dict[str, Any]:
    """One rule; the parameters are as for a list."""
    return {'access': _rule(req, rule, rules_status) | {'share_id': rule.share_id}}


def _rule(req: Request, rule: models.AccessRule, rules_status: str | None) -> dict[str, Any]:
    view = render(_FIELDS, req.version, rule)
    if req.version < (2, 28):
        view['state'] = 'new' if rules_status == 'syncing' else rules_status
    return view
