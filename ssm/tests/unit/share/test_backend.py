# SPDX-License-Identifier: Apache-2.0

"""Back ends made of stanzas, and what they report."""

from ssm.common import exceptions
from ssm.common.pools import merged_pools
from ssm.conf import CONF
from ssm.db import engine
from ssm.share import backend, capabilities
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
