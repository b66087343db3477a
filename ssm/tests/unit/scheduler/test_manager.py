# SPDX-License-Identifier: Apache-2.0

"""The end point of the schedulers."""

import datetime
from typing import Any

from oslo_utils import timeutils

from ssm.conf import CONF
from ssm.db import heartbeats, models
from ssm.scheduler.manager import SchedulerManager
from ssm.scheduler.request import Request
from ssm.tests.unit.share import base


class ShareClient:
    """Notes who was told to make which instance."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def create_share_instance(self, context: Any, host: str, instance_id: str) -> None:
        self.sent.append((host, instance_id))

    def extend_share(self, context: Any, host: str, instance_id: str, new_size: int) -> None:
        self.sent.append((host, f'{instance_id} {new_size}'))


class SchedulerManagerTest(base.TestCase):
    def setUp(self):
        super().setUp()
        self.client = ShareClient()
        self.manager = SchedulerManager(CONF, self.client)
        for name, free in (('alpha', 50), ('beta', 100)):
            self.service(f'node1@{name}')
            self.report(f'node1@{name}', free)

    def report(self, host, free):
        pool = {
            'pool_name': 'p',
            'total_capacity_gb': 100,
            'free_capacity_gb': free,
            'reserved_percentage': 0,
        }
        self.manager.update_service_capabilities(
            self.context,
            service_host=host,
            capabilities={'share_backend_name': host, 'pools': [pool]},
            timestamp=timeutils.utcnow().isoformat(),
        )

    def create(self, size=10, **values):
        instance_id = self.instance(size=size)
        request = Request(share_instance_id=instance_id, size=size, **values)
        self.manager.create_share_instance(self.context, request.to_dict())
        return base.get(models.ShareInstance, instance_id)

    def test_the_best_pool_takes_it(self):
        row = self.create()
        self.assertEqual(('creating', 'node1@beta#p'), (row.status, row.host))
        self.assertIsNotNone(row.scheduled_at)
        self.assertEqual([('node1@beta', row.id)], self.client.sent)

    def test_what_was_given_out_is_taken_off_until_the_next_report(self):
        hosts = [self.create(40).host for _number in range(3)]
        self.assertEqual(['node1@beta#p', 'node1@beta#p', 'node1@alpha#p'], hosts)

    def test_none_fits(self):
        row = self.create(1000)
        self.assertEqual(('error', None), (row.status, row.host))
        self.assertEqual([], self.client.sent)

    def test_services_that_are_disabled_or_silent_take_nothing(self):
        rows = {row.host: row.id for row in base.living(models.Service)}
        base.change(models.Service, rows['node1@beta'], disabled=True)
        self.assertEqual('node1@alpha#p', self.create().host)
        silent = models.now() - datetime.timedelta(seconds=CONF.service_down_time + 5)
        base.change(models.Service, rows['node1@alpha'], created_at=silent, updated_at=silent)
        self.assertEqual('error', self.create().status)

    def test_a_request_that_makes_no_sense_leaves_error(self):
        self.override(scheduler_default_filters=['NoSuchFilter'])
        self.assertEqual('error', self.create().status)

    def test_an_instance_that_waits_no_longer_is_not_sent(self):
        instance_id = self.instance('deleting')
        request = Request(share_instance_id=instance_id, size=1)
        self.manager.create_share_instance(self.context, request.to_dict())
        self.assertEqual('deleting', base.get(models.ShareInstance, instance_id).status)
        self.assertEqual([], self.client.sent)

    def extend(self, size):
        instance_id = self.instance('extending', size=size, host='node1@alpha#p')
        request = Request(
            share_instance_id=instance_id, size=size, extend=True, host='node1@alpha#p'
        )
        self.manager.extend_share(self.context, request.to_dict(), 2 * size)
        return base.get(models.ShareInstance, instance_id)

    def test_a_share_grows_where_it_is(self):
        row = self.extend(30)
        self.assertEqual([('node1@alpha', f'{row.id} 60')], self.client.sent)
        self.assertEqual('extending', row.status)
        # The increase is taken off until the next report.
        self.assertEqual('available', self.extend(30).status)
        self.assertEqual(1, len(self.client.sent))

    def test_a_share_that_can_not_grow_keeps_its_size(self):
        self.assertEqual('available', self.extend(51).status)
        self.override(scheduler_default_extend_filters=['NoSuchFilter'])
        self.assertEqual('available', self.extend(1).status)
        self.assertEqual([], self.client.sent)

    def test_pools(self):
        items = self.manager.get_pools(self.context, filters={'backend': 'al'}, extra_specs=None)
        self.assertEqual(['node1@alpha#p'], [item['name'] for item in items])


class HeartbeatTest(base.TestCase):
    """Rows of services."""

    identity = heartbeats.Identity('node1@alpha', 'manila-share', 'ssm-share', 'zone-1')

    def row(self):
        (row,) = base.living(models.Service)
        return row

    def test_register_beat_leave(self):
        zone_id = heartbeats.register(self.identity)
        self.assertEqual('zone-1', base.get(models.AvailabilityZone, zone_id).name)
        self.assertEqual(('up', False), (self.row().state, self.row().disabled))
        self.assertEqual(zone_id, self.row().availability_zone_id)
        self.assertTrue(heartbeats.beat(self.identity))
        self.assertEqual(1, self.row().report_count)
        heartbeats.leave(self.identity, heartbeats.STOPPED)
        self.assertEqual('stopped', self.row().state)
        heartbeats.register(self.identity)
        self.assertEqual('up', self.row().state)

    def test_a_service_keeps_being_disabled(self):
        heartbeats.register(self.identity)
        base.change(models.Service, self.row().id, disabled=True)
        heartbeats.register(self.identity)
        self.assertTrue(self.row().disabled)

    def test_new_services_may_come_disabled(self):
        heartbeats.register(heartbeats.dataclasses.replace(self.identity, enabled=False))
        self.assertTrue(self.row().disabled)

    def test_a_lost_row_is_made_again(self):
        self.assertFalse(heartbeats.beat(self.identity))
        heartbeats.keep_alive(self.identity)
        self.assertEqual('up', self.row().state)

    def test_silent_services_are_marked_down(self):
        heartbeats.register(self.identity)
        self.assertEqual(0, heartbeats.mark_down(60))
        silent = models.now() - datetime.timedelta(seconds=100)
        base.change(models.Service, self.row().id, updated_at=silent)
        self.assertEqual(1, heartbeats.mark_down(60))
        self.assertEqual(('down', silent), (self.row().state, self.row().updated_at))
