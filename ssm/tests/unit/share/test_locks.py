# SPDX-License-Identifier: Apache-2.0

"""Locks as rows, and held by share managers."""

import threading
from unittest import mock

from ssm.db import locks as rows
from ssm.db import models
from ssm.share import locks
from ssm.tests.unit.share import base


class RowTest(base.TestCase):
    def test_one_holder_at_a_time(self):
        self.assertTrue(rows.acquire('a', 'first', 'one', 60))
        self.assertFalse(rows.acquire('a', 'second', 'other', 60))
        self.assertEqual(('one', 'first'), rows.holder('a'))
        self.assertTrue(rows.acquire('b', 'second', 'other', 60))
        rows.release('a', 'other')
        self.assertEqual(('one', 'first'), rows.holder('a'))
        rows.release('a', 'one')
        self.assertIsNone(rows.holder('a'))
        self.assertTrue(rows.acquire('a', 'second', 'other', 60))

    def test_the_holder_may_take_it_again(self):
        self.assertTrue(rows.acquire('a', 'first', 'one', 60))
        self.assertTrue(rows.acquire('a', 'first', 'one', 60))

    def test_an_expired_lock_is_taken_over(self):
        self.assertTrue(rows.acquire('a', 'first', 'one', 0))
        self.assertIsNone(rows.holder('a'))
        self.assertTrue(rows.acquire('a', 'second', 'other', 60))
        self.assertFalse(rows.acquire('a', 'first', 'one', 60))


class HeldTest(base.TestCase):
    def test_held_for_the_time_of_the_block(self):
        with locks.held('a', 'a test', 'me'):
            owner, purpose = rows.holder('a')
            self.assertTrue(owner.startswith('me:'))
            self.assertEqual('a test', purpose)
        self.assertIsNone(rows.holder('a'))

    def test_given_back_when_the_block_fails(self):
        def fail():
            with locks.held('a', 'a test', 'me'):
                raise KeyError

        self.assertRaises(KeyError, fail)
        self.assertIsNone(rows.holder('a'))

    def test_not_waiting(self):
        rows.acquire('a', 'other work', 'other process', 60)
        error = self.assertRaises(locks.Held, self.enter, 'a')
        self.assertIn('other process', error.message)
        self.assertIn('other work', error.message)
        with locks.held('b', 'a test', 'me'):
            self.assertRaises(locks.Held, self.enter, 'b')

    def enter(self, name):
        with locks.held(name, 'a test', 'me', wait=False):
            pass

    def test_waiting_for_another_thread_and_another_process(self):
        rows.acquire('a', 'other work', 'other process', 60)
        inside, most = [], []

        def work():
            with locks.held('a', 'a test', 'me'):
                inside.append(1)
                most.append(len(inside))
                threading.Event().wait(0.01)
                inside.pop()

        threads = [threading.Thread(target=work) for _number in range(3)]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.1)
        self.assertEqual([], most)
        rows.release('a', 'other process')
        for thread in threads:
            thread.join()
        self.assertEqual([1, 1, 1], most)

    def test_renewed_while_held(self):
        with mock.patch.object(locks, 'SECONDS', 0.06), locks.held('a', 'a test', 'me'):
            base.change_lock('a', expires_at=0)
            self.assertIsNone(rows.holder('a'))
            for _attempt in range(200):
                threading.Event().wait(0.01)
                if base.lock('a').expires_at:
                    break
            self.assertGreater(base.lock('a').expires_at, 0)


class ExclusiveTest(base.TestCase):
    def test_makes_its_row_once(self):
        exclusive = rows.engine.writer(rows.exclusive)
        exclusive('a')
        exclusive('a')
        self.assertEqual('a', base.lock('a').name)
        self.assertIsNone(base.lock('a').owner)
        self.assertIsInstance(base.lock('a'), models.Lock)
