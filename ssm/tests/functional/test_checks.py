# SPDX-License-Identifier: Apache-2.0

"""Each condition of check and start by itself (contract 2.3): code, and the reason told."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from ssm.db import models
from ssm.tests.functional.migration import BODY, ApiCase
from ssm.tests.unit.migration.scenario import DESTINATION, SOURCE

ACTIONS = ('migration_check', 'migration_start')
Statements = list[Any]


def _one(model: type[models.Base], **values: Any) -> Any:
    """Change one row of a table, whichever."""
    first = sa.select(sa.func.min(model.id)).scalar_subquery()
    return sa.update(model).where(model.id == sa.select(first).scalar_subquery()).values(**values)


def _all(model: type[models.Base], **values: Any) -> Any:
    return sa.update(model).values(**values)


def _service(**values: Any) -> Any:
    """Change the destination's service."""
    return sa.update(models.Service).where(models.Service.host == DESTINATION).values(**values)


def _insert(model: type[models.Base], of: type[models.Base], **values: Any) -> Any:
    """A row for each row of another table, its id under the key whose value is None."""
    columns = [of.id if value is None else sa.literal(value) for value in values.values()]
    return sa.insert(model).from_select(list(values), sa.select(*columns))


def _network(**values: Any) -> Statements:
    """A second network with a default subnet."""
    columns = {'id': 'n2', 'project_id': 'p1', 'status': 'active', 'deleted': 'False'}
    subnet = {'id': 'sub2', 'share_network_id': 'n2', 'deleted': 'False'}
    return [
        sa.insert(models.ShareNetwork).values(columns | values),
        sa.insert(models.ShareNetworkSubnet).values(subnet),
    ]


def _zones(names: str) -> Any:
    """Types of shares are for these zones only."""
    return _insert(
        models.ShareTypeExtraSpec,
        models.ShareType,
        share_type_id=None,
        spec_key='availability_zones',
        spec_value=names,
        deleted='False',
    )


def _replica() -> Statements:
    """Each share has a second replica elsewhere."""
    instance = models.ShareInstance
    copied = {column.name: column for column in instance.__table__.columns}
    copied |= {'id': sa.func.substr(instance.id, 2), 'share_server_id': sa.null()}
    return [
        _all(instance, replica_state='active'),
        sa.insert(instance).from_select(list(copied), sa.select(*copied.values())),
    ]


NEW = {'new_share_network_id': 'n2'}
UNKNOWN = {'new_share_network_id': 'none'}
LONG_AGO = models.now() - datetime.timedelta(days=1)
POINTER = _insert(
    models.ShareServer,
    models.ShareServer,
    source_share_server_id=None,
    id='pointer',
    host=DESTINATION,
    status='server_migrating_to',
    is_auto_deletable=True,
    security_service_update_support=False,
    network_allocation_update_support=False,
    share_replicas_migration_support=False,
    deleted='False',
)
ELSEWHERE = [
    sa.insert(models.AvailabilityZone).values(id='zone2', name='elsewhere', deleted='False'),
    _all(models.ShareNetworkSubnet, availability_zone_id='zone2'),
]
INSTANCE = models.ShareInstance

CASES: tuple[tuple[dict[str, Any], Statements, int, str], ...] = (
    ({'writable': 'perhaps'}, [], 400, 'field_not_boolean'),
    ({'nondisruptive': None}, [], 400, 'field_not_boolean'),
    ({'preserve_snapshots': 2}, [], 400, 'field_not_boolean'),
    ({}, [_all(models.ShareServer, encryption_key_ref='key')], 400, 'encrypted'),
    ({'host': f'{DESTINATION}#pool'}, [], 400, 'host_has_pool'),
    ({'host': 5}, [], 400, 'host_not_a_string'),
    (UNKNOWN, [], 400, 'share_network_unknown'),
    # Of an unknown network and an unknown host the network decides.
    (UNKNOWN | {'host': 'no@where'}, [], 400, 'share_network_unknown'),
    (NEW, _network(project_id='p2'), 400, 'share_network_of_other_project'),
    (NEW, _network(status='network_change'), 400, 'share_network_not_active'),
    ({}, [_all(models.ShareNetwork, status='error')], 400, 'share_network_not_active'),
    ({}, [_all(INSTANCE, share_server_id=None)], 409, 'no_shares'),
    ({}, [_one(models.Share, is_soft_deleted=True)], 409, 'share_in_recycle_bin'),
    ({}, [_all(models.ShareServer, status='error')], 409, 'share_server_not_active'),
    ({'host': 'beta'}, [], 404, 'host_unknown'),
    ({'host': SOURCE}, [], 409, 'nothing_changes'),
    ({}, [POINTER], 409, 'migration_unfinished'),
    ({'host': 'node1@gamma'}, [], 404, 'host_unknown'),
    ({}, [_service(disabled=True)], 404, 'host_unknown'),
    ({}, [_service(updated_at=LONG_AGO)], 400, 'host_down'),
    # nova is part of a name here, and none of the zones.
    ({}, [_zones('nova2,other')], 409, 'share_type_excludes_zone'),
    ({}, [_service(availability_zone_id=None)], 404, 'availability_zone_missing'),
    ({}, ELSEWHERE, 409, 'no_subnet_in_zone'),
    ({}, [_one(INSTANCE, status='extending')], 409, 'share_not_available'),
    ({}, _replica(), 409, 'share_has_replicas'),
    # Also where the server's record says that its driver could (decision 10).
    (
        {},
        [*_replica(), _all(models.ShareServer, share_replicas_migration_support=True)],
        409,
        'share_has_replicas',
    ),
    ({}, [_one(models.SnapshotInstance, status='error')], 409, 'snapshot_not_available'),
    ({}, [_one(models.Share, share_group_id='group')], 409, 'share_in_group'),
    ({}, [_one(INSTANCE, access_rules_status='error')], 409, 'access_rules_in_error'),
    ({}, [_one(models.Share, task_state='migration_starting')], 409, 'share_busy'),
)
"""Changes of the request, statements before it, the code, the first reason."""


class ChecksTest(ApiCase):
    def refused(self, status: int, action: str, value: Any) -> list[str]:
        """The codes of the reasons for a refusal, which changes nothing."""
        before = self.server(self.source_id).status
        (error,) = self.act(status, action, value).values()
        self.assertTrue(all(reason['message'] for reason in error['reasons']))
        self.assertEqual([], self.query(sa.select(models.Migration)))
        server = self.server(self.source_id)
        self.assertEqual((before, None), (server.status, server.task_state))
        return [reason['code'] for reason in error['reasons']]

    def test_each_condition(self) -> None:
        for body, statements, status, code in CASES:
            self.fresh()
            self.execute(*statements)
            for action in ACTIONS:
                found = self.refused(status, action, BODY | body)
                self.assertEqual(code, found[0], f'{action} {body} {found}')

    def test_without_parameters(self) -> None:
        self.seed()
        for action in ACTIONS:
            for value in (None, {}, '', []):
                self.assertEqual('body_empty', self.refused(400, action, value)[0])

    def test_all_but_the_network_is_mandatory(self) -> None:
        self.seed()
        for name in ('host', 'writable', 'nondisruptive', 'preserve_snapshots'):
            body = {key: value for key, value in BODY.items() if key != name}
            for action in ACTIONS:
                self.assertEqual(['field_missing'], self.refused(400, action, body))
        body = {key: value for key, value in BODY.items() if key != 'new_share_network_id'}
        answer = self.act(200, 'migration_check', body)
        self.assertIs(True, answer['compatible'])
        self.assertIsNone(answer['requested_capabilities']['share_network_id'])
        self.act(202, 'migration_start', body)

    def test_a_server_that_is_none(self) -> None:
        self.seed()
        for action in ACTIONS:
            self.act(404, action, BODY, 'nothing')

    def test_every_share_that_is_in_the_way_is_named(self) -> None:
        self.seed(shares=3)
        self.change(models.ShareInstance, status='error')
        self.change(models.ShareServer, status='error')
        found = self.refused(409, 'migration_start', BODY)
        self.assertEqual(['share_server_not_active', *['share_not_available'] * 3], found)
