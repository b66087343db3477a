# SPDX-License-Identifier: Apache-2.0

"""Tests of real processes; those of a class share a deployment, each makes a tenant in it."""

from __future__ import annotations

import pathlib
from typing import Any, ClassVar

from testtools import content

from ssm.tests import base
from ssm.tests.world.deployment import Deployment
from ssm.tests.world.migration import Migration, left_in
from ssm.tests.world.tenant import Tenant
from ssm.tests.world.watch import Watch, watch_openness


class WorldCase(base.TestCase):
    """Base of tests that share a deployment; when one fails, the logs are shown."""

    deployment: ClassVar[dict[str, Any]] = {}
    """Arguments of ``kind``."""
    kind: ClassVar[type[Deployment]] = Deployment
    world: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.world = cls.kind(**cls.deployment)
        cls.addClassCleanup(cls.world.stop)
        cls.prepare()
        cls.world.start()

    @classmethod
    def prepare(cls) -> None:
        """What has to be done before the services start."""

    def setUp(self) -> None:
        super().setUp()
        self.addOnException(self._show_logs)
        self._before = {name: set(left_in(self.world, name)) for name in self.world.back_ends}

    def _show_logs(self, _info: Any) -> None:
        for path in (self.world.path / 'log').iterdir():
            self.addDetail(path.stem, content.text_content(self.world.log(path.stem, 80)))
        for path in self.world.path.glob('*/.ssm/guards/*/worker.log'):
            log = path.read_text(errors='replace')[-4000:]
            self.addDetail(f'worker of {path.parent.name}', content.text_content(log))

    def tenant(self, name: str = '') -> Tenant:
        """A tenant whose client writes, and whose shares are watched, until the test ends."""
        made = Tenant(self.world, f'{self._testMethodName}{name}').make()
        self.watch(watch_openness(made))
        self.addCleanup(made.stop_writer)
        made.start_writer()
        return made

    def throttle(self, rate: int) -> None:
        """Hold copies to a rate in KiB/s, at most until the test ends."""
        self.world.throttle(rate)
        self.addCleanup(self.world.throttle, None)

    def left(self, back_end: str) -> set[pathlib.Path]:
        """What share servers and migrations of this test have in a pool now."""
        return set(left_in(self.world, back_end)) - self._before[back_end]

    def watch(self, watch: Watch) -> None:
        """Fail at the end if something was seen that must not be."""
        self.addCleanup(lambda: self.assertEqual([], watch.stop()))

    def migration(self, tenant: Tenant, back_end: str = 'beta') -> Migration:
        """A migration of a tenant's server, not started yet."""
        return Migration(self.world, tenant.server(), back_end)

    def expect_all_at(self, tenant: Tenant, back_end: str) -> None:
        """The server serves there, everything is there, the client writes on."""
        tenant.wait_for_records()
        tenant.stop_writer()
        self.assertEqual([], tenant.wrong(back_end))
        for name, places in tenant.open_at().items():
            self.assertEqual([str(tenant.directory(name))], sorted(places))

    def report_gap(self, tenant: Tenant) -> float:
        """How long the client was held up, seconds; kept with the test's result."""
        count, gap = tenant.gap()
        self.addDetail('gap', content.text_content(f'{gap:.2f} s in {count} records'))
        return gap
