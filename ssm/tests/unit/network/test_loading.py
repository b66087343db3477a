# SPDX-License-Identifier: Apache-2.0

"""Which network plug-in a back end gets."""

import pathlib

from oslo_config import cfg

from ssm import network
from ssm.common import exceptions
from ssm.conf.backend import BackendConfig
from ssm.network.standalone import StandaloneNetwork
from ssm.tests.base import TestCase

_ADDRESSES = """
standalone_network_plugin_gateway = {}
standalone_network_plugin_mask = 24
"""


class OtherNetwork(StandaloneNetwork):
    """Stands for a plug-in from elsewhere."""


class LoadingTest(TestCase):
    def backend(self, text: str) -> BackendConfig:
        file = pathlib.Path(self.state_path, 'ssm.conf')
        file.write_text(text)
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[str(file)])
        return BackendConfig(conf, 'alpha')

    def test_own_stanza_is_the_default(self) -> None:
        backend = self.backend('[alpha]' + _ADDRESSES.format('10.1.0.1'))
        plugin = network.for_backend(backend)
        self.assertIs(StandaloneNetwork, type(plugin))
        self.assertEqual('10.1.0.0/24', plugin.subnet_values()['cidr'])
        self.assertIsNone(network.for_backend(backend, admin=True))

    def test_stanzas_of_their_own(self) -> None:
        backend = self.backend(
            '[alpha]\nnetwork_config_group = net\nadmin_network_config_group = admin\n'
            + _ADDRESSES.format('10.1.0.1')
            + '[net]'
            + _ADDRESSES.format('10.2.0.1')
            + '[admin]'
            + _ADDRESSES.format('10.3.0.1')
        )
        for admin, cidr in [(False, '10.2.0.0/24'), (True, '10.3.0.0/24')]:
            plugin = network.for_backend(backend, admin=admin)
            self.assertEqual(cidr, plugin.subnet_values()['cidr'])

    def test_class_path(self) -> None:
        backend = self.backend(
            f'[alpha]\nnetwork_api_class = {__name__}.OtherNetwork' + _ADDRESSES.format('10.1.0.1')
        )
        self.assertIsInstance(network.for_backend(backend), OtherNetwork)

    def test_what_can_not_be_loaded(self) -> None:
        for name in ['neutron', 'ssm.nowhere.Plugin', f'{__name__}.Missing', 'a..b', '']:
            backend = self.backend(f'[alpha]\nnetwork_api_class = {name}')
            error = self.assertRaises(exceptions.ConfigurationError, network.for_backend, backend)
            self.assertIn(f'[alpha] network_api_class: {name!r}', error.message)

    def test_stanza_that_does_not_exist(self) -> None:
        backend = self.backend('[alpha]\nnetwork_config_group = typo')
        error = self.assertRaises(exceptions.ConfigurationError, network.for_backend, backend)
        self.assertIn('[typo] standalone_network_plugin_gateway', error.message)
