# SPDX-License-Identifier: Apache-2.0

"""Export locations, replaced as a set."""

from ssm.db import engine, export_locations_store, models
from ssm.tests.unit.share import base

_replace = engine.writer(export_locations_store.replace_export_locations)


def location(path, *, admin=False, **metadata):
    """A location as a driver names it."""
    found = {'path': path, 'is_admin_only': admin}
    return found | {'metadata': metadata} if metadata else found


class ReplaceTest(base.TestCase):
    def rows(self, instance_id):
        """Id, visibility and metadata by path."""
        found = base.living(
            models.ExportLocation, models.ExportLocation.share_instance_id == instance_id
        )
        return {
            row.path: (
                row.uuid,
                row.is_admin_only,
                {
                    item.key: item.value
                    for item in base.living(
                        models.ExportLocationMetadata,
                        models.ExportLocationMetadata.export_location_id == row.id,
                    )
                },
            )
            for row in found
        }

    def test_a_kept_path_keeps_its_id(self):
        instance_id = self.instance()
        _replace({instance_id: [location('a', preferred='True'), location('b')]})
        before = self.rows(instance_id)
        self.assertEqual({'preferred': 'True'}, before['a'][2])
        _replace({instance_id: [location('c', admin=True), location('a')]})
        after = self.rows(instance_id)
        self.assertEqual({'a', 'c'}, set(after))
        self.assertEqual(before['a'], after['a'])
        self.assertTrue(after['c'][1])

    def test_a_kept_path_gets_new_visibility_and_metadata(self):
        instance_id = self.instance()
        _replace({instance_id: [location('a', preferred='True', zone='1')]})
        uuid = self.rows(instance_id)['a'][0]
        _replace({instance_id: [location('a', admin=True, preferred='False')]})
        self.assertEqual({'a': (uuid, True, {'preferred': 'False'})}, self.rows(instance_id))

    def test_other_instances_are_left_alone(self):
        one, other = self.instance(), self.instance()
        _replace({one: [location('a')], other: [location('a')]})
        before = self.rows(other)
        _replace({one: []})
        self.assertEqual({}, self.rows(one))
        self.assertEqual(before, self.rows(other))

    def test_a_path_named_twice_is_one(self):
        instance_id = self.instance()
        _replace({instance_id: [location('a'), location('a', admin=True)]})
        self.assertEqual(['a'], list(self.rows(instance_id)))

    def test_five_statements_for_five_hundred_instances(self):
        share_id = base.get(models.ShareInstance, self.instance()).share_id
        insert_all(
            models.ShareInstance,
            [{'id': f'i{n}', 'share_id': share_id, 'status': 'available'} for n in range(500)],
        )
        statements = self.useFixture(base.Statements())
        for path in ('old', 'new'):
            statements.take()
            _replace(
                {
                    f'i{n}': [location(f'{path}{k}/{n}', preferred=str(k == 0)) for k in range(2)]
                    for n in range(500)
                }
            )
            self.assertLessEqual(len(statements.take()), 5)
        self.assertEqual(1000, len(base.living(models.ExportLocation)))
        self.assertEqual(1000, len(base.living(models.ExportLocationMetadata)))
        self.assertEqual({'new0/7', 'new1/7'}, set(self.rows('i7')))


insert_all = engine.writer(export_locations_store.rows.insert)
