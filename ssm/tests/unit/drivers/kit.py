# SPDX-License-Identifier: Apache-2.0

"""The driver kit: what every driver has to prove, asked through the interface only.

A driver's test module has a class ``(kit.DriverKit, TestCase)``. It has to give

* :meth:`DriverKit.make_driver`: a new driver object for one of two stanzas, ``alpha`` (the
  source) and ``beta`` (the destination). By this the kit also plays a restart of the service.
  :func:`make_conf` and :func:`make_backend` make the stanzas;
* :meth:`DriverKit.serves`: whether clients can write to a share through a server.

It may give ``write_data`` and ``read_data`` (without them the kit looks at no content),
``network_info``, and the attributes ``deadline``, ``pause`` and ``protocol``.
"""

from __future__ import annotations

import dataclasses

from ssm.common import exceptions
from ssm.tests.unit.drivers.harness import (
    DESTINATION,
    SOURCE,
    STEPS,
    Harness,
    MemoryPrivateData,
    Migration,
    make_backend,
    make_conf,
)

__all__ = ['DriverKit', 'MemoryPrivateData', 'Migration', 'STEPS', 'make_backend', 'make_conf']


class DriverKit(Harness):
    """Mix-in of tests for a driver that handles share servers; see the module's text."""

    # Report, servers, shares

    def test_report_has_what_the_scheduler_needs(self) -> None:
        report = self.drivers[SOURCE].get_share_stats()
        self.assertIs(True, report['driver_handles_share_servers'])
        for key in ('share_backend_name', 'vendor_name', 'driver_version', 'storage_protocol'):
            self.assertTrue(report[key], key)
        self.assertTrue(report['pools'])
        for pool in report['pools']:
            for key in (
                'pool_name',
                'total_capacity_gb',
                'free_capacity_gb',
                'reserved_percentage',
                'reserved_snapshot_percentage',
                'reserved_share_extend_percentage',
            ):
                self.assertIn(key, pool)

    def test_steps_are_declared_repeatable(self) -> None:
        driver = self.drivers[DESTINATION]
        self.assertTrue(
            driver.repeatable_setup and driver.repeatable_start and driver.repeatable_complete
        )

    def test_server_set_up_twice_is_the_same(self) -> None:
        server_id = f'server-{next(self._numbers)}'
        info = self.network_info(SOURCE, server_id)
        first = self.call(self.drivers[SOURCE].setup_server, self.context, info)
        self.restart(SOURCE)
        again = self.call(self.drivers[SOURCE].setup_server, self.context, info)
        self.assertEqual(first, again)
        self.assertTrue(first['identifier'])
        self.assertTrue(all(isinstance(value, str) for value in first.values()))
        server, _ = self.make_server(SOURCE)
        self.assertNotEqual(first['identifier'], server['identifier'])
        made = {'id': server_id, 'identifier': first['identifier'], 'backend_details': first}
        self._teardown(SOURCE, server | made)

    def test_server_set_up_again_keeps_its_shares(self) -> None:
        server_id = f'server-{next(self._numbers)}'
        info = self.network_info(SOURCE, server_id)
        details = self.call(self.drivers[SOURCE].setup_server, self.context, info)
        other, _ = self.make_server(SOURCE)
        server = other | {
            'id': server_id,
            'identifier': details['identifier'],
            'backend_details': details,
        }
        self.addCleanup(self._teardown, SOURCE, server)
        share = self.make_share(server)
        self.call(self.drivers[SOURCE].setup_server, self.context, info)
        self.assertTrue(self.serves(server, share))

    def test_server_torn_down_twice(self) -> None:
        server, _ = self.make_server(SOURCE)
        other, _ = self.make_server(SOURCE)
        share, kept = self.make_share(server), self.make_share(other)
        self._teardown(SOURCE, server)
        self.assertFalse(self.serves(server, share))
        self._teardown(SOURCE, server)
        self.assertTrue(self.serves(other, kept))

    def test_server_let_go_and_taken_over(self) -> None:
        server, _ = self.make_server(SOURCE)
        self.call(self.drivers[SOURCE].unmanage_server, self.context, server, [])
        self.restart(SOURCE)
        taken, details = self.take_over(server)
        self.assertTrue(all(isinstance(value, str) for value in details.values()))
        wanted = {item['ip_address'] for item in server['network_allocations']}
        self.assertTrue(wanted <= set(details['addresses'].split(',')), details)
        self.addCleanup(self._teardown, SOURCE, taken)
        share = self.make_share(taken)
        self.assertTrue(self.serves(taken, share))
        self._teardown(SOURCE, taken)
        self.assertFalse(self.serves(taken, share))

    def test_server_taken_over_twice_is_the_same(self) -> None:
        server, _ = self.make_server(SOURCE)
        first, details = self.take_over(server)
        self.addCleanup(self._teardown, SOURCE, first)
        share = self.make_share(first)
        self.restart(SOURCE)
        again = self.call(
            self.drivers[SOURCE].manage_server, self.context, first, server['identifier'], {}
        )
        self.assertEqual((first['identifier'], details), again)
        for _ in range(2):
            self.call(self.drivers[SOURCE].unmanage_server, self.context, first, [])
        self.assertTrue(self.serves(first, share))

    def test_server_that_is_not_there_is_not_taken_over(self) -> None:
        server, _ = self.make_server(SOURCE)
        self._teardown(SOURCE, server)
        for identifier in (server['identifier'], 'nobody', '../servers', ''):
            with self.assertRaises(exceptions.DriverRefused, msg=identifier) as caught:
                self.take_over(server | {'identifier': identifier})
            self.assertTrue(caught.exception.findings, identifier)

    def test_server_closed_by_a_migration_is_not_taken_over(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'fence')
        with self.assertRaises(exceptions.DriverRefused) as caught:
            self.take_over(migration.source)
        self.assertEqual(['server_fenced'], [f.code for f in caught.exception.findings])
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_share_made_and_removed_twice(self) -> None:
        server, _ = self.make_server(SOURCE)
        share = self.make_share(server)
        self.assertTrue(share['export_locations'])
        self.assertTrue(self.serves(server, share))
        self.restart(SOURCE)
        driver = self.drivers[SOURCE]
        again = self.call(driver.create_share, self.context, share, server)
        self.assertEqual(share['export_locations'], again)
        self.assertTrue(self.serves(server, share))
        for _ in range(2):
            self.call(driver.delete_share, self.context, share, server)
            self.assertFalse(self.serves(server, share))

    def test_snapshot_made_and_removed_twice(self) -> None:
        server, _ = self.make_server(SOURCE)
        share = self.make_share(server)
        snapshot = self.make_snapshot(server, share)
        self.restart(SOURCE)
        driver = self.drivers[SOURCE]
        again = self.call(driver.create_snapshot, self.context, snapshot, server)
        self.assertEqual(snapshot['provider_location'], again.get('provider_location'))
        for _ in range(2):
            self.call(driver.delete_snapshot, self.context, snapshot, server)
        self.assertTrue(self.serves(server, share))

    def test_share_from_snapshot_has_its_content(self) -> None:
        server, _ = self.make_server(SOURCE)
        share = self.make_share(server)
        self.write_data(server, share, 'old')
        snapshot = self.make_snapshot(server, share)
        self.write_data(server, share, 'new')
        clone = self.share_data(server)
        driver = self.drivers[SOURCE]
        clone['export_locations'] = self.call(
            driver.create_share_from_snapshot, self.context, clone, snapshot, server
        )
        self.assertEqual('old', self.read_data(server, clone))
        self.call(driver.update_access, self.context, clone, clone['access_rules'], server)
        self.write_data(server, clone, 'own')
        again = self.call(driver.create_share_from_snapshot, self.context, clone, snapshot, server)
        self.assertEqual(clone['export_locations'], again)
        self.assertEqual('own', self.read_data(server, clone))
        self.assertEqual('new', self.read_data(server, share))

    def test_share_extended_and_shrunk_twice(self) -> None:
        server, _ = self.make_server(SOURCE)
        share = self.make_share(server)
        self.write_data(server, share, 'kept')
        for method, size in (('extend_share', 3), ('shrink_share', 2)):
            for _ in range(2):
                resize = getattr(self.drivers[SOURCE], method)
                self.assertIsNone(self.call(resize, self.context, share, size, server))
                self.assertTrue(self.serves(server, share))
                self.restart(SOURCE)
            share['size'] = size
        self.assertEqual('kept', self.read_data(server, share))
        self.write_data(server, share, 'more')
        self.assertEqual('more', self.read_data(server, share))

    def test_share_reverted_has_the_content_of_its_snapshot(self) -> None:
        server, _ = self.make_server(SOURCE)
        share, other = self.make_share(server), self.make_share(server)
        for each in (share, other):
            self.write_data(server, each, 'old')
        snapshot = self.make_snapshot(server, share)
        for text in ('new', 'newer'):
            for each in (share, other):
                self.write_data(server, each, text)
            driver = self.drivers[SOURCE]
            self.call(driver.revert_to_snapshot, self.context, share, snapshot, server)
            self.assertTrue(self.serves(server, share))
            self.assertEqual('old', self.read_data(server, share))
            self.assertEqual(text, self.read_data(server, other))
            self.restart(SOURCE)
        changed = self.call(self.drivers[SOURCE].ensure_shares, self.context, [(share, server)])
        self.assertEqual({}, changed)
        self.assertEqual('old', self.read_data(server, share))
        self.call(self.drivers[SOURCE].delete_snapshot, self.context, snapshot, server)
        self.assertEqual('old', self.read_data(server, share))

    def test_access_rules_applied_twice(self) -> None:
        server, _ = self.make_server(SOURCE)
        share = self.make_share(server)
        driver = self.drivers[SOURCE]
        good, bad = self.rule(), self.rule('no-such-type')
        for _ in range(2):
            reasons = self.call(driver.update_access, self.context, share, [good, bad], server)
            self.assertEqual({bad['access_id']}, set(reasons))
        self.assertEqual({}, self.call(driver.update_access, self.context, share, [], server))

    def test_shares_are_served_after_a_restart(self) -> None:
        server, _ = self.make_server(SOURCE)
        share = self.make_share(server)
        self.restart(SOURCE)
        changed = self.call(self.drivers[SOURCE].ensure_shares, self.context, [(share, server)])
        self.assertEqual({}, changed)
        self.assertTrue(self.serves(server, share))

    # Migration

    def test_check_accepts_the_other_back_end(self) -> None:
        source, _ = self.make_server(SOURCE)
        for _ in range(2):
            answer = self.drivers[DESTINATION].share_server_migration_check_compatibility(
                self.context,
                source,
                f'node1@{DESTINATION}',
                {'id': 'network'},
                {'id': 'network'},
                {'shares_size': 1, 'snapshots_size': 1, 'shares_req_spec': []},
            )
            self.assertIs(True, answer['compatible'], answer.get('findings'))
            self.assertIs(True, answer['migration_cancel'])

    def test_shares_are_served_by_one_server_at_a_time(self) -> None:
        migration = self.make_migration()
        for name in ('start', 'continue', 'refresh'):
            self.finish(migration, name)
            self.assert_served(migration, source=True)
        self.finish(migration, 'fence')
        self.assert_served(migration)
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_progress_does_not_fall(self) -> None:
        migration = self.make_migration()
        seen = []
        for name in STEPS:
            self.finish(migration, name)
            seen.append(self.step(migration, 'get_progress')['total_progress'])
        self.assertEqual(sorted(seen), seen)
        self.assertTrue(all(0 <= percent <= 100 for percent in seen), seen)

    def test_each_step_may_be_repeated(self) -> None:
        migration = self.make_migration()
        answer = None
        for name in STEPS:
            first, answer = self.finish(migration, name), self.finish(migration, name)
            self.assertEqual(first, answer, name)
        self.assert_complete(migration, answer)

    def test_each_step_may_be_repeated_after_a_crash(self) -> None:
        migration = self.make_migration()
        answer = None
        for name in STEPS:
            first = self.step(migration, name)
            self.crash(migration)
            answer = self.finish(migration, name)
            if name != 'continue':
                self.assertEqual(first, answer, name)
        self.assert_complete(migration, answer)

    def test_an_old_epoch_is_refused(self) -> None:
        migration = self.make_migration()
        migration.epoch = 2
        served = [{'source': True}] * 3 + [{}, {'destination': True}]
        for name, open_at in zip(STEPS, served, strict=True):
            answer = self.finish(migration, name)
            if name == 'complete':
                migration.move(answer)
            for late in (*STEPS, 'unfence', 'cancel'):
                self.assert_refused(migration, late, epoch=1)
            self.assert_served(migration, **open_at)

    def test_fence_holds_after_a_restart_of_the_source(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'fence')
        pairs = [(share, migration.source) for share in migration.shares]
        self.restart(SOURCE)
        self.call(self.drivers[SOURCE].ensure_shares, self.context, pairs)
        self.assert_served(migration)
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_unfence_lets_the_source_serve_again(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'fence')
        for _ in range(2):
            self.step(migration, 'unfence')
            self.assert_served(migration, source=True)
        self.crash(migration)
        self.step(migration, 'unfence')
        self.assert_served(migration, source=True)
        self.finish(migration, 'fence')
        self.assert_complete(migration, self.finish(migration, 'complete'))

    def test_unfence_without_a_fence_changes_nothing(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'continue')
        self.step(migration, 'unfence')
        self.assert_served(migration, source=True)

    def test_cancel_before_start(self) -> None:
        migration = self.make_migration()
        for _ in range(2):
            self.step(migration, 'cancel')
            self.assert_served(migration, source=True)

    def test_cancel_at_each_point(self) -> None:
        for last in STEPS[:-1]:
            with self.subTest(after=last):
                migration = self.make_migration()
                self.run_to(migration, last)
                for _ in range(2):
                    self.step(migration, 'cancel')
                    self.assert_served(migration, source=True)
                self.crash(migration)
                self.step(migration, 'cancel')
                self.assert_served(migration, source=True)
                self._teardown(DESTINATION, migration.destination)
                self.assert_served(migration, source=True)

    def test_cancelled_server_migrates_again(self) -> None:
        migration = self.make_migration()
        self.run_to(migration, 'refresh')
        self.step(migration, 'cancel')
        self._teardown(DESTINATION, migration.destination)
        destination, info = self.make_server(DESTINATION, destination_of=migration.source)
        again = dataclasses.replace(
            migration,
            id=f'migration-{next(self._numbers)}',
            destination=destination,
            network_info=info,
        )
        self.assert_complete(again, self.run_to(again, 'complete'))

    def test_nothing_leads_back_from_complete(self) -> None:
        migration = self.make_migration()
        self.assert_complete(migration, self.run_to(migration, 'complete'))
        for name in ('unfence', 'cancel'):
            self.assert_refused(migration, name)
        self.assert_served(migration, destination=True)

    def test_source_torn_down_leaves_the_destination(self) -> None:
        migration = self.make_migration()
        self.assert_complete(migration, self.run_to(migration, 'complete'))
        self._teardown(SOURCE, migration.source)
        self.assert_served(migration, destination=True)

    def test_no_write_is_lost(self) -> None:
        migration = self.make_migration()
        first, second = migration.shares
        self.write_data(migration.source, first, 'before start')
        self.write_data(migration.source, second, 'before start')
        for name in STEPS[:-2]:
            self.finish(migration, name)
            self.write_data(migration.source, second, f'after {name}')
        self.crash(migration)
        self.finish(migration, 'fence')
        self.assert_complete(migration, self.finish(migration, 'complete'))
        found = [self.read_data(migration.destination, share) for share in migration.moved]
        self.assertEqual(['before start', 'after refresh'], found)

    def test_late_repeat_of_a_step_keeps_new_data(self) -> None:
        migration = self.make_migration()
        self.write_data(migration.source, migration.shares[0], 'old')
        self.assert_complete(migration, self.run_to(migration, 'complete'))
        share = migration.moved[0]
        self.write_data(migration.destination, share, 'new')
        for name in ('refresh', 'fence', 'complete'):
            self.step(migration, name)
        self.assertEqual('new', self.read_data(migration.destination, share))

    def test_cancel_keeps_the_data_of_the_source(self) -> None:
        migration = self.make_migration()
        share = migration.shares[0]
        self.write_data(migration.source, share, 'mine')
        self.run_to(migration, 'fence')
        self.step(migration, 'cancel')
        self.assertEqual('mine', self.read_data(migration.source, share))
        self.write_data(migration.source, share, 'still mine')
