# SPDX-License-Identifier: Apache-2.0

"""What goes with an instance that is deleted, and what stays."""

import sqlalchemy as sa
from sqlalchemy import orm

from ssm.db import engine, models, shares, snapshots
from ssm.tests import base
from ssm.tests.functional import database, world


@engine.reader
def living(session: orm.Session, model: type[models.Base], column: str = 'id') -> set[str]:
    chosen = model.__table__.c[column]
    return set(session.scalars(sa.select(chosen).where(model.deleted == models.NOT_DELETED)))


@engine.reader
def deleted_as(session: orm.Session, model: type[models.Base]) -> dict[str, str]:
    return {
        str(row.id): row.deleted
        for row in session.scalars(sa.select(model))
        if row.deleted != models.NOT_DELETED
    }


class RemoveInstancesTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(database.Database())
        world.add(world.everything())
        self.remove = engine.writer(shares.remove_instances)

    def test_the_last_instance_takes_all_with_it(self) -> None:
        self.remove(['inst-a'])
        self.assertEqual({'inst-m', 'inst-e', 'inst-b', 'inst-p'}, living(models.ShareInstance))
        self.assertEqual({'share-m', 'share-e', 'share-b', 'share-p'}, living(models.Share))
        self.assertEqual(set(), living(models.ShareMetadata))
        self.assertEqual({'rule-m', 'rule-b', 'rule-p'}, living(models.AccessRule))
        self.assertEqual({'rule-m', 'rule-b', 'rule-p'}, living(models.AccessMapping, 'access_id'))
        self.assertEqual(
            {'rule-m', 'rule-b', 'rule-p'}, living(models.AccessRuleMetadata, 'access_id')
        )
        self.assertEqual({'loc-b', 'loc-p'}, living(models.ExportLocation, 'uuid'))
        self.assertEqual(set(), living(models.ExportLocationMetadata))

    def test_deleted_rows_hold_their_id(self) -> None:
        self.remove(['inst-a'])
        self.assertEqual({'share-a': 'share-a'}, deleted_as(models.Share))
        self.assertEqual({'1': '1', '2': '2'}, deleted_as(models.ExportLocation))

    def test_another_instance_keeps_share_and_rules(self) -> None:
        world.add(
            [
                models.ShareInstance(id='inst-a2', share_id='share-a', status='available'),
                models.AccessMapping(share_instance_id='inst-a2', access_id='rule-a'),
            ]
        )
        self.remove(['inst-a'])
        self.assertIn('share-a', living(models.Share))
        self.assertIn('rule-a', living(models.AccessRule))
        self.assertEqual({'share-a'}, living(models.ShareMetadata, 'share_id'))
        self.remove(['inst-a2'])
        self.assertNotIn('share-a', living(models.Share))
        self.assertNotIn('rule-a', living(models.AccessRule))

    def test_the_server_was_in_use_until_now(self) -> None:
        self.remove(['inst-a'])

        @engine.reader
        def touched(session: orm.Session) -> list[str]:
            server = models.ShareServer
            return list(session.scalars(sa.select(server.id).where(server.updated_at.is_not(None))))

        self.assertEqual(['srv-a'], touched())

    def test_nothing_is_nothing(self) -> None:
        self.remove([])
        self.assertEqual(5, len(living(models.Share)))


class RemoveSnapshotInstancesTest(base.TestCase):
    def test_the_last_instance_takes_the_snapshot_with_it(self) -> None:
        self.useFixture(database.Database())
        world.add(world.everything())
        world.add(
            [
                models.SnapshotInstance(
                    id='sinst-a2',
                    snapshot_id='snap-a',
                    share_instance_id='inst-a',
                    status='available',
                ),
                models.SnapshotExportLocation(share_snapshot_instance_id='sinst-a', path='/a'),
            ]
        )
        remove = engine.writer(snapshots.remove_instances)
        remove(['sinst-a'])
        self.assertIn('snap-a', living(models.Snapshot))
        self.assertEqual(set(), living(models.SnapshotExportLocation))
        remove(['sinst-a2'])
        self.assertEqual({'snap-m', 'snap-b'}, living(models.Snapshot))
