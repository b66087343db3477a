# SPDX-License-Identifier: Apache-2.0

"""Extend, shrink and revert by HTTP: who may, in which states, and who is told."""

from __future__ import annotations

from typing import Any

from ssm.db import models
from ssm.scheduler.request import Request
from ssm.tests.base import TestCase
from ssm.tests.functional import calls, fixtures, world


class ShareActionsTest(TestCase):
    """On ``share-v``: 3 GiB, two snapshots, may be reverted; ``share-z`` is of a narrow type."""

    def setUp(self) -> None:
        super().setUp()
        self.environment = self.useFixture(fixtures.Environment())
        self.caller = calls.Caller(self.environment)
        calls.fill(self.rows())

    def rows(self, **instance: Any) -> list[models.Base]:
        placed = {'share_server_id': 'srv-a', 'share_network_id': 'net-a'}
        newer = world.snapshot('w', 'aa')
        newer[0].share_id, newer[1].share_instance_id = 'share-v', 'inst-v'
        newer[0].created_at = newer[0].created_at.replace(minute=59)
        return [
            *world.everything(),
            models.ShareTypeExtraSpec(
                share_type_id='type-zoned',
                spec_key='provisioning:max_share_extend_size',
                spec_value='8',
            ),
            *world.share('v', 'aa', size=3, revert_to_snapshot_support=True, **placed | instance),
            *world.share('z', 'aa', size=4, share_type_id='type-zoned'),
            *world.snapshot('v', 'aa'),
            *newer,
        ]

    def act(
        self,
        action: str,
        body: Any,
        code: int = 202,
        *,
        share: str = 'share-v',
        token: str = calls.MEMBER,
        version: tuple[int, int] = calls.NEWEST,
    ) -> str:
        """Send one action; returns the message of a refusal."""
        path = f'/shares/{share}/action'
        answer = self.caller.send('POST', path, {action: body}, token=token, version=version)
        self.assertEqual(code, answer.status_int, answer.text)
        return calls.message(answer) if code >= 400 else ''

    def refused(self, action: str, body: Any, code: int, *words: str, **how: Any) -> None:
        """A request that changes nothing, tells nobody, and says why."""
        before = calls.dump()
        message = self.act(action, body, code, **how)
        self.assertEqual(before, calls.dump())
        self.assertEqual([], self.environment.rpc.take())
        for word in words:
            self.assertIn(word, message)

    def status(self, table: str, key: str) -> str:
        """Of the row with an id."""
        return next(row['status'] for row in fixtures.rows(table) if row['id'] == key)

    def test_extend_asks_the_scheduler_about_the_increase(self) -> None:
        self.act('extend', {'new_size': 5})
        (sent,) = self.environment.rpc.take()
        self.assertEqual('extend_share', sent['method'])
        self.assertEqual(5, sent['arguments']['new_size'])
        request = Request.from_dict(sent['arguments']['request'])
        self.assertEqual(
            (2, True, 'node1@alpha#pool', 'inst-v'),
            (request.size, request.extend, request.host, request.share_instance_id),
        )
        self.assertEqual('True', request.extra_specs['snapshot_support'])
        self.assertEqual('extending', self.status('share_instances', 'inst-v'))
        self.refused('extend', {'new_size': 6}, 400, 'extending', 'available')

    def test_forced_extend_goes_to_the_host(self) -> None:
        self.refused('extend', {'new_size': 5, 'force': True}, 403)
        self.act('extend', {'new_size': 5, 'force': True}, token=calls.ADMIN)
        (sent,) = self.environment.rpc.take()
        self.assertEqual(('extend_share', 'node1@alpha'), (sent['method'], sent['host']))
        self.assertEqual({'share_instance_id': 'inst-v', 'new_size': 5}, sent['arguments'])

    def test_force_is_unknown_before_2_64(self) -> None:
        self.act('extend', {'new_size': 5, 'force': True}, version=(2, 63))
        (sent,) = self.environment.rpc.take()
        self.assertIn('request', sent['arguments'])

    def test_sizes_that_do_not_grow(self) -> None:
        for size in (3, 2, 0, -1):
            self.refused('extend', {'new_size': size}, 400, 'new_size', '3 GiB')

    def test_limits_of_the_type(self) -> None:
        grow = {'new_size': 6}
        self.refused('extend', grow, 400, 'new_size', '5 GiB', share='share-z')
        self.refused('extend', {'new_size': 9}, 400, '8 GiB', share='share-z', token=calls.ADMIN)
        self.refused('shrink', {'new_size': 1}, 400, 'new_size', '2 GiB', share='share-z')
        self.act('extend', grow, share='share-z', token=calls.ADMIN)

    def test_shrink_goes_to_the_host(self) -> None:
        for size in (3, 4, 0, -1):
            self.refused('shrink', {'new_size': size}, 400, 'new_size', '3 GiB')
        self.act('shrink', {'new_size': 2})
        (sent,) = self.environment.rpc.take()
        self.assertEqual(('shrink_share', 'node1@alpha'), (sent['method'], sent['host']))
        self.assertEqual('shrinking', self.status('share_instances', 'inst-v'))
        self.refused('shrink', {'new_size': 1}, 400, 'shrinking')

    def test_shrink_after_a_refusal(self) -> None:
        calls.fill(self.rows(status='shrinking_possible_data_loss_error'))
        self.refused('extend', {'new_size': 5}, 400)
        self.act('shrink', {'new_size': 2})

    def test_old_names(self) -> None:
        self.act('os-extend', {'new_size': 5}, version=(2, 6))
        calls.fill(self.rows())
        self.act('os-shrink', {'new_size': 2}, version=(2, 6))
        self.act('os-shrink', {'new_size': 2}, 404)

    def test_others_and_readers_may_not(self) -> None:
        bodies = {
            'extend': {'new_size': 5},
            'shrink': {'new_size': 2},
            'revert': {'snapshot_id': 'snap-w'},
        }
        for action, body in bodies.items():
            self.refused(action, body, 404, token='bob:bb:member')
            self.refused(action, body, 403, token='anna:aa:reader')
            self.refused(action, body, 404, share='nothing')

    def test_revert_to_the_newest(self) -> None:
        self.refused('revert', {'snapshot_id': 'snap-v'}, 409, 'snap-v', 'snap-w', 'newest')
        self.act('revert', {'snapshot_id': 'snap-w'})
        (sent,) = self.environment.rpc.take()
        self.assertEqual(('revert_to_snapshot', 'node1@alpha'), (sent['method'], sent['host']))
        self.assertEqual({'snapshot_instance_id': 'sinst-w'}, sent['arguments'])
        self.assertEqual('reverting', self.status('share_instances', 'inst-v'))
        self.assertEqual('restoring', self.status('share_snapshot_instances', 'sinst-w'))
        self.assertEqual('available', self.status('share_snapshot_instances', 'sinst-v'))
        self.refused('revert', {'snapshot_id': 'snap-w'}, 409, 'reverting')

    def test_what_can_not_be_reverted(self) -> None:
        newest = {'snapshot_id': 'snap-w'}
        self.refused('revert', {'snapshot_id': 'nothing'}, 400, 'snapshot_id', 'nothing')
        self.refused('revert', {'snapshot_id': 'snap-b'}, 400)
        self.refused('revert', {'snapshot_id': 'snap-a'}, 400, 'snap-a', 'share-v')
        self.refused('revert', {'snapshot_id': 'snap-a'}, 400, share='share-a')
        for instance in ({'status': 'error'}, {'access_rules_status': 'syncing'}):
            calls.fill(self.rows(**instance))
            self.refused('revert', newest, 409, *instance.values())
        calls.fill(self.rows())
        fixtures.change('share_snapshot_instances', 'sinst-w', {'status': 'error'})
        self.refused('revert', newest, 409, 'error')
        self.refused('revert', newest, 404, version=(2, 26))
