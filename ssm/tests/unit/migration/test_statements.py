# SPDX-License-Identifier: Apache-2.0

"""The number of SQL statements does not depend on the number of shares (decision 22)."""

from __future__ import annotations

import os
from collections.abc import Callable

from ssm.migration import requests
from ssm.migration.advance import advance
from ssm.tests.unit.migration import scenario

SHOW = bool(os.environ.get('SSM_TEST_SHOW_STATEMENTS'))

LIMITS = {'check': 20, 'start': 30, 'complete': 30, 'cancel': 30}


class TestStatements(scenario.ScenarioCase):
    def measure(self, shares: int) -> dict[str, int]:
        """Statements of each operation: the request with the driver's check, and the engine."""
        self.seed(shares)
        self.override(server_migration_driver_continue_update_interval=1)
        self.stanza('beta', dummy_driver_progress_step=100)
        counts = {}

        def count(name: str, request: Callable[[], object], *, carry: bool = True) -> None:
            with self.counted() as asked:
                request()
            done: list[str] = []
            if carry:
                migration_id = self.migration().id
                with self.counted() as done:
                    self.carry_on(migration_id)
            counts[name] = len(asked) + len(done)
            if SHOW:
                print(f'{name}: {len(asked)} asked, {len(done)} done')
                print('\n'.join(f'  {sql[:110]!r}' for sql in asked + done))

        body, server_id = scenario.BODY, self.source_id
        count('check', lambda: requests.check(self.context, server_id, body), carry=False)
        count('start', lambda: requests.start(self.context, server_id, body))
        count('cancel', lambda: requests.cancel(self.context, server_id))
        requests.start(self.context, server_id, body)
        self.carry_on(self.migration().id)
        count('complete', lambda: requests.complete(self.context, server_id))
        return counts

    def carry_on(self, migration_id: str) -> None:
        """Claim and advance, without the statements of a sweep or of the test itself."""
        engine = self.engine
        run = engine.claim(migration_id)
        assert run is not None
        while advance(run) is not None:
            pass

    def test_same_for_1_and_500_shares(self) -> None:
        one = self.measure(1)
        self.useFixture(scenario.database.Database())
        self.restart()
        many = self.measure(500)
        self.assertEqual(one, many)
        for name, limit in LIMITS.items():
            self.assertLessEqual(many[name], limit, name)

    def test_addresses_that_are_kept(self) -> None:
        self.stanza('beta', migration_keep_addresses=True)
        for name, count in self.measure(2).items():
            self.assertLessEqual(count, LIMITS[name], name)
