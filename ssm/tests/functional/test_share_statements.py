# SPDX-License-Identifier: Apache-2.0

"""Lists of shares and of what hangs on them cost the same for 1 row and for 50."""

from __future__ import annotations

import json
from collections.abc import Callable

import webob

from ssm.db import models
from ssm.tests.base import TestCase
from ssm.tests.functional import fixtures, world
from ssm.tests.functional.test_statements import counted

Rows = Callable[[int], list[models.Base]]


def _share(number: int) -> list[models.Base]:
    name = str(number)
    return [
        *world.share(name, 'aa', share_server_id='srv-a', share_network_id='net-a'),
        models.ShareMetadata(share_id=f'share-{name}', key='k', value=name),
        *world.location(name, name),
    ]


def _snapshot(number: int) -> list[models.Base]:
    return [*_share(number), *world.snapshot(str(number), 'aa')]


def _server(number: int) -> list[models.Base]:
    return [
        models.ShareServer(id=f'srv-{number}', host='node1@alpha', status='active'),
        models.SubnetMapping(share_server_id=f'srv-{number}', share_network_subnet_id='sub-a'),
    ]


def _rule(number: int) -> list[models.Base]:
    access_id = f'rule-{number}'
    return [
        models.AccessRule(
            id=access_id, share_id='share-e', access_type='ip', access_to=f'10.0.1.{number}'
        ),
        models.AccessMapping(share_instance_id='inst-e', access_id=access_id),
        models.AccessRuleMetadata(access_id=access_id, key='k', value='v'),
    ]


def _location(number: int) -> list[models.Base]:
    return world.location('e', f'e-{number}')


LISTS: dict[tuple[str, str], tuple[Rows, int]] = {
    ('/v2/shares?name~=&host=node1@alpha%23pool&share_server_id=srv-a', '2.70'): (_share, 1),
    ('/v2/shares/detail', '2.70'): (_share, 3),
    ('/v2/shares/detail?limit=500&with_count=1&sort_key=host', '2.42'): (_share, 4),
    ('/v2/shares/detail', '2.0'): (_share, 4),
    ('/v2/snapshots', '2.70'): (_snapshot, 1),
    ('/v2/snapshots/detail', '2.70'): (_snapshot, 2),
    ('/v2/share-servers', '2.70'): (_server, 2),
    ('/v2/share-servers?share_network=blue&host=node1@alpha', '2.57'): (_server, 2),
    # Three of these are the share's own, for its policy.
    ('/v2/share-access-rules?share_id=share-e', '2.70'): (_rule, 6),
    ('/v2/shares/share-e/export_locations', '2.70'): (_location, 5),
}
"""By path and microversion: what to fill each with, and how many statements it may cost."""


class ListsTest(TestCase):
    def test_one_and_fifty_cost_the_same(self) -> None:
        for (path, version), (rows, allowed) in LISTS.items():
            environment = fixtures.Environment()
            environment.setUp()
            try:
                world.add(world.everything())
                before, _cost = self.ask(environment, path, version)
                world.add(rows(0))
                self.assertEqual((before + 1, allowed), self.ask(environment, path, version), path)
                for number in range(1, 50):
                    world.add(rows(number))
                self.assertEqual((before + 50, allowed), self.ask(environment, path, version), path)
            finally:
                environment.cleanUp()

    def ask(self, environment: fixtures.Environment, path: str, version: str) -> tuple[int, int]:
        """How many items came, and how many statements they took."""
        headers = {'X-Auth-Token': 'root:aa:admin', 'X-OpenStack-Manila-API-Version': version}
        request = webob.Request.blank(path, headers=headers)
        with counted() as sent:
            answer = request.get_response(environment.application)
        self.assertEqual(200, answer.status_int, answer.text)
        items = next(iter(json.loads(answer.text).values()))
        return len(items), sum(not statement.startswith('BEGIN') for statement in sent)
