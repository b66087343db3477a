# SPDX-License-Identifier: Apache-2.0

"""Access rules of shares, applied as the rows say (rest-api 4.7).

A run handles all shares asked for by a fixed number of statements. Runs on the same share
server follow one another, so that an older state of the rules never overtakes a newer one.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Sequence

import sqlalchemy as sa
from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common.context import RequestContext
from ssm.db import engine, models, rows, share_instances
from ssm.db import shares as share_rows
from ssm.drivers import base
from ssm.migration import objects
from ssm.share import locks
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)

_Instance = models.ShareInstance
_Mapping = models.AccessMapping
_Which = sa.ColumnElement[bool]

_SERVED = ('available', 'server_migrating')
_BEGUN = {
    'queued_to_apply': 'applying',
    'queued_to_update': 'updating',
    'queued_to_deny': 'denying',
}
"""State of a rule while a run works on it, by its state before."""


@dataclasses.dataclass(frozen=True)
class _Batch:
    """What one run works on.

    :param cast: instances whose rules are sent read-only
    """

    shares: list[base.Share]
    servers: dict[str, base.ShareServer]
    cast: set[str]


@dataclasses.dataclass
class _Outcome:
    """What did not work: rules by instance, and instances the driver failed on as a whole.

    :param keys: new or changed ones, by rule
    """

    refused: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)
    keys: dict[str, str] = dataclasses.field(default_factory=dict)


def update_server(context: RequestContext, backend: BackEnd, server_id: str) -> None:
    """Apply the rules of all shares of a server, then what is queued until nothing is."""
    _update(context, backend, server_id, _Instance.share_server_id == server_id)


def update_instances(
    context: RequestContext, backend: BackEnd, instance_ids: Collection[str]
) -> None:
    """The same for given instances."""
    for lock, ids in _by_lock(instance_ids).items():
        _update(context, backend, lock, _Instance.id.in_(ids))


def resume(context: RequestContext, backend: BackEnd) -> None:
    """Apply what was queued, or half applied, when the service went down."""
    update_instances(context, backend, _left_over(backend.host))


@engine.reader
def _left_over(session: orm.Session, host: str) -> list[str]:
    query = sa.select(_Instance.id).where(
        share_instances.on_host(host),
        _Instance.deleted == models.NOT_DELETED,
        _Instance.status.in_(_SERVED),
        _pending(),
    )
    return list(session.scalars(query))


def exclusive(backend: BackEnd, server_or_instance_id: str) -> contextlib.AbstractContextManager:
    """While held, nobody applies rules on a server; without servers, on an instance."""
    return locks.held(
        f'access-{server_or_instance_id}',
        f'access rules of {server_or_instance_id}',
        backend.owner,
    )


@engine.reader
def _by_lock(session: orm.Session, instance_ids: Collection[str]) -> dict[str, list[str]]:
    """Instances by what :func:`exclusive` takes for them."""
    query = sa.select(_Instance.id, _Instance.share_server_id).where(
        _Instance.id.in_(instance_ids), _Instance.deleted == models.NOT_DELETED
    )
    found: dict[str, list[str]] = {}
    for instance_id, server_id in session.execute(query):
        found.setdefault(server_id or instance_id, []).append(instance_id)
    return found


def _update(context: RequestContext, backend: BackEnd, lock: str, which: _Which) -> None:
    served = sa.and_(which, _Instance.status.in_(_SERVED))
    with exclusive(backend, lock):
        batch = _begin(served)
        while batch.shares:
            outcome = _apply(context, backend, batch)
            _finish(batch, outcome)
            batch = _begin(sa.and_(served, _pending()))


def _pending() -> _Which:
    """That an instance has changes that no run has taken up."""
    return sa.or_(_Instance.access_rules_status == 'syncing', _has_rule(*_BEGUN))


def _has_rule(*states: str) -> _Which:
    """That an instance has a rule in one of these states."""
    return (
        sa.exists()
        .where(
            _Mapping.share_instance_id == _Instance.id,
            _Mapping.deleted == models.NOT_DELETED,
            _Mapping.state.in_(states),
        )
        .correlate(_Instance)
    )


@engine.writer
def _begin(session: orm.Session, which: _Which) -> _Batch:
    """Take up what is queued on these instances, and load them with their rules.

    Their rows are locked first: what is read of the rules and whether they are to be sent
    read-only belong together.
    """
    found = session.execute(
        sa.select(_Instance.id, _Instance.cast_rules_to_readonly)
        .where(which, _Instance.deleted == models.NOT_DELETED)
        .order_by(_Instance.id)
        .with_for_update()
    )
    cast_by_id = {instance_id: cast for instance_id, cast in found}
    if not cast_by_id:
        return _Batch([], {}, set())
    rows.update(
        session,
        _Mapping,
        _Mapping.share_instance_id.in_(cast_by_id),
        _Mapping.state.in_(_BEGUN),
        state=sa.case(_BEGUN, value=_Mapping.state),
    )
    taken = _Instance.id.in_(cast_by_id)
    shares = objects.shares(session, taken, rules=objects.access_rules(session, taken))
    servers = {share['share_server_id'] for share in shares if share['share_server_id']}
    return _Batch(
        shares,
        objects.share_servers(session, servers) if servers else {},
        {instance_id for instance_id, cast in cast_by_id.items() if cast},
    )


def _apply(context: RequestContext, backend: BackEnd, batch: _Batch) -> _Outcome:
    """Hand the rules to the driver, share by share; a failure of one leaves the others alone."""
    outcome = _Outcome()
    for share in batch.shares:
        server = batch.servers.get(share['share_server_id'] or '')
        try:
            refused = backend.driver.update_access(context, share, share['access_rules'], server)
            held = [rule for rule in share['access_rules'] if rule['access_id'] not in refused]
            keys = backend.driver.access_keys(context, share, held, server) if held else {}
        except Exception:
            LOG.exception('The driver failed on the access rules of %s', share['id'])
            outcome.failed.append(share['id'])
            continue
        known = {rule['access_id']: rule.get('access_key') for rule in held}
        outcome.keys |= {id: keys[id] for id, key in known.items() if keys.get(id, key) != key}
        for access_id, reason in refused.items():
            LOG.warning('Access rule %s of %s was not applied: %s', access_id, share['id'], reason)
            outcome.refused.append((share['id'], access_id))
    return outcome


@engine.writer
def _finish(session: orm.Session, batch: _Batch, outcome: _Outcome) -> None:
    """Write the outcome: states of the rules, then the status of each instance."""
    ids = [share['id'] for share in batch.shares]
    here = _Mapping.share_instance_id.in_(ids)
    _mark_errors(session, outcome)
    for keys in rows.chunks(outcome.keys.items()):
        rule = models.AccessRule.id
        rows.update(
            session,
            models.AccessRule,
            rule.in_([access_id for access_id, _ in keys]),
            access_key=sa.case(dict(keys), value=rule),
        )
    rows.update(
        session, _Mapping, here, _Mapping.state.in_(('applying', 'updating')), state='active'
    )
    if rows.soft_delete(session, _Mapping, here, _Mapping.state == 'denying'):
        shares = sa.select(_Instance.share_id).where(_Instance.id.in_(ids))
        share_rows.remove_rules(session, models.AccessRule.share_id.in_(shares))
    in_error = sa.or_(_has_rule('error'), _Instance.id.in_(outcome.failed))
    rows.update(session, _Instance, _Instance.id.in_(ids), in_error, access_rules_status='error')
    rows.update(
        session,
        _Instance,
        _as_sent(ids, batch.cast),
        sa.not_(in_error),
        sa.not_(_has_rule(*_BEGUN)),
        _Instance.access_rules_status != 'active',
        access_rules_status='active',
    )


def _mark_errors(session: orm.Session, outcome: _Outcome) -> None:
    if outcome.failed:
        rows.update(
            session,
            _Mapping,
            _Mapping.share_instance_id.in_(outcome.failed),
            _Mapping.state.in_(_BEGUN.values()),
            state='error',
        )
    for refused in rows.chunks(outcome.refused):
        pair = sa.tuple_(_Mapping.share_instance_id, _Mapping.access_id)
        rows.update(session, _Mapping, pair.in_(refused), state='error')


def _as_sent(ids: Sequence[str], cast: set[str]) -> _Which:
    """That the rules of an instance are still to be sent the way this run sent them.

    A migration may have begun, or ended, to want them read-only meanwhile.
    """
    plain = [id for id in ids if id not in cast]
    return sa.or_(
        sa.and_(_Instance.id.in_(plain), sa.not_(_Instance.cast_rules_to_readonly)),
        sa.and_(_Instance.id.in_(cast), _Instance.cast_rules_to_readonly),
    )
