# SPDX-License-Identifier: Apache-2.0

"""The example configuration names only options that exist, with values they take."""

import configparser
import pathlib

from oslo_config import cfg

from ssm.conf import backend, linux, network
from ssm.tests import base

EXAMPLE = pathlib.Path(__file__).parents[3] / 'etc/ssm/ssm.conf.example'


class ExampleTest(base.TestCase):
    """Stanzas of back ends, which no general validator knows."""

    def setUp(self) -> None:
        super().setUp()
        self.text = configparser.ConfigParser(default_section='', interpolation=None)
        self.text.read(EXAMPLE)
        self.conf = cfg.ConfigOpts()
        self.conf.register_opt(cfg.ListOpt('enabled_share_backends'))
        self.conf([], default_config_files=[str(EXAMPLE)])

    def known(self, stanza: str, *lists: list[cfg.Opt]) -> None:
        options = {option.dest: option for options in lists for option in options}
        self.assertLessEqual(set(self.text[stanza]), set(options))
        self.conf.register_opts(list(options.values()), group=stanza)
        for name in self.text[stanza]:
            self.assertIsNotNone(self.conf[stanza][name])

    def test_back_ends(self) -> None:
        self.assertEqual(2, len(self.conf.enabled_share_backends))
        for stanza in self.conf.enabled_share_backends:
            self.known(stanza, backend.BACKEND_OPTS, linux.LINUX_OPTS)
            self.assertEqual('linux', self.conf[stanza].share_driver)
            self.assertTrue(self.conf[stanza].driver_handles_share_servers)

    def test_networks(self) -> None:
        for name in {self.text[s]['network_config_group'] for s in ('alpha', 'beta')}:
            self.known(name, network.PLUGIN_OPTS, network.STANDALONE_OPTS)
