# SPDX-License-Identifier: Apache-2.0

"""What the API asks for: check, start, complete, cancel, progress, and the two resets.

Each request first writes its intent by one conditional transaction, then sends a message that
merely wakes the destination (rule 1).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from oslo_log import log as logging
from oslo_utils import uuidutils
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.common.findings import Finding, sentence
from ssm.db import engine, models
from ssm.migration import capabilities, checks, inquiry, journal, recovery, states, store
from ssm.migration.states import PROGRESS_WITHOUT_DRIVER, Event, ServerStatus, State, Step
from ssm.migration.subject import Subject, find_service, is_up, load
from ssm.rpc.share import ShareClient

LOG = logging.getLogger(__name__)


def check(context: RequestContext, server_id: str, value: Any) -> dict[str, Any]:
    """Whether a server can migrate as asked; changes nothing (contract 2.3, 2.4).

    :param value: value of the action key
    :returns: ``compatible``, ``requested_capabilities``, ``supported_capabilities``, and
        ``reasons`` if there are any
    :raises SsmError: by the first row of the contract's table that refuses
    """
    subject = _checked(context, server_id, value)
    if _is_contradictory(subject):
        nothing = dict.fromkeys(capabilities.SHOWN, False)
        return _answer(subject, inquiry.Answer(False, nothing, [_contradiction(subject)]))
    return _answer(subject, _ask(subject))


def start(context: RequestContext, server_id: str, value: Any) -> None:
    """Begin the first phase; every refusal comes before anything is changed (decision 1).

    :raises SsmError: as :func:`check`, or 409 with the driver's findings
    """
    subject = _checked(context, server_id, value)
    if _is_contradictory(subject):
        reason = _contradiction(subject)
        raise exceptions.Invalid(reason.message, findings=[reason])
    answer = _ask(subject)
    if not answer.compatible or answer.capabilities is None:
        raise exceptions.Conflict(sentence(answer.findings), findings=answer.findings)
    row = _row(subject, answer)
    store.start(row)
    LOG.info('Migration %s of share server %s to %s starts', row.id, server_id, subject.host)
    ShareClient().wake_migration(context, row.destination_host, row.id)


def _checked(context: RequestContext, server_id: str, value: Any) -> Subject:
    subject = load(context, server_id, value if isinstance(value, dict) else {})
    try:
        checks.run(subject)
    except exceptions.SsmError as exc:
        for finding in exc.findings:
            LOG.info('Share server %s: %s %s', server_id, finding.code, finding.message)
        raise
    return subject


def _is_contradictory(subject: Subject) -> bool:
    """Row 24: undisturbed clients are wanted, and the network changes under them."""
    return subject.requested.nondisruptive and subject.network_changes


def _contradiction(subject: Subject) -> Finding:
    return Finding(
        'network_changes',
        'nondisruptive is wanted, but the network parameters would change.',
        'Give no new share network, or one with the same neutron subnets in the zone of the '
        'destination, or set nondisruptive to False.',
        object_type='share_server',
        object_id=subject.server.id,
    )


def _ask(subject: Subject) -> inquiry.Answer:
    assert subject.network is not None and subject.service is not None
    requested = subject.requested
    return inquiry.Answer.from_dict(
        ShareClient().check_migration(
            subject.context,
            subject.host,
            share_server_id=subject.server.id,
            new_share_network_id=subject.network.id,
            availability_zone_id=subject.service.availability_zone_id,
            writable=requested.writable,
            nondisruptive=requested.nondisruptive,
            preserve_snapshots=requested.preserve_snapshots,
        )
    )


def _answer(subject: Subject, answer: inquiry.Answer) -> dict[str, Any]:
    """The body of check: requested values raw, supported ones as the driver said."""
    assert subject.network is not None
    offered = answer.capabilities
    shown = capabilities.shown(offered, network_changes=subject.network_changes)
    network_id = subject.network.id
    if offered is not None and 'share_network_id' in offered:
        network_id = offered['share_network_id']
    body: dict[str, Any] = {
        'compatible': answer.compatible,
        'requested_capabilities': {
            'writable': subject.body['writable'],
            'nondisruptive': subject.body['nondisruptive'],
            'preserve_snapshots': subject.body['preserve_snapshots'],
            'share_network_id': subject.body.get('new_share_network_id'),
            'host': subject.body['host'],
        },
        'supported_capabilities': {
            'writable': shown['writable'],
            'nondisruptive': shown['nondisruptive'],
            'preserve_snapshots': shown['preserve_snapshots'],
            'share_network_id': network_id,
            'migration_cancel': shown['migration_cancel'],
            'migration_get_progress': shown['migration_get_progress'],
        },
    }
    if answer.findings:
        body['reasons'] = [finding.to_dict() for finding in answer.findings]
    return body


def _row(subject: Subject, answer: inquiry.Answer) -> models.Migration:
    assert subject.network is not None and subject.service is not None
    assert answer.capabilities is not None
    requested = subject.requested
    return models.Migration(
        id=uuidutils.generate_uuid(),
        project_id=subject.context.project_id,
        user_id=subject.context.user_id,
        request_id=subject.context.request_id,
        source_share_server_id=subject.server.id,
        source_host=subject.server.host,
        destination_host=subject.host,
        share_network_id=subject.network.id,
        new_share_network_id=subject.body.get('new_share_network_id') or None,
        availability_zone_id=subject.service.availability_zone_id,
        writable=requested.writable,
        nondisruptive=requested.nondisruptive,
        preserve_snapshots=requested.preserve_snapshots,
        size=sum(share.size for share in subject.shares),
        state=State.STARTING,
        mode=capabilities.mode(
            answer.capabilities,
            network_changes=subject.network_changes,
            same_subnets=subject.same_subnets,
        ),
        capabilities=answer.capabilities,
        checked_at=models.now(),
        reasons=[finding.to_dict() for finding in answer.findings],
    )


def complete(context: RequestContext, server_id: str) -> dict[str, str]:
    """Begin the cut-over (contract 2.5); returns the id of the destination server."""
    row = _request(context, server_id, Event.COMPLETE)
    return {'destination_share_server_id': str(row.destination_share_server_id)}


def cancel(context: RequestContext, server_id: str) -> None:
    """Undo the first phase, if the driver offered that at start (contract 2.6)."""
    _request(context, server_id, Event.CANCEL)


def _request(context: RequestContext, server_id: str, event: Event) -> models.Migration:
    """The conditions of complete and cancel are the same but for the states they want."""
    server, row, destinations, service = _load(server_id)
    if server is None:
        raise exceptions.NotFound(resource='share server', id=server_id)
    wanted = states.TRANSITIONS[event].before
    if server.status != ServerStatus.SERVER_MIGRATING:
        raise exceptions.Invalid(
            f'Share server {server_id} is in status {server.status}, not server_migrating.'
        )
    if server.task_state not in wanted:
        raise exceptions.Invalid(
            f'Share server {server_id} is in task_state {server.task_state}; {event} wants '
            f'{" or ".join(sorted(wanted))}.'
        )
    if len(destinations) != 1 or row is None:
        raise exceptions.Invalid(
            f'Share server {server_id} has {len(destinations)} destinations in '
            'server_migrating_to instead of one.'
        )
    if service is None:
        raise exceptions.NotFound(resource='enabled share service', id=row.destination_host)
    if not is_up(service, models.now()):
        raise exceptions.Invalid(f'Share service {row.destination_host} is down.')
    if event is Event.CANCEL and not (row.capabilities or {}).get('migration_cancel'):
        raise exceptions.Invalid(
            f'The driver of {row.destination_host} can not cancel this migration.'
        )
    if not store.request(row, event):
        raise exceptions.Invalid(
            f'The migration of share server {server_id} moved on meanwhile; nothing was done.'
        )
    LOG.info('Migration %s: %s requested', row.id, event)
    ShareClient().wake_migration(context, row.destination_host, row.id)
    return row


Loaded = tuple[
    models.ShareServer | None,
    models.Migration | None,
    list[models.ShareServer],
    models.Service | None,
]


@engine.reader
def _load(session: orm.Session, server_id: str) -> Loaded:
    """Source, its unfinished migration, destinations that point to it, the destination's service.

    Three statements at most.
    """
    server_model = models.ShareServer
    found = session.scalars(
        sa.select(server_model).where(
            sa.or_(server_model.id == server_id, server_model.source_share_server_id == server_id),
            server_model.deleted == models.NOT_DELETED,
        )
    ).all()
    server = next((row for row in found if row.id == server_id), None)
    moved = server is None or _has_moved(server)
    wanted = ServerStatus.ACTIVE if moved else ServerStatus.SERVER_MIGRATING_TO
    destinations = [
        row for row in found if row.source_share_server_id == server_id and row.status == wanted
    ]
    row = store.unfinished_of(session, server_id) if server is not None else None
    service = find_service(session, row.destination_host) if row else None
    return server, row, destinations, service


def _has_moved(server: models.ShareServer) -> bool:
    """Whether its shares live elsewhere, and it is only kept for a while (decision 2)."""
    return server.status == ServerStatus.INACTIVE and server.task_state == State.SUCCESS


def get_progress(context: RequestContext, server_id: str) -> dict[str, Any]:
    """How far a migration is (contract 2.7), from the row, without a message (decision 14)."""
    server, row, destinations, service = _load(server_id)
    if server is None or _has_moved(server):
        if len(destinations) != 1:
            raise exceptions.Invalid(f'No migration of share server {server_id} is known.')
        return _progress(100, destinations)
    if server.status != ServerStatus.SERVER_MIGRATING:
        raise exceptions.Invalid(
            f'Share server {server_id} is in status {server.status}, not server_migrating.'
        )
    if server.task_state == State.DRIVER_IN_PROGRESS and len(destinations) == 1 and row:
        if service is None:
            raise exceptions.NotFound(resource='enabled share service', id=row.destination_host)
        if not is_up(service, models.now()):
            raise exceptions.Conflict(f'Share service {row.destination_host} is down.')
        return _progress(row.total_progress, destinations)
    total = PROGRESS_WITHOUT_DRIVER.get(server.task_state)
    if total is None:
        raise exceptions.Invalid(
            f'The progress of share server {server_id} in task_state {server.task_state} is '
            'not known.'
        )
    return _progress(total, destinations)


def _progress(total: int, destinations: list[models.ShareServer]) -> dict[str, Any]:
    destination = destinations[0] if len(destinations) == 1 else None
    return {
        'total_progress': total,
        'task_state': (destination.task_state or '') if destination else '',
        'destination_share_server_id': destination.id if destination else '',
    }


def override_status(context: RequestContext, server_id: str, status: str) -> None:
    """Set a server's status by hand; ends its unfinished migration as overridden (decision 7).

    What works on the storage is stopped then, and a source that was closed is opened, unless
    the destination began to open; nothing is removed, no status is touched.

    :raises NotFound: no such server
    """
    _override(context, server_id, status=status)


def override_task_state(context: RequestContext, server_id: str, task_state: str | None) -> None:
    """Set a server's task_state by hand; ends its unfinished migration as overridden."""
    _override(context, server_id, task_state=task_state)


def _override(context: RequestContext, server_id: str, **values: str | None) -> None:
    row = store.override(server_id, context.user_id, **values)
    LOG.warning('Share server %s was set to %s by %s', server_id, values, context.user_id)
    if row is not None:
        LOG.warning('Migration %s ended by it', row.id)
        ShareClient().wake_migration(context, row.destination_host, row.id)


def recover(context: RequestContext, migration_id: str) -> None:
    """Make the source of a cut-over that failed and was undone active again (decision 3).

    Its shares and snapshots are available again; the destination stays in error.

    :raises NotFound: there is no such migration
    :raises Conflict: nobody can say that the source is sound; the finding says why
    """
    row = store.recover(migration_id, recovery.refuse)
    LOG.warning('Migration %s: its source is active again by %s', row.id, context.user_id)
    if journal.begun(row.journal, Step.CAST_READ_ONLY):
        ShareClient().update_access(
            context, row.source_host, share_server_id=row.source_share_server_id
        )
