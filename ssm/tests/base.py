# SPDX-License-Identifier: Apache-2.0

"""What every test stands on: fresh configuration, a state directory of its own.

``tools/test.sh --full`` sets ``SSM_TEST_FULL``; tests marked :func:`only_full` run then, and
fail where the MariaDB, PostgreSQL or RabbitMQ they talk to is missing.
"""

import os
import unittest
from collections.abc import Callable
from typing import Any

import fixtures
from oslo_config import fixture as config_fixture
from oslotest import base

from ssm.conf import CONF
from ssm.tests.world.servers import MYSQL_URL, POSTGRES_URL, RABBIT_URL

__all__ = ['MYSQL_URL', 'POSTGRES_URL', 'RABBIT_URL', 'TestCase', 'full', 'only_full']


def full() -> bool:
    """Whether tests that need more than this checkout have to run."""
    return os.environ.get('SSM_TEST_FULL') == '1'


def only_full(test: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a test, or a class of tests, that needs more: a server, or other programs."""
    return unittest.skipUnless(full(), 'runs with tools/test.sh --full')(test)


class TestCase(base.BaseTestCase):
    """Base of all tests; ``state_path`` is an empty directory, removed afterwards."""

    def setUp(self) -> None:
        super().setUp()
        self.config = self.useFixture(config_fixture.Config(CONF))
        CONF([], project='ssm', default_config_files=[])
        self.state_path = self.useFixture(fixtures.TempDir()).path
        self.override(state_path=self.state_path, host='node1')

    def override(self, group: str | None = None, **options: Any) -> None:
        """Set options until the end of the test.

        :param group: stanza of the options, None is DEFAULT
        """
        for name, value in options.items():
            CONF.set_override(name, value, group=group)
