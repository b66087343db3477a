# SPDX-License-Identifier: Apache-2.0

"""The conditions of check and start in their order (contract 2.3), as a table.

Every row is evaluated and all findings are told; the first row that has one decides the code
(decision 8).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from ssm.common import exceptions
from ssm.common.findings import Finding, sentence
from ssm.migration.destination import no_subnet
from ssm.migration.subject import BOOLEANS, Facts, Subject, boolean

Findings = Iterator[Finding]

BUSY_TASK_STATES = frozenset(
    {
        'migration_starting',
        'migration_in_progress',
        'migration_completing',
        'migration_driver_starting',
        'migration_driver_in_progress',
        'migration_driver_phase1_done',
        'data_copying_starting',
        'data_copying_in_progress',
        'data_copying_completing',
        'data_copying_completed',
    }
)
"""Task states in which a share is busy by itself (rest-api 6.3)."""


def _of_server(subject: Subject, code: str, message: str, hint: str = '') -> Finding:
    return Finding(code, message, hint, object_type='share_server', object_id=subject.server.id)


def _of_share(share: Facts, code: str, message: str, hint: str) -> Finding:
    return Finding(code, message, hint, object_type='share', object_id=share.share_id)


def _body_empty(subject: Subject) -> Findings:
    if not subject.body:
        yield Finding('body_empty', 'The action has no parameters.', 'Give at least host.')


def _encrypted(subject: Subject) -> Findings:
    if subject.server.encryption_key_ref:
        yield _of_server(subject, 'encrypted', 'Encrypted share servers can not migrate.')


def _fields_missing(subject: Subject) -> Findings:
    for name in ('host', *BOOLEANS):
        if name not in subject.body:
            yield Finding('field_missing', f'{name} is missing.', f'Give {name}.')


def _fields_not_boolean(subject: Subject) -> Findings:
    for name in BOOLEANS:
        if name in subject.body and boolean(subject.body[name]) is None:
            yield Finding(
                'field_not_boolean',
                f'{name} is {subject.body[name]!r}, which is no boolean.',
                'Give True or False.',
            )


def _host_has_pool(subject: Subject) -> Findings:
    host = subject.body.get('host')
    if isinstance(host, str) and '#' in host:
        yield Finding(
            'host_has_pool',
            f'host {host!r} names a pool; share servers live on back ends.',
            'Give the destination as host@backend.',
        )


def _host_not_a_string(subject: Subject) -> Findings:
    host = subject.body.get('host')
    if 'host' in subject.body and not isinstance(host, str):
        yield Finding(
            'host_not_a_string', f'host is {host!r}, which is no text.', 'Give host@backend.'
        )


def _network_unknown(subject: Subject) -> Findings:
    wanted = subject.body.get('new_share_network_id')
    if subject.network is not None or not wanted:
        return
    yield Finding(
        'share_network_unknown',
        f'new_share_network_id: there is no share network {wanted!r}.',
        'Give the id of an existing share network; names are not accepted.',
    )


def _network_gone(subject: Subject) -> Findings:
    if subject.old_network is None and not subject.body.get('new_share_network_id'):
        yield _of_server(
            subject,
            'share_network_gone',
            f'Share server {subject.server.id} lies on no share network any more.',
            'Give new_share_network_id.',
        )


def _network_of_other_project(subject: Subject) -> Findings:
    old, new = subject.old_network, subject.network
    if old and new and old.project_id != new.project_id:
        yield Finding(
            'share_network_of_other_project',
            f'new_share_network_id: share network {new.id} belongs to project {new.project_id}, '
            f'the share server to {old.project_id}.',
            'Give a share network of the same project.',
            object_type='share_network',
            object_id=new.id,
        )


def _network_not_active(subject: Subject) -> Findings:
    network = subject.network
    if network is not None and network.status != 'active':
        yield Finding(
            'share_network_not_active',
            f'Share network {network.id} is in status {network.status}.',
            'Wait until it is active, or repair it.',
            object_type='share_network',
            object_id=network.id,
        )


def _no_shares(subject: Subject) -> Findings:
    if not any(not share.is_soft_deleted for share in subject.shares):
        yield _of_server(
            subject,
            'no_shares',
            f'Share server {subject.server.id} has no shares.',
            'There is nothing to migrate; delete the server instead.',
        )


def _in_recycle_bin(subject: Subject) -> Findings:
    for share in subject.shares:
        if share.is_soft_deleted:
            yield _of_share(
                share,
                'share_in_recycle_bin',
                f'Share {share.share_id} is in the recycle bin.',
                'Restore it or delete it for good.',
            )


def _not_active(subject: Subject) -> Findings:
    if subject.server.status != 'active':
        yield _of_server(
            subject,
            'share_server_not_active',
            f'Share server {subject.server.id} is in status {subject.server.status}.',
            'Only an active share server can be migrated.',
        )


def _host_without_back_end(subject: Subject) -> Findings:
    host = subject.body.get('host')
    if isinstance(host, str) and '@' not in host:
        yield Finding(
            'host_unknown',
            f'There is no back end {host!r}.',
            'Give the destination as host@backend.',
        )


def _nothing_changes(subject: Subject) -> Findings:
    same_network = subject.network is not None and subject.network is subject.old_network
    if subject.host and subject.host == subject.server.host and same_network:
        yield _of_server(
            subject,
            'nothing_changes',
            f'Share server {subject.server.id} is on {subject.host} already.',
            'Choose another back end, or another share network.',
        )


def _has_destination(subject: Subject) -> Findings:
    if subject.destination_id:
        yield _of_server(
            subject,
            'migration_unfinished',
            f'Share server {subject.server.id} has a destination that is not finished: '
            f'{subject.destination_id} is in server_migrating_to.',
            'Complete the migration or cancel it. If it was ended by a reset of its source, set '
            f'the status of {subject.destination_id} to error and delete it.',
        )


def _not_admin(subject: Subject) -> Findings:
    if not subject.context.is_admin:
        yield Finding('not_admin', 'Only administrators may look up services.')


def _host_unknown(subject: Subject) -> Findings:
    if subject.host and subject.service is None:
        yield Finding(
            'host_unknown',
            f'There is no enabled share service {subject.host!r}.',
            'See the list of services.',
        )


def _host_down(subject: Subject) -> Findings:
    if subject.service is not None and not subject.is_service_up:
        yield Finding(
            'host_down',
            f'Share service {subject.host} shows no sign of life since '
            f'{subject.service.updated_at}.',
            'Start it, then try again.',
        )


def _type_excludes_zone(subject: Subject) -> Findings:
    zone = subject.service.availability_zone if subject.service else None
    if zone is None:
        return
    for share in subject.shares:
        zones = [name.strip() for name in (share.zones or '').split(',') if name.strip()]
        if zones and zone.name not in zones:
            yield _of_share(
                share,
                'share_type_excludes_zone',
                f'The share type of share {share.share_id} allows the availability zones '
                f'{", ".join(zones)}, the destination lies in {zone.name}.',
                'Choose a destination in one of these zones, or change the share type.',
            )


def _zone_missing(subject: Subject) -> Findings:
    if subject.service is not None and subject.service.availability_zone is None:
        yield Finding(
            'availability_zone_missing', f'Share service {subject.host} has no availability zone.'
        )


def _no_subnet(subject: Subject) -> Findings:
    known = subject.service is not None and subject.service.availability_zone is not None
    if known and subject.network is not None and not subject.destination_subnets:
        yield no_subnet(subject.network.id)


def _share_unfit(subject: Subject) -> Findings:
    for share in subject.shares:
        for rule in _SHARE_RULES:
            if rule.unfit(share):
                yield _of_share(share, rule.code, rule.message.format(share=share), rule.hint)


@dataclasses.dataclass(frozen=True)
class _ShareRule:
    code: str
    unfit: Callable[[Facts], bool]
    message: str
    hint: str


_SHARE_RULES = (
    _ShareRule(
        'share_not_available',
        lambda share: share.status != 'available',
        'Share {share.share_id} is in status {share.status}.',
        'Wait until it is available, or repair it.',
    ),
    # Replicas always refuse, whatever the server record says (decision 10).
    _ShareRule(
        'share_has_replicas',
        lambda share: share.replicas > 1,
        'Share {share.share_id} has {share.replicas} replicas.',
        'Delete the other replicas.',
    ),
    _ShareRule(
        'snapshot_not_available',
        lambda share: share.busy_snapshots > 0,
        'Share {share.share_id} has {share.busy_snapshots} snapshots that are not available.',
        'Wait until they are available, or delete them.',
    ),
    _ShareRule(
        'share_in_group',
        lambda share: share.share_group_id is not None,
        'Share {share.share_id} is a member of share group {share.share_group_id}.',
        'Shares of groups can not be migrated.',
    ),
    _ShareRule(
        'access_rules_in_error',
        lambda share: share.access_rules_status == 'error',
        'Share {share.share_id} has access rules in error.',
        'Remove the rules that failed.',
    ),
    _ShareRule(
        'share_busy',
        lambda share: share.task_state in BUSY_TASK_STATES,
        'Share {share.share_id} is busy: {share.task_state}.',
        'Wait until that is over.',
    ),
)


@dataclasses.dataclass(frozen=True)
class Check:
    """One row: its number in the contract, the code it refuses with, and how it finds out."""

    row: str
    status: int
    find: Callable[[Subject], Findings]


CHECKS = (
    Check('3', 400, _body_empty),
    Check('4', 400, _encrypted),
    Check('5', 400, _fields_missing),
    Check('6', 400, _fields_not_boolean),
    Check('7', 400, _host_has_pool),
    Check('8', 400, _host_not_a_string),
    Check('9', 400, _network_unknown),
    Check('9a', 400, _network_of_other_project),
    Check('9b', 400, _network_gone),
    Check('10', 400, _network_not_active),
    Check('11', 409, _no_shares),
    Check('12', 409, _in_recycle_bin),
    Check('13', 409, _not_active),
    Check('15', 404, _host_without_back_end),
    Check('16', 409, _nothing_changes),
    Check('17', 409, _has_destination),
    Check('18', 403, _not_admin),
    Check('18a', 404, _host_unknown),
    Check('19', 400, _host_down),
    Check('20', 409, _type_excludes_zone),
    Check('21', 404, _zone_missing),
    Check('22', 409, _no_subnet),
    Check('23', 409, _share_unfit),
)
"""Row 14, a share group that uses the server, is part of 23 until groups are built."""

ERRORS: dict[int, type[exceptions.SsmError]] = {
    400: exceptions.Invalid,
    403: exceptions.Forbidden,
    404: exceptions.NotFound,
    409: exceptions.Conflict,
}


def run(subject: Subject) -> None:
    """Evaluate all rows.

    :raises SsmError: with the code of the first row that refuses, and the findings of all rows
    """
    refusals = [(check, list(check.find(subject))) for check in CHECKS]
    refusals = [(check, found) for check, found in refusals if found]
    if refusals:
        first, reasons = refusals[0]
        every = [finding for _check, found in refusals for finding in found]
        raise ERRORS[first.status](sentence(reasons), findings=every)
