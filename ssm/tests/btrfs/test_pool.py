# SPDX-License-Identifier: Apache-2.0

"""``ssm-manage linux-pool``, and that no pool of a test outlives its run."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

from ssm.tests import base
from ssm.tests.btrfs import pools
from ssm.tests.world import leftovers

_HOLD = """
import sys, time
from ssm.tests.btrfs import pools
loops = pools.LoopPools()
loops.setUp()
print(loops.make('alpha'), flush=True)
time.sleep(60)
"""


@base.only_full
class PoolTest(base.TestCase):
    """Pools are made and looked at."""

    def setUp(self) -> None:
        super().setUp()
        self.loops = self.useFixture(pools.LoopPools())
        self.path = self.loops.path / 'pool'
        self.file = self.loops.path / 'pool.img'

    def manage(self, *arguments: str) -> tuple[int, str]:
        """Exit code of ``ssm-manage linux-pool``, and what it says."""
        configuration = self.loops.path / 'ssm.conf'
        configuration.write_text(
            '[DEFAULT]\nenabled_share_backends = alpha, beta\n'
            '[beta]\nlinux_storage = directory\nlinux_pool_path = /tmp\n'
            f'[alpha]\nlinux_storage = btrfs\nlinux_pool_path = {self.path}\n'
        )
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c'),
                'from ssm.cmd.manage import main; main()',
                *('--config-file', str(configuration), 'linux-pool', *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def create(self, *arguments: str) -> tuple[int, str]:
        place = ['--file', str(self.file), '--size', '1', '--path', str(self.path)]
        return self.manage('create', *place, *arguments)

    def test_made_in_a_file_and_checked(self) -> None:
        status, said = self.create()
        self.assertEqual(0, status, said)
        self.assertIn(f'/etc/fstab: {self.file} {self.path} btrfs loop,nodiscard', said)
        self.assertGreaterEqual(self.file.stat().st_blocks * 512, pools.GIB)
        for arguments in ((), ('--path', str(self.path))):
            status, said = self.manage('check', *arguments)
            self.assertEqual(0, status, said)
            self.assertIn('quotas on', said)

    def test_made_on_a_device(self) -> None:
        with self.file.open('wb') as file:
            file.truncate(pools.GIB)
        found = subprocess.run(
            ['losetup', '--find', '--show', str(self.file)], stdout=subprocess.PIPE, check=True
        )
        device = found.stdout.decode().strip()
        try:
            place = ('--device', device, '--path', str(self.path))
            status, said = self.manage('create', *place, '--no-quotas')
            self.assertEqual(0, status, said)
            self.assertIn('/etc/fstab: UUID=', said)
            self.assertIn('quotas off', said)
            status, said = self.manage('check')
            self.assertEqual(1, status)
            self.assertIn('Quotas are off', said)
            subprocess.run(['umount', str(self.path)], check=True)
            # what has a file system is not overwritten
            status, said = self.manage('create', *place)
            self.assertEqual(1, status, said)
        finally:
            # goes when it is not mounted any more
            subprocess.run(['losetup', '--detach', device], check=True)

    def test_what_is_in_use_is_refused(self) -> None:
        self.create()
        for arguments, reason in (
            (('--file', str(self.file), '--path', '/nowhere'), 'exists'),
            (('--file', f'{self.file}.2', '--path', str(self.path)), 'mounted'),
            (('--file', f'{self.file}.2', '--path', str(self.loops.path)), 'not an empty'),
        ):
            status, said = self.manage('create', '--size', '1', *arguments)
            self.assertEqual(1, status)
            self.assertIn(reason, said)
        status, said = self.manage('create', '--file', 'x', '--path', '/nowhere')
        self.assertIn('--size', said)
        status, said = self.manage('create', '--device', '/dev/null', '--path', '/nowhere')
        self.assertIn('not a block device', said)

    def test_nothing_is_left_of_a_failed_attempt(self) -> None:
        status, said = self.manage(
            'create', '--file', str(self.file), '--size', '99999999', '--path', str(self.path)
        )
        self.assertEqual(1, status)
        self.assertIn(str(self.file), said)
        self.assertFalse(self.file.exists() or self.path.exists())

    def test_what_is_wrong_is_said(self) -> None:
        self.assertIn('not a directory', self.manage('check')[1])
        self.path.mkdir()
        self.assertEqual(
            (1, f'{self.path} is not on a btrfs; is it mounted?\n'), self.manage('check')
        )


@base.only_full
class LeftoversTest(base.TestCase):
    """What a killed run leaves."""

    def test_pool_of_a_killed_run_goes_with_the_next(self) -> None:
        holder = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _HOLD], stdout=subprocess.PIPE
        )
        assert holder.stdout is not None
        with holder:
            place = pathlib.Path(holder.stdout.readline().decode().strip())
            leftovers.clean_up.__wrapped__()
            self.assertTrue(os.path.ismount(place))
            holder.send_signal(signal.SIGKILL)
        self.assertTrue(os.path.ismount(place))
        leftovers.clean_up.__wrapped__()
        self.assertFalse(place.parent.exists())
        loops = subprocess.run(['losetup', '--all'], stdout=subprocess.PIPE, check=True)
        self.assertNotIn(place.parent.name, loops.stdout.decode())
