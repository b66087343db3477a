# SPDX-License-Identifier: Apache-2.0

"""Services on the in-process transport: started, used by messages, stopped."""

import time
from unittest import mock

import oslo_messaging

from ssm.common import exceptions, rpc
from ssm.conf import CONF
from ssm.db import heartbeats, models
from ssm.rpc.scheduler import SchedulerClient
from ssm.rpc.share import ShareClient
from ssm.scheduler.request import Request
from ssm.scheduler.service import SchedulerService
from ssm.share.service import ShareService
from ssm.tests.unit.share import base
from ssm.tests.unit.share.test_shares import snapshot_of


class ServiceTest(base.TestCase):
    def setUp(self):
        super().setUp()
        oslo_messaging.TransportURL.parse(CONF)
        self.override(transport_url='fake://')
        rpc.cleanup()
        self.addCleanup(rpc.cleanup)

    def start(self, service):
        self.assertTrue(service.start())
        self.addCleanup(service.stop)
        return service

    def wait_for(self, what, seconds=20):
        """What a function says once it says something true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise self.failureException(f'waited {seconds} s in vain')

    def states(self):
        return {(row.binary, row.host): row.state for row in base.living(models.Service)}

    def test_a_share_by_messages_from_scheduler_to_storage(self):
        self.configure(base.stanza('alpha'))
        self.override(state_path=self.state_path, host='node1')
        self.start(SchedulerService(CONF))
        self.start(ShareService(CONF, 'alpha'))
        self.assertEqual(
            {('manila-scheduler', 'node1'): 'up', ('manila-share', 'node1@alpha'): 'up'},
            self.states(),
        )
        (pool,) = self.wait_for(
            lambda: SchedulerClient().get_pools(self.context, filters={}, extra_specs=None)
        )
        self.assertEqual('ALPHA', pool['capabilities']['share_backend_name'])
        instance_id = self.instance(share_network_id=self.network())
        SchedulerClient().create_share_instance(
            self.context, Request(share_instance_id=instance_id, size=1).to_dict()
        )
        row = self.wait_for(lambda: self.in_status(instance_id, 'available'))
        self.assertEqual(pool['name'], row.host)
        base.change(models.ShareInstance, instance_id, status='deleting')
        ShareClient().delete_share_instance(self.context, 'node1@alpha', instance_id)
        self.wait_for(lambda: not base.living(models.ShareInstance))

    def test_what_a_crash_swallowed_is_done_after_the_start(self):
        self.configure(base.stanza('alpha'))
        here = {'host': 'node1@alpha#pool', 'share_network_id': self.network()}
        made, gone = self.instance(**here), self.instance('deleting', **here)
        foreign = self.instance(host='node1@beta#pool')
        waiting = self.instance()
        _id, taken = snapshot_of(made)
        _id, removed = snapshot_of(made, 'deleting')
        self.start(ShareService(CONF, 'alpha'))
        self.wait_for(lambda: self.in_status(made, 'available'))
        self.wait_for(lambda: self.in_status(gone, 'deleted'))
        snapshot = models.SnapshotInstance
        self.wait_for(lambda: self.in_status(taken, 'available', snapshot))
        self.wait_for(lambda: self.in_status(removed, 'deleted', snapshot))
        for instance_id in (foreign, waiting):
            self.assertTrue(self.in_status(instance_id, 'creating'))

    def test_servers_are_taken_over_and_let_go_after_the_start(self):
        self.configure(base.stanza('alpha'))
        network_id, server = self.network(), models.ShareServer
        made = self.instance(host='node1@alpha#pool', share_network_id=network_id)
        service = self.start(ShareService(CONF, 'alpha'))
        old = self.wait_for(lambda: self.in_status(made, 'available')).share_server_id
        base.change(models.ShareInstance, made, deleted=made)
        base.change(server, old, status='unmanage_starting')
        service.stop()
        service = self.start(ShareService(CONF, 'alpha'))
        self.wait_for(lambda: self.in_status(old, 'deleted', server))
        service.stop()
        new = base.insert(
            server(host='node1@alpha', status='manage_starting', identifier=old),
        )
        self.start(ShareService(CONF, 'alpha'))
        self.wait_for(lambda: self.in_status(new, 'active', server))

    def in_status(self, instance_id, status, model=models.ShareInstance):
        row = base.get(model, instance_id)
        return row if row.status == status else None

    def test_a_scheduler_that_starts_later_asks_for_reports(self):
        self.configure(base.stanza('alpha'))
        self.start(ShareService(CONF, 'alpha'))
        time.sleep(0.3)
        self.start(SchedulerService(CONF))
        self.wait_for(
            lambda: SchedulerClient().get_pools(self.context, filters={}, extra_specs=None)
        )

    def test_an_error_in_the_place_of_an_answer(self):
        # The in-process transport hands on the error itself, a broker this one.
        failure = oslo_messaging.RemoteError('KeyError', 'secret', ['a traceback'])
        with mock.patch.object(rpc, 'client') as client:
            client.return_value.prepare.return_value.call.side_effect = failure
            error = self.assertRaises(
                exceptions.ServiceUnavailable,
                SchedulerClient().get_pools,
                self.context,
                filters={},
                extra_specs=None,
            )
        self.assertEqual('ssm-scheduler failed in get_pools: KeyError. See its log.', error.message)

    def test_stopped(self):
        self.configure(base.stanza('alpha'))
        service = ShareService(CONF, 'alpha')
        scheduler = SchedulerService(CONF)
        for each in (service, scheduler):
            self.assertTrue(each.start())
        before = time.monotonic()
        service.stop()
        scheduler.stop()
        self.assertLess(time.monotonic() - before, 5)
        self.assertEqual({'stopped'}, set(self.states().values()))

    def test_a_wrong_stanza_stops_that_back_end_only(self):
        self.configure(
            base.stanza('alpha', max_share_server_size='huge'),
            base.stanza('beta'),
        )
        heartbeats.register(heartbeats.Identity('node1@alpha', 'manila-share', 't', 'nova'))
        with self.assertLogs('ssm.share.service', 'ERROR') as log:
            self.assertFalse(ShareService(CONF, 'alpha').start())
        (record,) = log.records
        self.assertIn('[alpha] max_share_server_size: ', record.getMessage())
        self.assertIsNone(record.exc_info)
        self.start(ShareService(CONF, 'beta'))
        self.assertEqual(
            {('manila-share', 'node1@alpha'): 'down', ('manila-share', 'node1@beta'): 'up'},
            self.states(),
        )

    def test_a_driver_that_can_not_serve_its_shares_again_still_starts(self):
        self.configure(base.stanza('alpha', dummy_driver_failures='ensure_shares:error'))
        self.instance('available', host='node1@alpha#p')
        self.start(ShareService(CONF, 'alpha'))
        self.assertEqual({('manila-share', 'node1@alpha'): 'up'}, self.states())
