# SPDX-License-Identifier: Apache-2.0

"""Access rules of shares: who may mount, and how the back ends hear of it (rest-api 4.7)."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import access_rules as db
from ssm.db import models, rows
from ssm.db import shares as shares_db
from ssm.db.engine import reader, writer
from ssm.resources import derived, shares
from ssm.resources import metadata as metadata_lib
from ssm.rpc.share import ShareClient

LEVELS = ('rw', 'ro')

_LONGEST = 255

_USER = re.compile(r'[^"/\\\[\]:;|=,+*?<>]{4,255}')
_CEPHX = re.compile(r'[\x20-\x2d\x2f-\x7e]+')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """A rule as a request asks for it.

    :param ipv6: whether the microversion knows IPv6 targets (2.38)
    :param cephx: whether it knows the type ``cephx`` (2.13)
    :param past_errors: whether it allows rules on a share with rules in error (2.28)
    """

    access_type: Any
    access_to: Any
    access_level: Any = None
    metadata: Any = None
    ipv6: bool = True
    cephx: bool = True
    past_errors: bool = True


def network(target: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network that a target of type ``ip`` means, None if it means none."""
    _address, slash, prefix = target.partition('/')
    if '%' in target or (slash and not re.fullmatch('[0-9]+', prefix)):
        return None
    try:
        return ipaddress.ip_network(target)
    except ValueError:
        return None


def _is_ip(target: str) -> bool:
    found = network(target)
    return found is not None and found.version == 4


def _is_ip_or_ipv6(target: str) -> bool:
    return network(target) is not None


def _is_user(target: str) -> bool:
    return bool(_USER.fullmatch(target)) and bool(target.strip('. '))


def _is_certificate_name(target: str) -> bool:
    return 1 <= len(target.strip()) <= 64


def _is_cephx(target: str) -> bool:
    return bool(_CEPHX.fullmatch(target))


def check_target(wish: Wish) -> None:
    """Refuse a type that the microversion does not know, or a target that is none of its type.

    :raises Invalid: it is refused
    """
    known: dict[str, Callable[[str], bool]] = {
        'ip': _is_ip_or_ipv6 if wish.ipv6 else _is_ip,
        'user': _is_user,
        'cert': _is_certificate_name,
    }
    if wish.cephx:
        known['cephx'] = _is_cephx
    if not isinstance(wish.access_type, str) or wish.access_type not in known:
        types = ', '.join(known)
        raise exceptions.Invalid(reason=f'access_type has to be one of {types}.')
    target = wish.access_to
    # Blanks around a name, and noughts before a prefix, are not counted by what looks at these.
    ok = isinstance(target, str) and len(target) <= _LONGEST and known[wish.access_type](target)
    if not ok:
        raise exceptions.Invalid(
            reason=f'access_to is no target of at most {_LONGEST} characters for access of type '
            f'{wish.access_type}: {target!r}'
        )


def is_duplicate(access_type: str, target: str, existing: Iterable[str]) -> bool:
    """Whether a rule for the same clients exists; addresses compare as networks."""
    if access_type != 'ip':
        return target in existing
    wanted = network(target)
    return any(network(other) == wanted for other in existing)


@reader
def get(session: orm.Session, access_id: str) -> models.AccessRule:
    """A rule with its states and metadata, whoever asks.

    :raises NotFound: there is none
    """
    rule = db.get(session, access_id)
    if rule is None:
        raise exceptions.NotFound(resource='access rule', id=access_id)
    return rule


@reader
def find(
    session: orm.Session, share_id: str, filters: Mapping[str, Any]
) -> list[models.AccessRule]:
    """Rules of a share, oldest first, with their states and metadata."""
    return db.find(session, share_id, [db.FILTERS[name](value) for name, value in filters.items()])


def allow(context: RequestContext, share_id: str, wish: Wish) -> models.AccessRule:
    """Add a rule, and tell the back ends.

    :raises NotFound: there is no such share that the caller sees
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: the rule is none, exists already, or the share is not in a state for it
    """
    rule, instances = _allow(context, share_id, wish)
    _tell(context, instances)
    return rule


@writer
def _allow(
    session: orm.Session, context: RequestContext, share_id: str, wish: Wish
) -> tuple[models.AccessRule, list[models.ShareInstance]]:
    """In the order of rest-api 4.7."""
    share = shares.found(context, shares_db.get_locked(session, share_id), share_id)
    shares.check_not_in_bin(share)
    _check_network(session, share)
    if not wish.past_errors and any(i.access_rules_status == 'error' for i in share.instances):
        raise exceptions.Invalid(reason=f'Share {share_id} has access rules in error.')
    check_target(wish)
    if wish.access_level not in (None, *LEVELS):
        raise exceptions.Invalid(reason=f'access_level has to be one of {", ".join(LEVELS)}.')
    metadata = metadata_lib.checked(wish.metadata)
    existing = db.targets(session, share_id, wish.access_type)
    if is_duplicate(wish.access_type, wish.access_to, existing):
        raise exceptions.Invalid(
            reason=f'Share {share_id} has an access rule for {wish.access_to} already.'
        )
    _check_instances(share)
    rule = models.AccessRule(
        share_id=share_id,
        access_type=wish.access_type,
        access_to=wish.access_to,
        access_level=wish.access_level or 'rw',
    )
    db.add(session, rule, [i.id for i in share.instances], metadata)
    _mark_syncing(session, share)
    return _reloaded(session, rule.id), share.instances


def deny(context: RequestContext, share_id: str, access_id: str) -> None:
    """Take a rule away, and tell the back ends.

    :raises NotFound: there is no such share that the caller sees, or no such rule of it
    :raises Forbidden: it is in the recycle bin
    :raises Invalid: the share is not in a state for it
    """
    _tell(context, _deny(context, share_id, access_id))


@writer
def _deny(
    session: orm.Session, context: RequestContext, share_id: str, access_id: str
) -> list[models.ShareInstance]:
    share = shares.found(context, shares_db.get_locked(session, share_id), share_id)
    shares.check_not_in_bin(share)
    _check_network(session, share)
    rule = db.get(session, access_id)
    if rule is None or rule.share_id != share_id:
        raise exceptions.NotFound(resource='access rule', id=access_id)
    _check_instances(share)
    db.queue_removal(session, access_id)
    _mark_syncing(session, share)
    return share.instances


def _reloaded(session: orm.Session, access_id: str) -> models.AccessRule:
    rule = db.get(session, access_id)
    assert rule is not None  # nosec: it was inserted in this transaction
    return rule


def _check_network(session: orm.Session, share: models.Share) -> None:
    instance = derived.representative(share.instances)
    if instance is None or instance.share_network_id is None:
        return
    network_row = session.get(models.ShareNetwork, instance.share_network_id)
    if network_row is not None and network_row.status != 'active':
        raise exceptions.Invalid(
            reason=f'Share network {network_row.id} is {network_row.status}, not active.'
        )


def _check_instances(share: models.Share) -> None:
    for instance in share.instances:
        if not instance.host:
            raise exceptions.Invalid(reason=f'Share {share.id} is on no host.')
        if instance.status in derived.TRANSITIONAL or instance.status == 'error':
            raise exceptions.Invalid(
                reason=f'Share {share.id} is {instance.status}; its access rules can not change.'
            )


def _mark_syncing(session: orm.Session, share: models.Share) -> None:
    rows.update(
        session,
        models.ShareInstance,
        models.ShareInstance.id.in_([i.id for i in share.instances]),
        access_rules_status='syncing',
    )


def _tell(context: RequestContext, instances: Iterable[models.ShareInstance]) -> None:
    """One message to each back end."""
    by_host: dict[str, list[str]] = {}
    for instance in instances:
        by_host.setdefault(derived.service_host(instance.host), []).append(instance.id)
    for host, ids in by_host.items():
        ShareClient().update_access(context, host, share_instance_ids=ids)
