# SPDX-License-Identifier: Apache-2.0

"""A run of tests that is to be killed: ``python -m ssm.tests.nfs.victim``.

Prints namespace, bridge and directory of a share server it has, and waits.
"""

from __future__ import annotations

import sys
import time

from ssm.tests.nfs.case import GaneshaHooks, NfsCase
from ssm.tests.unit.drivers import harness


class Victim(GaneshaHooks, harness.Harness, NfsCase):
    """A run with a server."""

    def runTest(self) -> None:
        self.setUp()
        server, _ = self.make_server(harness.SOURCE)
        self.make_share(server)
        found = (self.namespace(server), self.network.bridge, self.directory)
        print(*found, file=sys.__stdout__, flush=True)  # whether the test's is captured or not
        time.sleep(600)


if __name__ == '__main__':
    Victim.setUpClass()
    Victim().runTest()
