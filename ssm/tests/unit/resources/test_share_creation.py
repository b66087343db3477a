# SPDX-License-Identifier: Apache-2.0

"""The message to the scheduler has the form that the scheduler reads."""

from typing import Any
from unittest import mock

from ssm.common.context import RequestContext
from ssm.resources import share_creation
from ssm.resources.share_plan import Wish
from ssm.rpc.scheduler import SchedulerClient
from ssm.scheduler.request import Request
from ssm.tests import base
from ssm.tests.functional import database, world


class RequestTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(database.Database())
        world.add(world.everything())
        self.context = RequestContext(user_id='anna', project_id='aa', overwrite=False)

    def asked(self, **values: Any) -> Request:
        with mock.patch.object(SchedulerClient, 'cast', autospec=True) as cast:
            share_creation.create(self.context, Wish(size=2, share_proto='NFS', **values))
        return Request.from_dict(cast.call_args.kwargs['request'])

    def test_everything_is_in_it(self) -> None:
        request = self.asked(
            types=['dhss'], share_network_id='net-a', availability_zone='other', name='n'
        )
        self.assertEqual('type-dhss', request.share_type['id'])
        self.assertEqual('<is> True', request.extra_specs['create_share_from_snapshot_support'])
        self.assertEqual(2, request.size)
        self.assertEqual('zone-other', request.availability_zone_id)
        self.assertIsNone(request.availability_zones)
        self.assertEqual(1, request.default_subnets)
        self.assertEqual('n', request.share['display_name'])
        self.assertEqual(request.share_id, request.share['id'])
        self.assertIsNotNone(request.share_instance_id)
        self.assertFalse(request.considers_disabled)

    def test_the_defaults_are_the_schedulers(self) -> None:
        request = self.asked(types=['plain'])
        untouched = ('extend', 'host', 'snapshot_host', 'active_replica_host', 'replica_hosts')
        for name in (*untouched, 'availability_zones', 'only_host', 'same_host', 'different_host'):
            self.assertEqual(getattr(Request(), name), getattr(request, name), name)

    def test_hints_become_hosts(self) -> None:
        ids = ['2d316e9f-39fc-468e-b2d9-634b25ae85f6', '3d316e9f-39fc-468e-b2d9-634b25ae85f6']
        for id, host in zip(ids, ('node1@alpha#pool', None), strict=True):
            share, instance = world.share(id, 'aa', host=host)
            share.id = instance.share_id = id
            instance.id = id
            world.add([share, instance])
        request = self.asked(types=['plain'], hints={'different_host': ','.join(ids)})
        self.assertEqual([['node1@alpha#pool'], []], request.different_host)
        self.assertIsNone(request.same_host)
