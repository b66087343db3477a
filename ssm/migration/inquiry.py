# SPDX-License-Identifier: Apache-2.0

"""Asking the destination's driver whether it can take a server (contract 4.3, 5.3)."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa
from oslo_log import log as logging
from sqlalchemy import orm

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.common.findings import Finding, Severity, errors
from ssm.db import engine, models
from ssm.drivers import base
from ssm.migration import capabilities, objects, share_types
from ssm.migration.run import Tools

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked; ``share_network_id`` is the effective network."""

    share_server_id: str
    share_network_id: str
    availability_zone_id: str | None
    requested: capabilities.Requested


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back.

    :param capabilities: as the driver said, None if it could not be asked
    :param findings: why not, and warnings
    """

    compatible: bool
    capabilities: dict[str, Any] | None
    findings: list[Finding]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for RPC."""
        return {
            'compatible': self.compatible,
            'capabilities': self.capabilities,
            'findings': [finding.to_dict() for finding in self.findings],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Answer:
        """The reverse of :meth:`to_dict`."""
        return cls(
            data['compatible'],
            data['capabilities'],
            [Finding.from_dict(finding) for finding in data['findings']],
        )


@dataclasses.dataclass(frozen=True)
class _Subject:
    server: base.ShareServer
    old_network: dict[str, Any]
    new_network: dict[str, Any]
    shares: list[base.Share]
    snapshots: int
    snapshots_size: int


def _network(row: models.ShareNetwork) -> dict[str, Any]:
    return {'id': row.id, 'name': row.name, 'project_id': row.project_id, 'status': row.status}


@engine.reader
def _load(session: orm.Session, question: Question) -> _Subject:
    """Two statements, one more for another network.

    :raises NotFound: the server is gone
    """
    found = (
        session.execute(
            sa.select(models.ShareServer, *_snapshots(question.share_server_id))
            .where(
                models.ShareServer.id == question.share_server_id,
                models.ShareServer.deleted == models.NOT_DELETED,
            )
            .options(
                orm.joinedload(models.ShareServer.backend_details),
                orm.joinedload(models.ShareServer.network_allocations),
                orm.joinedload(models.ShareServer.subnets).joinedload(
                    models.ShareNetworkSubnet.share_network
                ),
            )
        )
        .unique()
        .one_or_none()
    )
    if found is None:
        raise exceptions.NotFound(resource='share server', id=question.share_server_id)
    row, snapshots, snapshots_size = found
    networks = {subnet.share_network_id: subnet.share_network for subnet in row.subnets}
    new = networks.get(question.share_network_id) or session.get_one(
        models.ShareNetwork, question.share_network_id
    )
    old = next(iter(networks.values()), new)
    shares = objects.shares(session, models.ShareInstance.share_server_id == row.id)
    return _Subject(
        objects.share_server(row),
        _network(old),
        _network(new),
        shares,
        int(snapshots),
        int(snapshots_size or 0),
    )


def _snapshots(server_id: str) -> list[sa.ScalarSelect[Any]]:
    """How many snapshots there are on a server, and the sum of their sizes in GiB."""
    instance, snapshot = models.ShareInstance, models.SnapshotInstance
    return [
        sa.select(column)
        .select_from(snapshot)
        .join(models.Snapshot, models.Snapshot.id == snapshot.snapshot_id)
        .join(instance, instance.id == snapshot.share_instance_id)
        .where(
            snapshot.deleted == models.NOT_DELETED,
            instance.deleted == models.NOT_DELETED,
            instance.share_server_id == server_id,
        )
        .scalar_subquery()
        for column in (sa.func.count(), sa.func.sum(models.Snapshot.share_size))
    ]


def _request_spec(subject: _Subject, question: Question) -> dict[str, Any]:
    """``shares_request_spec`` of contract 5.3."""
    return {
        'shares_size': sum(share['size'] for share in subject.shares),
        'snapshots_size': subject.snapshots_size,
        'shares_req_spec': [
            {
                'share_id': share['share_id'],
                'share_type': share['share_type'],
                'share_properties': {
                    'size': share['size'],
                    'project_id': share['project_id'],
                    'share_proto': share['share_proto'],
                    'share_type_id': share['share_type'].get('id'),
                    'snapshot_id': share['snapshot_id'],
                },
                'share_instance_properties': {
                    'id': share['id'],
                    'share_id': share['share_id'],
                    'name': share['name'],
                    'host': share['host'],
                    'status': share['status'],
                    'availability_zone_id': question.availability_zone_id,
                    'share_network_id': question.share_network_id,
                    'share_server_id': share['share_server_id'],
                },
            }
            for share in subject.shares
        ],
    }


def _no(code: str, message: str, hint: str) -> Answer:
    return Answer(False, None, [Finding(code, message, hint)])


def answer(tools: Tools, context: RequestContext, question: Question) -> Answer:
    """As :func:`ask`, for somebody who will not ask again: a busy driver says no."""
    try:
        return ask(tools, context, question)
    except exceptions.DriverBusy as exc:
        return Answer(False, None, exc.findings or [Finding(exc.code, exc.message, 'Ask again.')])


def ask(tools: Tools, context: RequestContext, question: Question) -> Answer:
    """Ask the driver of this host; two statements, nothing is changed.

    A back end of the wrong kind or a failing driver is an answer, not an error (rest-api 11, 18).

    :raises DriverBusy: the driver can't say now
    :raises NotFound: the share server is gone
    """
    host = tools.backend.host
    if not tools.backend.driver_handles_share_servers:
        return _no(
            'destination_without_share_servers',
            f'{host} does not handle share servers.',
            'Choose a back end with driver_handles_share_servers = True.',
        )
    subject = _load(question)
    engine.assert_outside('driver check')
    try:
        offered = _offer(tools.driver, host, context, subject, question)
        found = list(share_types.findings(host, subject.shares, tools.report()))
    except exceptions.DriverBusy:
        raise
    except exceptions.SsmError as exc:
        LOG.warning('Check of %s failed: %s', question.share_server_id, exc.message)
        return Answer(False, None, exc.findings or [Finding(exc.code, exc.message)])
    except Exception as exc:
        LOG.exception('Check of %s: the driver failed', question.share_server_id)
        return _no(
            'driver_failed', f'The driver of {host} failed: {exc}', 'See the log of that service.'
        )
    told: list[Finding] = [*offered.pop('findings', []), *found]
    if not tools.backend.migration_keep_addresses:
        offered['keeps_addresses'] = False
    elif not (offered.get('keeps_addresses') or offered.get('nondisruptive')):
        told.append(_addresses_change(host))
    reasons = capabilities.judge(question.requested, offered, snapshots=subject.snapshots)
    for finding in [*reasons, *told]:
        LOG.info('Check of %s: %s %s', question.share_server_id, finding.code, finding.message)
    return Answer(not reasons and not errors(found), offered, [*reasons, *told])


def _addresses_change(host: str) -> Finding:
    return Finding(
        'addresses_not_kept',
        f'{host} is to keep the addresses of migrated servers, which its driver can not do for '
        'this one; it gets new addresses.',
        'Tell clients the new export locations after the cut-over, or choose a destination that '
        'keeps addresses.',
        severity=Severity.WARNING,
    )


def _offer(
    driver: base.ShareDriver,
    host: str,
    context: RequestContext,
    subject: _Subject,
    question: Question,
) -> dict[str, Any]:
    return dict(
        driver.share_server_migration_check_compatibility(
            context,
            subject.server,
            host,
            subject.old_network,
            subject.new_network,
            _request_spec(subject, question),
        )
    )
