# SPDX-License-Identifier: Apache-2.0

"""How the state of a service is seen."""

import datetime

from ssm.db import models
from ssm.resources import services
from ssm.tests.base import TestCase

NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)


class StateTest(TestCase):
    def seen(self, state: str | None, silent: int) -> str:
        beat = NOW - datetime.timedelta(seconds=silent)
        return services.state(models.Service(state=state, updated_at=beat), NOW)

    def test_who_says_up_has_to_have_said_so_lately(self) -> None:
        self.override(service_down_time=60)
        self.assertEqual('up', self.seen('up', 60))
        self.assertEqual('down', self.seen('up', 61))

    def test_who_stopped_stays_stopped(self) -> None:
        self.assertEqual('stopped', self.seen('stopped', 0))
        self.assertEqual('stopped', self.seen('stopped', 1000))

    def test_who_never_said_anything_is_down(self) -> None:
        self.assertEqual('down', self.seen(None, 0))

    def test_before_its_first_heartbeat_its_birth_counts(self) -> None:
        self.assertEqual('up', services.state(models.Service(state='up', created_at=NOW), NOW))
