# SPDX-License-Identifier: Apache-2.0

"""Loops of services."""

import queue
import threading

from ssm.common import loops
from ssm.tests import base


class PeriodicTest(base.TestCase):
    def loop(self, work, interval=60.0, **options):
        loop = loops.Periodic('a test', work, interval, **options)
        self.addCleanup(loop.stop)
        return loop

    def test_again_and_again(self):
        calls = queue.Queue()
        self.loop(lambda: calls.put(1), interval=0.01).start()
        for _number in range(3):
            calls.get(timeout=5)

    def test_woken(self):
        calls = queue.Queue()
        loop = self.loop(lambda: calls.put(1), at_once=False)
        loop.start()
        self.assertRaises(queue.Empty, calls.get, timeout=0.05)
        loop.wake()
        calls.get(timeout=5)
        self.assertRaises(queue.Empty, calls.get, timeout=0.05)

    def test_woken_during_a_call(self):
        calls = queue.Queue()
        go_on = threading.Event()

        def work():
            calls.put(1)
            go_on.wait(5)

        loop = self.loop(work)
        loop.start()
        calls.get(timeout=5)
        loop.wake()
        go_on.set()
        calls.get(timeout=5)

    def test_an_error_does_not_end_it(self):
        calls = queue.Queue()

        def work():
            calls.put(1)
            raise KeyError

        loop = self.loop(work, interval=0.01)
        loop.start()
        calls.get(timeout=5)
        calls.get(timeout=5)

    def test_stop_waits_for_the_call_that_runs(self):
        begun, go_on = threading.Event(), threading.Event()

        def work():
            begun.set()
            go_on.wait(5)

        loop = self.loop(work)
        loop.start()
        begun.wait(5)
        self.assertFalse(loop.stop(timeout=0.05))
        go_on.set()
        self.assertTrue(loop.stop(timeout=5))

    def test_time_of_the_work_is_taken_off_the_pause(self):
        now = iter([100.0, 104.0])
        loop = self.loop(lambda: None, interval=10.0, clock=lambda: next(now))
        self.assertEqual(6.0, loop.run_once())

    def test_the_work_may_say_when(self):
        self.assertEqual(2.5, self.loop(lambda: 2.5).run_once())
        self.assertEqual(loops.SHORTEST_PAUSE, self.loop(lambda: 0).run_once())


class WithinTest(base.TestCase):
    def test_within(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.assertTrue(loops.within(5, lambda: None, 'quick'))
        self.assertFalse(loops.within(0.02, lambda: go_on.wait(5), 'slow'))
