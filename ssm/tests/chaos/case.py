# SPDX-License-Identifier: Apache-2.0

"""What tests of chaos have in common: chance that can be repeated, rounds, a story.

``SSM_TEST_SEED`` repeats the choices of a run; each failure names its seed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Collection, Iterator

from testtools import content

from ssm.tests.integration.base import WorldCase
from ssm.tests.world.migration import Migration
from ssm.tests.world.tenant import Tenant
from ssm.tests.world.wait import until
from ssm.tests.world.watch import watch_workers, workers

SECONDS = 20
"""How long a test goes on to begin rounds."""

ROUNDS = 2
"""How many it makes at least, however slow the machine is."""


class ChaosCase(WorldCase):
    """Rounds of a migration to and fro, each with a death in it."""

    deployment = {'services': True, 'backend_options': 'migrated_share_server_retention = 1'}

    def setUp(self) -> None:
        super().setUp()
        seed = os.environ.get('SSM_TEST_SEED') or str(random.randrange(10**6))
        self.random = random.Random(seed)
        self.story: list[str] = []
        self.addDetail('seed', content.text_content(f'SSM_TEST_SEED={seed}'))
        self.addOnException(
            lambda _info: self.addDetail('story', content.text_content('\n'.join(self.story)))
        )
        self.watch(watch_workers(self.world))

    def rounds(self) -> Iterator[int]:
        """Numbers, until the time is over."""
        began, number = time.monotonic(), 0
        while number < ROUNDS or time.monotonic() - began < SECONDS:
            self.story.append(f'-- round {number}')
            yield number
            number += 1

    def tell(self, what: str) -> None:
        """Note what happens, for the reader of a failure."""
        self.story.append(f'{time.monotonic():.3f} {what}')

    def pause(self, longest: float) -> None:
        """Wait for a random moment."""
        seconds = self.random.uniform(0, longest)
        self.tell(f'{seconds:.3f} s later')
        time.sleep(seconds)

    def restart(self, name: str) -> None:
        """kill -9 a service, and start it again."""
        self.tell(f'kill {name}')
        self.world.kill(name)
        self.world.run(name)

    def strike(self, moving: Migration, victims: Collection[str] = ()) -> None:
        """kill -9 services, or the worker but not what it started; services come up again.

        :param victims: back ends, ``worker``; empty leaves it to chance
        """
        everybody = [*self.world.back_ends, 'worker']
        victims = victims or self.random.sample(everybody, self.random.randint(1, 3))
        self.tell(f'kill {", ".join(victims)}')
        services = [name for name in victims if name != 'worker']
        for name in services:
            self.world.kill(name)
        if 'worker' in victims:
            for pid in workers(self.world, moving.id):
                with contextlib.suppress(ProcessLookupError):
                    if os.getpgid(pid) == pid:
                        os.kill(pid, signal.SIGKILL)
        for name in services:
            self.world.run(name)

    def expect_served(self, tenant: Tenant, back_end: str) -> None:
        """All is there, at one place, and the client writes on."""
        self.tell(f'look at {back_end}')
        self.expect_all_at(tenant, back_end)
        tenant.start_writer()

    def expect_nothing_left(self, tenant: Tenant) -> None:
        """Only the server that serves, with the guards of its migration, once all is retired."""
        server = tenant.server()

        def strangers() -> list[str]:
            left = self.left('alpha') | self.left('beta')
            return [
                str(path) for path in left if path.name != server and path.parent.name != 'guards'
            ]

        until(lambda: not strangers(), 'the end of what was left')
