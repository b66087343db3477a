# SPDX-License-Identifier: Apache-2.0

"""Access rules: queued, applied, denied; the same number of statements for any number of shares."""

import contextlib
import threading

from ssm.db import engine, models, rows
from ssm.share import access, servers
from ssm.tests.unit.share import base


class AccessTestCase(base.TestCase):
    """A back end, and a network with one server on it."""

    def setUp(self):
        super().setUp()
        self.back_end = self.load()
        self.network_id = self.network()

    def served(self, status='available', **values):
        """An instance on the one server of the network."""
        instance_id = self.instance(status, share_network_id=self.network_id, **values)
        servers.place(self.context, self.back_end, instance_id, self.zone_id)
        return instance_id

    def update(self, *instance_ids):
        access.update_instances(self.context, self.back_end, list(instance_ids))

    def server_id(self, instance_id):
        return base.get(models.ShareInstance, instance_id).share_server_id

    def status(self, instance_id):
        return base.get(models.ShareInstance, instance_id).access_rules_status

    def states(self, instance_id):
        """States of the rules of an instance by rule."""
        return {
            mapping.access_id: mapping.state
            for mapping in base.living(
                models.AccessMapping, models.AccessMapping.share_instance_id == instance_id
            )
        }

    def held(self, instance_id):
        """What holds on the storage: levels by target."""
        servers_there = self.back_end.driver.state.read()['servers']
        rules = servers_there[self.server_id(instance_id)]['shares'][instance_id]['rules']
        return {rule['access_to']: rule['access_level'] for rule in rules}


class AccessTest(AccessTestCase):
    """What becomes of rules."""

    def test_rules_are_applied(self):
        instance_id = self.served(access_rules_status='syncing')
        first = self.rule([instance_id], access_to='10.1.1.1')
        second = self.rule([instance_id], access_to='10.1.1.2', access_level='ro')
        self.update(instance_id)
        self.assertEqual({first: 'active', second: 'active'}, self.states(instance_id))
        self.assertEqual('active', self.status(instance_id))
        self.assertEqual({'10.1.1.1': 'rw', '10.1.1.2': 'ro'}, self.held(instance_id))

    def test_denied_rules_go_with_their_last_mapping(self):
        one = self.served()
        other = self.replica(one)
        kept = self.rule([one], state='active', access_to='10.1.1.1')
        shared = self.rule([one, other], state='active', access_to='10.1.1.2')
        self.deny(shared, one)
        self.update(one)
        self.assertEqual({kept: 'active'}, self.states(one))
        self.assertEqual({'10.1.1.1': 'rw'}, self.held(one))
        self.assertEqual({kept, shared}, self.rules())
        self.deny(shared, other)
        self.update(other)
        self.assertEqual({kept}, self.rules())
        self.assertEqual({}, self.held(other))

    def replica(self, instance_id):
        """Another instance of the same share on the same server."""
        row = base.get(models.ShareInstance, instance_id)
        return base.insert(
            models.ShareInstance(
                share_id=row.share_id, share_server_id=row.share_server_id, status='available'
            )
        )

    def deny(self, rule_id, instance_id):
        (mapping,) = base.living(
            models.AccessMapping,
            models.AccessMapping.access_id == rule_id,
            models.AccessMapping.share_instance_id == instance_id,
        )
        base.change(models.AccessMapping, mapping.id, state='queued_to_deny')

    def rules(self):
        return {row.id for row in base.living(models.AccessRule)}

    def test_a_rule_the_driver_can_not_apply(self):
        instance_id = self.served()
        good = self.rule([instance_id])
        bad = self.rule([instance_id], access_type='user', access_to='somebody')
        self.update(instance_id)
        self.assertEqual({good: 'active', bad: 'error'}, self.states(instance_id))
        self.assertEqual('error', self.status(instance_id))
        # Denying the failed rule heals the share.
        self.deny(bad, instance_id)
        self.update(instance_id)
        self.assertEqual({good: 'active'}, self.states(instance_id))
        self.assertEqual('active', self.status(instance_id))

    def test_users_get_keys(self):
        instance_id = self.served(share_proto='CIFS')
        users = {self.rule([instance_id], access_type='user', access_to=u): u for u in 'ab'}
        bad = self.rule([instance_id])
        self.update(instance_id)
        keys = {row.id: row.access_key for row in base.living(models.AccessRule)}
        self.assertEqual({id: f'key of {u}' for id, u in users.items()} | {bad: None}, keys)

    def test_a_key_goes_back_to_the_driver_with_its_rule(self):
        instance_id = self.served(share_proto='CIFS')
        rule_id = self.rule([instance_id], access_type='user', access_to='alice')
        self.update(instance_id)
        self.update(instance_id)
        servers_there = self.back_end.driver.state.read()['servers']
        (rule,) = servers_there[self.server_id(instance_id)]['shares'][instance_id]['rules']
        self.assertEqual((rule_id, 'key of alice'), (rule['access_id'], rule['access_key']))

    def test_a_share_the_driver_fails_on_leaves_the_others_alone(self):
        self.back_end = self.load(dummy_driver_failures='update_access:error:1')
        one, other = self.served(), self.served()
        first, second = self.rule([one]), self.rule([other])
        access.update_server(self.context, self.back_end, self.server_id(one))
        outcome = {self.status(one), self.status(other)}
        self.assertEqual({'active', 'error'}, outcome)
        states = self.states(one) | self.states(other)
        self.assertEqual({'active', 'error'}, {states[first], states[second]})

    def test_a_failure_leaves_rules_that_held_before_as_they_are(self):
        self.back_end = self.load(dummy_driver_failures='update_access:error:1')
        instance_id = self.served(access_rules_status='syncing')
        rule_id = self.rule([instance_id], state='active')
        self.update(instance_id)
        self.assertEqual('error', self.status(instance_id))
        self.assertEqual({rule_id: 'active'}, self.states(instance_id))

    def test_cast_to_read_only_and_back(self):
        one, other = self.served('server_migrating'), self.served('server_migrating')
        rule_id = self.rule([one], state='active', access_to='10.1.1.1')
        for cast, level in ((True, 'ro'), (False, 'rw')):
            for instance_id in (one, other):
                base.change(
                    models.ShareInstance,
                    instance_id,
                    cast_rules_to_readonly=cast,
                    access_rules_status='syncing',
                )
            access.update_server(self.context, self.back_end, self.server_id(one))
            self.assertEqual({'10.1.1.1': level}, self.held(one))
            self.assertEqual({'active'}, {self.status(one), self.status(other)})
            # The user sees the rule as it was.
            self.assertEqual('rw', base.get(models.AccessRule, rule_id).access_level)

    def test_instances_in_other_statuses_are_left_alone(self):
        instance_id = self.served('creating')
        rule_id = self.rule([instance_id])
        self.update(instance_id)
        self.assertEqual({rule_id: 'queued_to_apply'}, self.states(instance_id))

    def test_changes_queued_during_a_run_are_picked_up_by_it(self):
        instance_id = self.served()
        first = self.rule([instance_id], access_to='10.1.1.1')
        late = []

        def while_applying():
            if not late:
                late.append(self.rule([instance_id], access_to='10.1.1.2'))

        with self.during('update_access', while_applying):
            self.update(instance_id)
        self.assertEqual({first: 'active', late[0]: 'active'}, self.states(instance_id))
        self.assertEqual({'10.1.1.1': 'rw', '10.1.1.2': 'rw'}, self.held(instance_id))
        self.assertEqual('active', self.status(instance_id))

    def test_a_cast_that_begins_during_a_run_is_not_reported_as_done(self):
        instance_id = self.served(access_rules_status='syncing')
        self.rule([instance_id], access_to='10.1.1.1')
        held = []

        def while_applying():
            if not held:
                base.change(
                    models.ShareInstance,
                    instance_id,
                    cast_rules_to_readonly=True,
                    access_rules_status='syncing',
                )
            held.append(self.status(instance_id))

        with self.during('update_access', while_applying):
            self.update(instance_id)
        # Still syncing when the second run, with the cast, came to the driver.
        self.assertEqual(['syncing', 'syncing'], held)
        self.assertEqual({'10.1.1.1': 'ro'}, self.held(instance_id))
        self.assertEqual('active', self.status(instance_id))

    @contextlib.contextmanager
    def during(self, method, function):
        """Have a function called whenever a method of the driver is, before it."""
        driver = self.back_end.driver._driver
        original = getattr(driver, method)

        def call(*args, **kwargs):
            function()
            return original(*args, **kwargs)

        setattr(driver, method, call)
        try:
            yield
        finally:
            delattr(driver, method)

    def test_runs_on_one_server_follow_one_another(self):
        one, other = self.served(), self.served()
        running, most = [], []

        def while_applying():
            running.append(1)
            most.append(len(running))
            threading.Event().wait(0.02)
            running.pop()

        self.rule([one])
        self.rule([other])
        with self.during('update_access', while_applying):
            threads = [threading.Thread(target=self.update, args=(id,)) for id in (one, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual([1, 1], most)

    def test_after_a_start_left_over_changes_are_applied(self):
        here = {'host': f'{self.back_end.host}#pool'}
        queued, applying, done = (self.served(**here) for _number in range(3))
        elsewhere = self.served(host='node1@alphabet#pool')
        first = self.rule([queued])
        base.change(models.ShareInstance, applying, access_rules_status='syncing')
        second = self.rule([applying], state='applying')
        self.rule([done], state='active', access_to='10.1.1.1')
        foreign = self.rule([elsewhere])
        access.resume(self.context, self.back_end)
        self.assertEqual({first: 'active'}, self.states(queued))
        self.assertEqual({second: 'active'}, self.states(applying))
        self.assertEqual({foreign: 'queued_to_apply'}, self.states(elsewhere))


class StatementsTest(AccessTestCase):
    """The number of statements does not depend on the number of shares (decision 22)."""

    def many(self, count):
        """A server with instances, each with a rule to apply and one to deny."""
        self.network_id = self.network()
        first = self.served()
        server_id = self.server_id(first)
        for model, values in bulk(server_id, count - 1):
            insert_all(model, values)
        self.rule([first])
        self.rule([first], state='queued_to_deny')
        return server_id

    def instances(self, server_id):
        return base.living(models.ShareInstance, models.ShareInstance.share_server_id == server_id)

    def measure(self, count):
        server_id = self.many(count)
        statements = self.useFixture(base.Statements())
        access.update_server(self.context, self.back_end, server_id)
        seen = statements.take()
        found = self.instances(server_id)
        self.assertEqual(count, len(found))
        self.assertEqual({'active'}, {row.access_rules_status for row in found})
        ids = [row.id for row in found]
        mappings = base.living(
            models.AccessMapping, models.AccessMapping.share_instance_id.in_(ids)
        )
        self.assertEqual(count, len({mapping.share_instance_id for mapping in mappings}))
        self.assertEqual({'active'}, {mapping.state for mapping in mappings})
        return seen

    def test_one_and_five_hundred_shares(self):
        # The dummy writes its whole state for each share, which takes long with so many.
        self.back_end.driver._driver.update_access = lambda *_arguments: {}
        one, many = self.measure(1), self.measure(500)
        self.assertEqual(len(one), len(many))
        self.assertLessEqual(len(one), 20)


def bulk(server_id, count):
    """Rows of so many shares with an instance and two rules each, by model."""
    numbers = range(count)
    prefix = server_id[:8]
    return {
        models.Share: [
            {'id': f'{prefix}-s{n}', 'size': 1, 'share_proto': 'NFS', 'project_id': 'p'}
            for n in numbers
        ],
        models.ShareInstance: [
            {
                'id': f'{prefix}-i{n}',
                'share_id': f'{prefix}-s{n}',
                'status': 'available',
                'share_server_id': server_id,
            }
            for n in numbers
        ],
        models.AccessRule: [
            {
                'id': f'{prefix}-{kind}{n}',
                'share_id': f'{prefix}-s{n}',
                'access_type': 'ip',
                'access_to': '10.1.1.1',
            }
            for n in numbers
            for kind in 'ad'
        ],
        models.AccessMapping: [
            {
                'id': f'{prefix}-m{kind}{n}',
                'share_instance_id': f'{prefix}-i{n}',
                'access_id': f'{prefix}-{kind}{n}',
                'state': state,
            }
            for n in numbers
            for kind, state in (('a', 'queued_to_apply'), ('d', 'queued_to_deny'))
        ],
    }.items()


insert_all = engine.writer(rows.insert)
