# SPDX-License-Identifier: Apache-2.0

"""Back ends made of stanzas, and what they report."""

from unittest import mock

from ssm.common import exceptions
from ssm.common.pools import merged_pools
from ssm.conf import CONF
from ssm.db import engine, models
from ssm.share import backend, capabilities, service
from ssm.tests.unit.share import base


class LoadTest(base.TestCase):
    def wrong(self, text):
        """The error for a stanza with these lines."""
        self.configure(text)
        return self.assertRaises(exceptions.ConfigurationError, backend.load, CONF, 'alpha', 'b')

    def test_errors_name_group_and_option(self):
        for options, expected in (
            ({'share_driver': 'no_such_driver'}, '[alpha] share_driver: '),
            ({'share_driver': 'no.such:Driver'}, '[alpha] share_driver: '),
            ({'share_driver': ''}, '[alpha] share_driver: has to be set'),
            ({'driver_handles_share_servers': 'often'}, '[alpha] driver_handles_share_servers: '),
            ({'max_shares_per_share_server': 'many'}, '[alpha] max_shares_per_share_server: '),
            ({'dummy_driver_progress_step': '1000'}, '[alpha] dummy_driver_progress_step: '),
            ({'network_config_group': 'nowhere'}, '[nowhere] standalone_network_plugin_gateway: '),
        ):
            error = self.wrong(base.stanza('alpha', **options))
            self.assertTrue(error.message.startswith(expected), error.message)

    def test_mode_has_to_be_set(self):
        error = self.wrong('[alpha]\nshare_driver = dummy\n')
        self.assertEqual('[alpha] driver_handles_share_servers: has to be set', error.message)

    def test_a_class_path_names_a_driver(self):
        loaded = self.load(share_driver='ssm.drivers.dummy:DummyDriver')
        self.assertEqual('node1@alpha', loaded.host)

    def test_without_servers_no_network_is_needed(self):
        loaded = self.load(driver_handles_share_servers='false', network_config_group='nowhere')
        self.assertIsNone(loaded.plugin)

    def test_no_driver_call_inside_a_transaction(self):
        loaded = self.load()

        @engine.reader
        def run(_session):
            loaded.driver.get_share_stats()

        self.assertRaises(RuntimeError, run)


class ReportTest(base.TestCase):
    def report(self, stats, **options):
        return capabilities.report(self.load(**options), stats)

    def test_what_the_driver_leaves_out_comes_from_the_stanza(self):
        report = self.report(
            {'vendor_name': 'v', 'pools': [{'pool_name': 'p', 'total_capacity_gb': 5}]},
            reserved_share_percentage=10,
            reserved_share_extend_percentage=5,
            replication_domain='here',
            goodness_function='50',
            max_share_server_size=100,
        )
        (pool,) = merged_pools(report)
        expected = {
            'pool_name': 'p',
            'total_capacity_gb': 5,
            'vendor_name': 'v',
            'share_backend_name': 'ALPHA',
            'driver_handles_share_servers': True,
            'replication_domain': 'here',
            'reserved_percentage': 10,
            'reserved_snapshot_percentage': 10,
            'reserved_share_extend_percentage': 5,
            'goodness_function': '50',
            'filter_function': None,
            'max_shares_per_share_server': -1,
            'max_share_server_size': 100,
            'security_service_update_support': True,
            'dedupe': False,
        }
        self.assertEqual(expected, {key: pool.get(key, 'missing') for key in expected})
        self.assertEqual({}, report['server_pools_mapping'])

    def test_what_the_driver_says_counts(self):
        report = self.report(
            {'reserved_percentage': 7, 'dedupe': True, 'pools': [{'pool_name': 'p', 'qos': True}]},
            reserved_share_percentage=10,
        )
        (pool,) = merged_pools(report)
        self.assertEqual(
            (7, True, True), (pool['reserved_percentage'], pool['dedupe'], pool['qos'])
        )

    def test_without_servers(self):
        report = self.report({'pools': None}, driver_handles_share_servers='false')
        (pool,) = merged_pools(report)
        self.assertEqual('ALPHA', pool['pool_name'])
        self.assertFalse(pool['driver_handles_share_servers'])
        self.assertFalse(pool['share_replicas_migration_support'])
        self.assertNotIn('max_share_server_size', pool)
        self.assertNotIn('server_pools_mapping', report)


class ClaimTest(base.TestCase):
    """Unfinished migrations take of the capacity of their destination (decision 12)."""

    def migrate(self, size, state, host='node1@alpha', **progress):
        server = base.insert(models.ShareServer(host='n@other', status='server_migrating'))
        base.insert(
            models.Migration(
                source_share_server_id=server,
                source_host='n@other',
                destination_host=host,
                share_network_id='n',
                writable=True,
                nondisruptive=False,
                preserve_snapshots=True,
                size=size,
                state=state,
                progress=progress,
            )
        )

    def pools(self, *pools, **level):
        loaded = self.load()
        stats = level | {'pools': [{'pool_name': str(i)} | pool for i, pool in enumerate(pools)]}
        with mock.patch.object(service, 'SchedulerClient') as client:
            loaded.driver.get_share_stats = lambda: stats
            service._report(loaded)
        sent = client.return_value.update_service_capabilities.call_args.kwargs['capabilities']
        return sent['pools'], sent

    def test_sizes_of_unfinished_migrations(self):
        self.migrate(10, 'migration_starting')
        self.migrate(20, 'migration_driver_in_progress', bytes_done=5 * 2**30)
        self.migrate(40, 'migration_completing', bytes_done=60 * 2**30)
        for state in ('migration_success', 'migration_error', 'migration_cancelled', 'overridden'):
            self.migrate(1000, state)
        self.migrate(1000, 'migration_in_progress', host='node1@alphabet')
        pools, level = self.pools(
            {'free_capacity_gb': 100, 'provisioned_capacity_gb': 7},
            {'free_capacity_gb': 'unknown'},
            {'free_capacity_gb': 20.5},
            free_capacity_gb=300,
        )
        self.assertEqual(
            (75, 77), (pools[0]['free_capacity_gb'], pools[0]['provisioned_capacity_gb'])
        )
        self.assertEqual('unknown', pools[1]['free_capacity_gb'])
        self.assertNotIn('provisioned_capacity_gb', pools[1])
        self.assertEqual(0, pools[2]['free_capacity_gb'])
        self.assertEqual(275, level['free_capacity_gb'])

    def test_one_statement(self):
        counted = self.useFixture(base.Statements())
        self.pools({'free_capacity_gb': 100})
        self.assertEqual(1, len(counted.take()))
