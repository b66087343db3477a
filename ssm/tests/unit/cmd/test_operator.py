# SPDX-License-Identifier: Apache-2.0

"""``ssm-manage`` and ``ssm-status``, as an operator runs them."""

import pathlib
import subprocess
import sys

from ssm.db import schema
from ssm.tests import base
from ssm.tests.unit.share.base import NETWORK, stanza


class OperatorTest(base.TestCase):
    def configure(self, *stanzas, backends='alpha'):
        directory = pathlib.Path(self.state_path)
        (directory / 'ssm.conf').write_text(
            f"""
[DEFAULT]
state_path = {directory}
enabled_share_backends = {backends}
[database]
connection = sqlite:///{directory}/ssm.sqlite
"""
            + ''.join(stanzas)
        )

    def run_program(self, program, *arguments):
        """Exit status and output of ``ssm-<program>``."""
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c'),
                f'from ssm.cmd.{program} import main; main()',
                *('--config-file', f'{self.state_path}/ssm.conf'),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout

    def test_schema(self):
        self.configure()
        self.assertEqual((0, 'no schema\n'), self.run_program('manage', 'db', 'version'))
        self.assertEqual((0, ''), self.run_program('manage', 'db', 'sync'))
        version = f'{schema.head()}\n'
        self.assertEqual((0, version), self.run_program('manage', 'db', 'version'))
        self.assertEqual((0, ''), self.run_program('manage', 'db', 'sync'))

    def test_an_unknown_command(self):
        self.configure()
        self.assertEqual(2, self.run_program('manage', 'db', 'drop')[0])

    def test_all_is_well(self):
        self.configure(stanza('alpha'), NETWORK)
        self.run_program('manage', 'db', 'sync')
        status, said = self.run_program('status', 'upgrade', 'check')
        self.assertEqual(0, status, said)

    def test_everything_that_is_wrong_is_said(self):
        self.configure(
            stanza('alpha', max_share_server_size='huge'),
            '[beta]\nshare_driver = nothing\n',
            NETWORK,
            backends='alpha, beta',
        )
        status, said = self.run_program('status', 'upgrade', 'check')
        self.assertEqual(2, status, said)
        for expected in ('ssm-manage db sync', 'max_share_server_size', 'share_driver'):
            self.assertIn(expected, said)

    def test_no_back_end_is_a_warning(self):
        self.configure(backends='')
        self.run_program('manage', 'db', 'sync')
        status, said = self.run_program('status', 'upgrade', 'check')
        self.assertEqual(1, status, said)
