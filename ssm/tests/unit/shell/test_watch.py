# SPDX-License-Identifier: Apache-2.0

"""Numbers for a reader, and when a wait is over."""

from ssm.shell import watch
from ssm.tests import base
from ssm.tests.unit.shell import canned


class WatchTest(base.TestCase):
    def test_sizes(self) -> None:
        for count, text in (
            (0, '0 bytes'),
            (1023, '1023 bytes'),
            (1536, '1.5 KiB'),
            (1024**2, '1.0 MiB'),
            (5 * 1024**4, '5.0 TiB'),
            (2000 * 1024**5, '2000.0 PiB'),
        ):
            self.assertEqual(text, watch.size(count))

    def test_durations(self) -> None:
        for seconds, text in (
            (0.4, '0 s'),
            (59.4, '59 s'),
            (59.6, '1 min 00 s'),
            (3599, '59 min 59 s'),
            (3700, '1 h 01 min'),
            (90000, '25 h 00 min'),
        ):
            self.assertEqual(text, watch.duration(seconds))

    def test_reached(self) -> None:
        for state, until, answer in (
            ('migration_starting', watch.PHASE1_DONE, False),
            (watch.PHASE1_DONE, watch.PHASE1_DONE, True),
            ('migration_completing', watch.PHASE1_DONE, True),
            (watch.PHASE1_DONE, watch.SUCCESS, False),
            ('migration_error', watch.SUCCESS, False),
            ('migration_error', 'migration_error', True),
            ('migration_cancel_in_progress', watch.PHASE1_DONE, False),
        ):
            self.assertEqual(answer, watch.reached(state, until), (state, until))

    def test_line_of_a_migration_that_just_began(self) -> None:
        row = canned.MIGRATION_ROW | {'state': 'migration_starting', 'total_progress': 0}
        for progress in (None, {}, dict.fromkeys(canned.PROGRESS)):
            self.assertEqual('0 %, migration_starting', watch.line(row | {'progress': progress}))
