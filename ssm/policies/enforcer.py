# SPDX-License-Identifier: Apache-2.0

"""Asks oslo.policy; the operator's own rules come from ``policy.yaml``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import policy

from ssm import policies
from ssm.common import exceptions
from ssm.common.context import RequestContext

_lock = threading.Lock()
_enforcer: policy.Enforcer | None = None


def init() -> policy.Enforcer:
    """The process's enforcer, made at first use."""
    global _enforcer
    if _enforcer is None:
        with _lock:
            if _enforcer is None:
                made = policy.Enforcer(cfg.CONF)
                made.suppress_deprecation_warnings = True
                made.register_defaults(list(policies.list_rules()))
                made.load_rules()
                _enforcer = made
    return _enforcer


def reset() -> None:
    """Forget the enforcer; the next use reads configuration and policy file anew."""
    global _enforcer
    if _enforcer is not None:
        _enforcer.clear()
        _enforcer = None


def owned(row: Any) -> Mapping[str, Any]:
    """The target of a rule about a resource: whose it is."""
    return {'project_id': row.project_id, 'user_id': row.user_id}


def allows(context: RequestContext, rule: str, target: Mapping[str, Any] | None = None) -> bool:
    """Whether a rule lets the caller pass.

    :param target: ``project_id`` and ``user_id`` of the resource; the caller's own without one
    """
    own = {'project_id': context.project_id, 'user_id': context.user_id}
    return bool(init().enforce(rule, dict(target or own), context))


def authorize(context: RequestContext, rule: str, target: Mapping[str, Any] | None = None) -> None:
    """Let pass, or refuse.

    :raises Forbidden: the rule refuses
    :raises oslo_policy.policy.PolicyNotRegistered: there is no such rule
    """
    own = {'project_id': context.project_id, 'user_id': context.user_id}
    try:
        init().authorize(rule, dict(target or own), context, do_raise=True)
    except (policy.PolicyNotAuthorized, policy.InvalidScope) as error:
        raise exceptions.Forbidden(reason=f'Policy {rule} does not allow this.') from error


def is_admin(context: RequestContext) -> bool:
    """Whether the policy calls the caller an administrator."""
    return allows(context, 'context_is_admin')


def is_host_admin(context: RequestContext) -> bool:
    """Whether the caller sees hosts (rest-api 1.10)."""
    return allows(context, 'context_is_host_admin')
