# SPDX-License-Identifier: Apache-2.0

"""A run that was killed leaves nothing to the next one, and a run that lives keeps what it has."""

from __future__ import annotations

import pathlib
import shutil
import signal
import subprocess
import sys

from ssm.drivers.linux import privileged
from ssm.tests.nfs.case import GaneshaHooks, NfsCase
from ssm.tests.unit.drivers import harness
from ssm.tests.world import leftovers, networks


class LeftoversTest(GaneshaHooks, harness.Harness, NfsCase):
    """What the next run does first."""

    def killed_run(self) -> tuple[str, str, str]:
        """Namespace, bridge and directory of a run that was killed."""
        argv = [sys.executable, '-W', 'ignore', '-m', 'ssm.tests.nfs.victim']
        victim = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        with victim:
            assert victim.stdout
            namespace, bridge, directory = victim.stdout.readline().split()
            self.assertNotEqual([], self.left(namespace))
            victim.send_signal(signal.SIGKILL)
        return namespace, bridge, directory

    def assert_gone(self, namespace: str, bridge: str) -> None:
        self.assertEqual([], self.left(namespace))
        self.assertEqual([], list(privileged.INTERFACES.glob(f'{bridge}*')))
        owners = {place.name.rpartition('_')[0] for place in privileged.NAMESPACES.glob('ssm_w*')}
        self.assertEqual([], [owner for owner in owners if leftovers.is_left(owner)])

    def test_killed_run_is_cleaned_up_after(self) -> None:
        server, _ = self.make_server(harness.SOURCE)
        share = self.make_share(server)
        namespace, bridge, directory = self.killed_run()
        leftovers.clean_up.__wrapped__()
        self.assert_gone(namespace, bridge)
        self.assertFalse(pathlib.Path(directory).exists())
        self.assertTrue(self.serves(server, share))

    def test_also_if_its_files_are_gone(self) -> None:
        namespace, bridge, directory = self.killed_run()
        shutil.rmtree(directory)
        leftovers.clean_up.__wrapped__()
        self.assert_gone(namespace, bridge)

    def test_lacking_is_told(self) -> None:
        self.assertEqual([], networks.lacking())
        networks.PROGRAMS['ssm-nothing'] = 'a-package'
        self.addCleanup(networks.PROGRAMS.pop, 'ssm-nothing')
        self.assertEqual(['a-package'], networks.lacking())
