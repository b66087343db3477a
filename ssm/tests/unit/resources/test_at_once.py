# SPDX-License-Identifier: Apache-2.0

"""Requests that come at once: each check holds until its own change is made (decision 21)."""

import threading
from collections import Counter
from collections.abc import Callable
from unittest import mock

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.conf import CONF
from ssm.db import models
from ssm.resources import access_rules, share_servers, shares, snapshots
from ssm.rpc import base as rpc_base
from ssm.tests import base
from ssm.tests.functional import database, world

TIMES = 6


class SqliteTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.connect()
        world.add(world.everything())
        patch = mock.patch.object(rpc_base.Client, 'cast', autospec=True)
        self.cast = patch.start()
        self.addCleanup(patch.stop)
        self.context = RequestContext(user_id='anna', project_id='aa', overwrite=False)
        self.context.is_admin = True

    def connect(self) -> None:
        self.useFixture(database.Database())

    def race(self, *calls: Callable[[], object]) -> list[int]:
        """How each ended: 0, or the status of its refusal."""
        ends = [-1] * len(calls)
        barrier = threading.Barrier(len(calls))

        def run(number: int, call: Callable[[], object]) -> None:
            barrier.wait()
            try:
                call()
                ends[number] = 0
            except exceptions.SsmError as error:
                ends[number] = error.status

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return ends

    def test_one_of_equal_rules(self) -> None:
        wish = access_rules.Wish(access_type='ip', access_to='10.9.9.9')
        ends = self.race(*[lambda: access_rules.allow(self.context, 'share-a', wish)] * TIMES)
        self.assertEqual({0: 1, 400: TIMES - 1}, Counter(ends))
        self.assertEqual(1, self.cast.call_count)

    def test_one_deletion(self) -> None:
        ends = self.race(*[lambda: snapshots.delete(self.context, 'snap-a')] * TIMES)
        self.assertEqual({0: 1, 400: TIMES - 1}, Counter(ends))

    def test_a_share_is_deleted_or_gets_a_snapshot(self) -> None:
        deleted, taken = self.race(
            lambda: shares.delete(self.context, 'share-p'),
            lambda: snapshots.create(self.context, 'share-p'),
        )
        self.assertIn((deleted, taken), [(0, 400), (403, 0)])

    def test_one_of_equal_servers_is_managed(self) -> None:
        host = 'node1@alpha'
        world.add([models.Service(host=host, binary='manila-share', topic='ssm-share')])
        existing = share_servers.Existing(
            host=host,
            identifier='new',
            share_network_id='net-a',
            share_network_subnet_id=None,
            driver_options=None,
        )
        ends = self.race(*[lambda: share_servers.manage(self.context, existing)] * TIMES)
        self.assertEqual({0: 1, 400: TIMES - 1}, Counter(ends))
        self.assertEqual(1, self.cast.call_count)

    def test_a_server_is_let_go_once(self) -> None:
        world.add(
            [
                models.ShareServer(id='srv-idle', host='node1@alpha', status='active'),
                models.SubnetMapping(share_server_id='srv-idle', share_network_subnet_id='sub-a'),
            ]
        )
        ends = self.race(
            *[lambda: share_servers.unmanage(self.context, 'srv-idle', force=False)] * TIMES
        )
        self.assertEqual({0: 1, 400: TIMES - 1}, Counter(ends))


@base.only_full
class MariadbTest(SqliteTest):
    def connect(self) -> None:
        self.useFixture(database.OnServer(base.MYSQL_URL))
        self.assertEqual('mysql', CONF.database.connection.partition('+')[0])
