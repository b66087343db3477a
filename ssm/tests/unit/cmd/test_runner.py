# SPDX-License-Identifier: Apache-2.0

"""Services run in a process of their own until a signal comes."""

import signal
import subprocess
import sys
import time

from ssm.tests import base

_PROGRAM = r"""
import sys, time
from ssm.cmd import runner

class Service:
    def __init__(self, name, good=True, error=None, lasting=0):
        self.name, self.good, self.error, self.lasting = name, good, error, lasting

    def start(self):
        if self.error:
            raise self.error
        print(f'start {{self.name}}\n', end='', flush=True)
        return self.good

    def stop(self):
        print(f'stop {{self.name}}\n', end='', flush=True)
        time.sleep(self.lasting)

runner.leave(runner.run([{services}], lambda names: 'ready ' + ' '.join(names)))
"""


class RunnerTest(base.TestCase):
    def begin(self, *services):
        """A process that runs these services, once it said all that it says at start."""
        process = subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', _PROGRAM.format(services=', '.join(services))],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def lines_until(self, process, last):
        found = []
        while not found or found[-1] != last:
            line = process.stdout.readline()
            self.assertTrue(line, found)
            found.append(line.strip())
        return found

    def end(self, process, number=signal.SIGTERM):
        """Exit status, seconds it took, lines it said, after a signal."""
        before = time.monotonic()
        process.send_signal(number)
        said = process.stdout.read().split('\n')[:-1]
        return process.wait(timeout=10), time.monotonic() - before, said

    def test_started_and_stopped(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.begin("Service('a', lasting=2)", "Service('b', lasting=2)")
            self.assertEqual(
                ['start a', 'start b', 'ready a b'], self.lines_until(process, 'ready a b')
            )
            status, seconds, said = self.end(process, number)
            self.assertEqual((0, ['stop a', 'stop b']), (status, sorted(said)))
            self.assertLess(seconds, 3.5)

    def test_one_that_can_not_start_does_not_stop_the_others(self):
        process = self.begin("Service('a', good=False)", "Service('b')")
        self.assertEqual(['start a', 'start b', 'ready b'], self.lines_until(process, 'ready b'))
        self.assertEqual((0, ['stop b']), self.end(process)[::2])

    def test_none_can_start(self):
        process = self.begin("Service('a', good=False)")
        self.assertEqual(1, process.wait(timeout=20))

    def test_one_that_fails_to_start_ends_all(self):
        process = self.begin("Service('a')", "Service('b', error=OSError('in use'))")
        self.assertEqual(1, process.wait(timeout=20))
        self.assertEqual('start a\nstop a\n', process.stdout.read())

    def test_one_that_does_not_stop_is_left_behind(self):
        process = self.begin("Service('a', lasting=60)")
        self.lines_until(process, 'ready a')
        status, seconds, _said = self.end(process)
        self.assertEqual(1, status)
        self.assertLess(seconds, 6)
