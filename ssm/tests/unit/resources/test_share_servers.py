# SPDX-License-Identifier: Apache-2.0

"""What stands against managing a share server: its identifier, its host."""

import datetime

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import models
from ssm.resources import share_servers
from ssm.tests import base
from ssm.tests.functional import database, world


class IdentifierTest(base.TestCase):
    def test_clashes(self) -> None:
        for given, existing, expected in (
            ('svm-1', ['svm-1'], True),
            ('svm-1', ['other', 'os_svm_1'], True),
            ('svm_1', ['os-svm-1'], True),
            ('os_svm_1_old', ['svm-1'], True),
            ('svm-1', ['svm-10'], False),
            ('svm-1', ['svm'], True),
            ('svm', ['svm-1'], False),
            ('SVM-1', ['svm-1'], False),
            ('svm-%', ['svm-1'], False),
            ('svm-1', [], False),
        ):
            self.assertEqual(expected, share_servers.clashes(given, existing), (given, existing))


class HostTest(base.TestCase):
    def manage(self, context: RequestContext) -> None:
        share_servers.manage(
            context,
            share_servers.Existing(
                host='node1@alpha',
                identifier='new',
                share_network_id='net-a',
                share_network_subnet_id=None,
                driver_options=None,
            ),
        )

    def test_service_that_is_down_and_caller_who_is_nobody(self) -> None:
        self.useFixture(database.Database())
        world.add(world.everything())
        long_ago = models.now() - datetime.timedelta(hours=1)
        service = models.Service(
            host='node1@alpha', binary='manila-share', topic='ssm-share', created_at=long_ago
        )
        world.add([service])
        context = RequestContext(user_id='anna', project_id='aa', overwrite=False)
        self.assertRaises(exceptions.Forbidden, self.manage, context)
        context.is_admin = True
        error = self.assertRaises(exceptions.Invalid, self.manage, context)
        self.assertEqual('host: share service node1@alpha is down.', error.message)
