# SPDX-License-Identifier: Apache-2.0

"""The way of a migration through its states, with the dummy driver."""

from __future__ import annotations

from unittest import mock

import sqlalchemy as sa

from ssm.common import exceptions
from ssm.conf import CONF
from ssm.db import models
from ssm.migration import claims, requests
from ssm.migration.advance import advance
from ssm.network.standalone import StandaloneNetwork
from ssm.tests.unit.migration import scenario
from ssm.tests.unit.migration.scenario import ADDRESSES, DESTINATION

AVAILABLE = {'shares': {'available'}, 'snapshots': {'available'}, 'rules': {'active'}}


class TestSuccess(scenario.ScenarioCase):
    def test_states_in_their_order(self) -> None:
        self.seed()
        row = self.start()
        self.assertEqual('migration_starting', row.state)
        self.assertEqual('server_migrating/migration_starting', self.statuses()['source'])
        self.assertEqual({'server_migrating'}, self.statuses()['shares'])
        self.assertEqual({'server_migrating'}, self.statuses()['snapshots'])
        self.carry()
        both = [f'migration_driver_{name}' for name in ('starting', 'in_progress', 'phase1_done')]
        self.assertEqual(
            [
                ('migration_in_progress', None),
                ('migration_in_progress', 'migration_in_progress'),
                *((state, state) for state in both),
            ],
            self.states,
        )
        self.assertEqual({self.source_id}, self.served_by())
        self.complete()
        self.assertEqual(
            AVAILABLE
            | {
                'source': 'inactive/migration_success',
                'destination': 'active/migration_success',
                'read_only': {False},
            },
            self.statuses(),
        )

    def test_everything_is_re_pointed(self) -> None:
        self.seed()
        self.to_phase1_done()
        self.complete()
        row = self.migration()
        destination = self.server(row.destination_share_server_id)
        self.assertEqual(self.source_id, destination.source_share_server_id)
        self.assertEqual(DESTINATION, destination.host)
        self.assertEqual({destination.id}, self.served_by())
        for instance in self.query(sa.select(models.ShareInstance)):
            self.assertEqual(destination.id, instance.share_server_id)
            self.assertEqual(f'{DESTINATION}#fake_pool_for_beta', instance.host)
            self.assertEqual(row.share_network_id, instance.share_network_id)
        living = models.ExportLocation.deleted == models.NOT_DELETED
        paths = self.query(sa.select(models.ExportLocation.path).where(living))
        self.assertTrue(paths)
        self.assertFalse([path for path in paths if path.startswith('old:')])
        for location in self.query(sa.select(models.SnapshotInstance.provider_location)):
            self.assertFalse(location.startswith('old-'))
        self.assertEqual(len(set(self.addresses())), len(self.addresses()))
        self.assertIsNone(row.owner)
        self.assertIsNotNone(row.finished_at)
        self.assertEqual(
            ['make_server', 'setup_server', 'driver_start', 'copy', 'catch_up', 'fence', 'open']
            + ['switch'],
            [entry['name'] for entry in row.journal],
        )

    def test_destination_is_never_creating_or_active_before_the_end(self) -> None:
        self.seed()
        self.start()
        run = self.engine.claim(self.migration().id)
        seen = set()
        while advance(run) is not None:
            seen |= set(
                self.query(
                    sa.select(models.ShareServer.status).where(
                        models.ShareServer.source_share_server_id == self.source_id
                    )
                )
            )
        self.assertEqual({'server_migrating_to'}, seen)

    def test_new_share_network(self) -> None:
        self.seed()
        network = self._second_network()
        self.to_phase1_done(new_share_network_id=network)
        self.complete()
        networks = set(self.query(sa.select(models.ShareInstance.share_network_id)))
        self.assertEqual({network}, networks)

    def _second_network(self) -> str:
        self.add(
            models.ShareNetwork(id='n2', project_id='p1'),
            models.ShareNetworkSubnet(share_network_id='n2'),
        )
        return 'n2'

    def test_read_only_first_phase(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed()
        self.to_phase1_done(writable='False')
        self.assertEqual({True}, self.statuses()['read_only'])
        self.assertEqual({'active'}, self.statuses()['rules'])
        self.assertEqual({'ro'}, self.applied_levels(self.source_id))
        self.complete()
        self.assertEqual({False}, self.statuses()['read_only'])
        self.assertEqual(
            {'rw', 'ro'}, self.applied_levels(self.migration().destination_share_server_id)
        )

    def applied_levels(self, server_id: str) -> set[str]:
        shares = self.stored()['servers'][server_id]['shares']
        return {rule['access_level'] for share in shares.values() for rule in share['rules']}

    def test_server_that_moves_keeps_its_addresses(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'nondisruptive': True})
        self.seed()
        before = self.addresses()
        self.to_phase1_done(nondisruptive='True')
        self.assertEqual('moved', self.migration().mode)
        both = [shown for shown in self.states if shown[1]]
        self.assertTrue(all(source == destination for source, destination in both), both)
        self.complete()
        self.assertEqual(before, self.addresses())
        row = self.migration()
        self.assertEqual('s', self.server(row.destination_share_server_id).identifier)
        self.assertEqual('deleted', self.server(self.source_id).status)
        self.assertEqual('migration_success', row.state)

    def test_new_server_may_keep_the_addresses(self) -> None:
        self.stanza('beta', migration_keep_addresses=True)
        self.seed()
        before, places = self.addresses(), self.places()
        self.to_phase1_done()
        self.assertEqual('same_address', self.migration().mode)
        self.assertEqual(before, self.addresses())
        self.complete()
        self.assertEqual(before, self.addresses())
        self.assertEqual(places, self.places())
        row = self.migration()
        owners = self.query(sa.select(models.NetworkAllocation.share_server_id))
        self.assertEqual({row.destination_share_server_id}, set(owners))
        self.assertEqual('inactive', self.server(self.source_id).status)

    def places(self) -> set[str]:
        return set(
            self.query(
                sa.select(models.ExportLocation.path).where(
                    models.ExportLocation.deleted == models.NOT_DELETED
                )
            )
        )

    def test_addresses_that_are_to_be_kept_and_can_not(self) -> None:
        self.stanza(
            'beta',
            migration_keep_addresses=True,
            dummy_driver_capabilities={'keeps_addresses': False},
        )
        self.seed()
        self.to_phase1_done()
        self.assertEqual('new_server', self.migration().mode)
        (warning,) = self.migration().reasons
        self.assertEqual(('addresses_not_kept', 'warning'), (warning['code'], warning['severity']))


class TestCancel(scenario.ScenarioCase):
    def expect_cancelled(self) -> None:
        self.assertEqual(
            AVAILABLE
            | {
                'source': 'active/migration_cancelled',
                'destination': 'inactive/migration_cancelled',
                'read_only': {False},
            },
            self.statuses(),
        )
        self.assertEqual({self.source_id}, self.served_by())

    def test_after_the_first_phase(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.cancel(self.context, self.source_id)
        self.assertEqual('migration_cancel_in_progress', self.migration().state)
        self.carry()
        self.expect_cancelled()

    def test_while_the_driver_copies(self) -> None:
        self.stanza('beta', dummy_driver_progress_step=1)
        self.seed()
        self.start()
        run = self.engine.claim(self.migration().id)
        while run.row.state != 'migration_driver_in_progress':
            advance(run)
        advance(run)
        requests.cancel(self.context, self.source_id)
        self.finish(self.engine, run)
        self.expect_cancelled()

    def test_read_only_rules_are_restored(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed()
        self.to_phase1_done(writable='False')
        requests.cancel(self.context, self.source_id)
        self.carry()
        self.expect_cancelled()

    def test_a_new_start_is_allowed_at_once(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.cancel(self.context, self.source_id)
        self.carry()
        self.start()
        self.carry()
        self.complete()
        self.assertEqual('migration_success', self.migration().state)

    def test_refused_where_the_driver_can_not(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'migration_cancel': False})
        self.seed()
        self.to_phase1_done()
        error = self.assertRaises(exceptions.Invalid, requests.cancel, self.context, self.source_id)
        self.assertIn('can not cancel', error.message)
        self.assertEqual('migration_driver_phase1_done', self.migration().state)

    def test_only_one_of_two_requests_wins(self) -> None:
        self.seed()
        self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        self.assertRaises(exceptions.Invalid, requests.cancel, self.context, self.source_id)
        self.assertRaises(exceptions.Invalid, requests.complete, self.context, self.source_id)


class TestFailures(scenario.ScenarioCase):
    def fail(self, method: str, how: str = 'refused') -> None:  # type: ignore[override]
        self.stanza('beta', dummy_driver_failures={method: how})
        self.restart()

    def expect(self, source: str, destination: str | None, resources: str) -> models.Migration:
        self.assertEqual(
            {
                'source': f'{source}/migration_error',
                'destination': destination and f'{destination}/migration_error',
                'shares': {resources},
                'snapshots': {resources},
                'rules': {'active'},
                'read_only': {False},
            },
            self.statuses(),
        )
        row = self.migration()
        self.assertEqual('migration_error', row.state)
        self.assertIsNone(row.owner)
        self.assertTrue(row.reasons)
        self.assertTrue(all(reason['code'] and reason['message'] for reason in row.reasons))
        return row

    def test_setup_fails(self) -> None:
        self.seed()
        self.fail('setup_server')
        self.start()
        self.carry()
        self.expect('active', 'error', 'available')
        self.assertEqual(ADDRESSES, self.addresses())
        destination = self.server(self.migration().destination_share_server_id)
        self.assertEqual(self.source_id, destination.source_share_server_id)

    def test_start_fails(self) -> None:
        self.seed()
        self.fail('share_server_migration_start')
        self.start()
        self.carry()
        self.expect('active', 'error', 'available')
        self.assertEqual({self.source_id}, self.served_by())

    def test_continue_fails_after_the_read_only_cast(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed()
        self.fail('share_server_migration_continue')
        self.start(writable='False')
        self.carry()
        self.expect('active', 'error', 'available')

    def test_an_error_without_a_name_counts_as_refused(self) -> None:
        self.seed()
        self.fail('share_server_migration_continue', 'error')
        self.start()
        self.carry()
        row = self.expect('active', 'error', 'available')
        self.assertIn('driver_failed', [reason['code'] for reason in row.reasons])

    def test_old_answer_is_asked_for_again(self) -> None:
        self.seed()
        self.start()
        self.stanza('beta', dummy_driver_capabilities={'compatible': False})
        self.change(models.Migration, checked_at=None)
        self.carry()
        self.expect('active', None, 'available')

    def test_busy_is_no_failure(self) -> None:
        self.seed()
        self.fail('share_server_migration_start', 'busy:3')
        self.start()
        self.carry()
        row = self.migration()
        self.assertEqual('migration_driver_phase1_done', row.state)
        entry = next(entry for entry in row.journal if entry['name'] == 'driver_start')
        self.assertEqual(4, entry['attempts'])

    def test_fence_fails_and_the_source_serves_again(self) -> None:
        self.seed()
        self.fail('share_server_migration_fence')
        self.to_phase1_done()
        self.complete()
        self.expect('error', 'error', 'error')
        self.assertEqual({self.source_id}, self.served_by())

    def test_open_fails_and_nothing_is_undone(self) -> None:
        self.seed()
        self.fail('share_server_migration_complete')
        self.to_phase1_done()
        self.complete()
        row = self.expect('error', 'error', 'error')
        self.assertNotIn('unfence', [entry['name'] for entry in row.journal])

    def test_cancel_fails(self) -> None:
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        self.seed()
        self.fail('share_server_migration_cancel')
        self.to_phase1_done(writable='False')
        requests.cancel(self.context, self.source_id)
        self.carry()
        self.expect('active', 'error', 'available')

    def test_no_free_address(self) -> None:
        self.override('net', standalone_network_plugin_allowed_ip_ranges=['10.0.0.2'])
        self.network = StandaloneNetwork(CONF, 'net')
        self.seed()
        self.restart()
        self.start()
        self.carry()
        row = self.expect('active', None, 'available')
        self.assertEqual(['no_free_address'], [reason['code'] for reason in row.reasons])


class TestRefusals(scenario.ScenarioCase):
    def test_start_refuses_before_anything_changes(self) -> None:
        self.seed()
        before = self.query(sa.select(models.ShareServer.status))
        self.stanza('beta', dummy_driver_capabilities={'writable': False})
        error = self.assertRaises(exceptions.Conflict, self.start)
        self.assertIn('writable_unsupported', [finding.code for finding in error.findings])
        self.assertEqual(before, self.query(sa.select(models.ShareServer.status)))
        self.assertEqual([], self.query(sa.select(models.Migration)))

    def test_all_reasons_at_once(self) -> None:
        self.seed(shares=3)
        self.change(models.ShareInstance, status='error')
        error = self.assertRaises(exceptions.Conflict, self.start)
        codes = [finding.code for finding in error.findings]
        self.assertEqual(['share_not_available'] * 3, codes)

    def test_a_share_that_changed_meanwhile(self) -> None:
        self.seed()
        client = scenario.Client(self)
        original = client.check_migration
        spoil = self.change

        class Slow(scenario.Client):
            def check_migration(self, *args, **kwargs):
                spoil(models.ShareInstance, status='error')
                return original(*args, **kwargs)

        with mock.patch.object(requests, 'ShareClient', lambda: Slow(self)):
            self.assertRaises(exceptions.ConcurrentChange, self.start)
        self.assertEqual([], self.query(sa.select(models.Migration)))
        self.assertEqual(['active'], self.query(sa.select(models.ShareServer.status)))

    def test_two_starts(self) -> None:
        self.seed()
        self.start()
        self.assertRaises(exceptions.Conflict, self.start)


class TestOwnership(scenario.ScenarioCase):
    def test_a_stale_owner_changes_nothing(self) -> None:
        self.seed()
        row = self.to_phase1_done()
        requests.complete(self.context, self.source_id)
        old = self.engine.claim(row.id)
        advance(old)
        stale_engine = self.engine
        self.restart()
        self.carry()
        self.assertEqual('migration_success', self.migration().state)
        before = self.statuses()
        self.assertRaises(exceptions.LeaseLost, self._drive, stale_engine, old)
        self.assertEqual(before, self.statuses())

    def _drive(self, engine, run) -> None:
        for _turn in range(10):
            if advance(run) is None:
                return

    def test_a_living_owner_keeps_its_lease(self) -> None:
        self.seed()
        self.start()
        self.engine.claim(self.migration().id)
        other = self._make_engine()
        row = self.migration()
        self.assertIsNone(other.claim(row.id, other._identity.dead({row.owner})))

    def test_a_lease_that_ran_out(self) -> None:
        self.override(migration_lease_seconds=3)
        self.seed()
        self.restart()
        self.start()
        run = self.engine.claim(self.migration().id)
        self.change(models.Migration, lease_expires_at=1)
        other = self._make_engine()
        self.assertIsNotNone(other.claim(run.row.id))

    def test_effects_stop_when_renewing_stops(self) -> None:
        self.seed()
        self.start()
        run = self.engine.claim(self.migration().id)
        run.lease._renewed -= run.lease.seconds
        self.assertRaises(exceptions.LeaseLost, self._drive, self.engine, run)

    def test_override_ends_the_migration(self) -> None:
        self.seed()
        self.start()
        run = self.engine.claim(self.migration().id)
        advance(run)
        requests.override_status(self.context, self.source_id, 'active')
        row = self.migration()
        self.assertEqual(('overridden', 'admin'), (row.state, row.overridden_by))
        self.assertRaises(exceptions.LeaseLost, self._drive, self.engine, run)
        self.assertEqual('active', self.server(self.source_id).status)
        self.carry()
        self.assertEqual('overridden', self.migration().state)
        self.assertIsNotNone(self.migration().finished_at)
        self.assertEqual([], claims.due(DESTINATION, set()))
