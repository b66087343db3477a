# SPDX-License-Identifier: Apache-2.0

"""The migration commands: the user guide's transcripts, to the character."""

import io
import json
from unittest import mock

import yaml

from ssm.shell import share_server_migrations
from ssm.tests.unit.shell import base, canned, fake

GUIDE_CHECK = """\
+------------------------+----------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
| Property               | Value                                                                                                                                                                                        |
+------------------------+----------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
| compatible             | True                                                                                                                                                                                         |
| requested_capabilities | {'writable': 'True', 'nondisruptive': 'False', 'preserve_snapshots': 'True', 'share_network_id': None, 'host': 'stack@dummy2'}                                                               |
| supported_capabilities | {'writable': True, 'nondisruptive': False, 'preserve_snapshots': True, 'share_network_id': 'ac8e103f-c21a-4442-bddc-fdadee093099', 'migration_cancel': True, 'migration_get_progress': True} |
+------------------------+----------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
"""  # noqa: E501

GUIDE_COMPLETE = """\
+-----------------------------+--------------------------------------+
| Property                    | Value                                |
+-----------------------------+--------------------------------------+
| destination_share_server_id | f3fb808f-c2a4-4caa-9805-7caaf55c0522 |
+-----------------------------+--------------------------------------+
"""

GUIDE_PROGRESS = """\
+-----------------------------+--------------------------------------+
| Property                    | Value                                |
+-----------------------------+--------------------------------------+
| total_progress              | 50                                   |
| task_state                  | migration_driver_in_progress         |
| destination_share_server_id | f3fb808f-c2a4-4caa-9805-7caaf55c0522 |
+-----------------------------+--------------------------------------+
"""

REASONS = """\
+----------+----------+--------------------------------------+----------------------------------------------+-----------------------------------------+
| Severity | Code     | Object                               | Message                                      | Hint                                    |
+----------+----------+--------------------------------------+----------------------------------------------+-----------------------------------------+
| error    | no_space | share                                | The shares need 40 GiB, the pool has 31 GiB. | Free space, or choose another back end. |
|          |          | c4a2b6f0-02c4-4d5f-9a2e-4b7f6f5a1d20 |                                              |                                         |
+----------+----------+--------------------------------------+----------------------------------------------+-----------------------------------------+
"""  # noqa: E501

ACTION = f'/share-servers/{canned.SOURCE}/action'
MIGRATIONS = '/share-server-migrations'

CHECK = (
    f'share-server-migration-check {canned.SOURCE} stack@dummy2 '
    '--nondisruptive False --writable True --preserve_snapshots True'
).split()
REQUEST = {
    'host': 'stack@dummy2',
    'writable': 'True',
    'nondisruptive': 'False',
    'preserve_snapshots': 'True',
    'new_share_network_id': None,
}


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class CheckTest(base.ShellTest):
    def test_table_is_the_guides(self) -> None:
        self.api.prepare('POST', ACTION, canned.CHECK)
        self.assertEqual(GUIDE_CHECK, self.succeeds(*CHECK))

    def test_request(self) -> None:
        self.api.prepare('POST', ACTION, canned.CHECK)
        self.succeeds(*CHECK)
        self.assertEqual([('POST', ACTION, {'migration_check': REQUEST})], self.asked())
        headers = self.api.requests[0].headers
        self.assertEqual('2.70', headers['X-OpenStack-Manila-API-Version'])
        self.assertEqual('true', headers['X-OpenStack-Manila-API-Experimental'])
        self.assertEqual('application/json', headers['Content-Type'])

    def test_option_names_with_hyphens(self) -> None:
        self.api.prepare('POST', ACTION, canned.CHECK)
        argv = [each.replace('--preserve_snapshots', '--preserve-snapshots') for each in CHECK]
        self.assertEqual(GUIDE_CHECK, self.succeeds(*argv))

    def test_new_share_network_by_name(self) -> None:
        self.api.prepare('POST', ACTION, canned.CHECK)
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': [canned.NETWORK_ROW]})
        self.succeeds(*CHECK, '--new_share_network', 'tenant-net')
        lookup, check = self.asked()
        self.assertEqual({'all_tenants': '1', 'name': 'tenant-net'}, lookup[2])
        self.assertEqual(canned.NETWORK, check[2]['migration_check']['new_share_network_id'])

    def test_new_share_network_by_id_is_not_looked_up(self) -> None:
        self.api.prepare('POST', ACTION, canned.CHECK)
        self.succeeds(*CHECK, '--new-share-network', canned.NETWORK)
        ((_method, _path, body),) = self.asked()
        self.assertEqual(canned.NETWORK, body['migration_check']['new_share_network_id'])

    def test_new_share_network_unknown(self) -> None:
        self.api.prepare('GET', '/share-networks/detail', {'share_networks': []})
        result = self.ssm(*CHECK, '--new-share-network', 'nowhere')
        self.assertEqual((1, ''), (result.code, result.out))
        self.assertEqual('There is no share network named nowhere.\n', result.err)

    def test_reasons_are_a_second_table(self) -> None:
        answer = canned.CHECK | {'compatible': False, 'reasons': [canned.NO_SPACE]}
        self.api.prepare('POST', ACTION, answer)
        out = self.succeeds(*CHECK)
        first, second = out[: len(GUIDE_CHECK)], out[len(GUIDE_CHECK) :]
        self.assertEqual(
            GUIDE_CHECK.replace('| True ', '| False'),
            first,
        )
        self.assertEqual(REASONS, second)

    def test_reasons_in_json(self) -> None:
        answer = canned.CHECK | {'compatible': False, 'reasons': [canned.NO_SPACE]}
        self.api.prepare('POST', ACTION, answer)
        self.assertEqual(answer, json.loads(self.succeeds(*CHECK, '-f', 'json')))

    def test_json_yaml_value(self) -> None:
        self.api.prepare('POST', ACTION, canned.CHECK)
        as_json = self.succeeds(*CHECK, '-f', 'json')
        self.assertEqual(canned.CHECK, json.loads(as_json))
        self.assertEqual(
            ['compatible', 'requested_capabilities', 'supported_capabilities'],
            list(json.loads(as_json)),
        )
        self.assertEqual(canned.CHECK, yaml.safe_load(self.succeeds(*CHECK, '-f', 'yaml')))
        self.assertEqual(
            "True\n{'writable': 'True', 'nondisruptive': 'False', 'preserve_snapshots': 'True', "
            "'share_network_id': None, 'host': 'stack@dummy2'}\n",
            self.succeeds(
                *CHECK, '-f', 'value', '-c', 'compatible', '-c', 'requested_capabilities'
            ),
        )

    def test_all_three_capabilities_are_asked_for(self) -> None:
        result = self.ssm(*CHECK[:-2])
        self.assertEqual(2, result.code)
        self.assertIn('--preserve-snapshots', result.err)
        self.assertEqual([], self.api.requests)


class ActionTest(base.ShellTest):
    def test_start_has_no_output(self) -> None:
        self.api.prepare('POST', ACTION, fake.Answer(status=202))
        out = self.succeeds('share-server-migration-start', *CHECK[1:])
        self.assertEqual('', out)
        self.assertEqual([('POST', ACTION, {'migration_start': REQUEST})], self.asked())

    def test_start_refused_shows_message_and_reasons(self) -> None:
        self.api.prepare(
            'POST',
            ACTION,
            fake.fault(
                409,
                'conflictingRequest',
                'The back end stack@dummy2 can not take the share server.',
                reasons=[canned.NO_SPACE],
            ),
        )
        result = self.ssm('share-server-migration-start', *CHECK[1:])
        self.assertEqual((1, ''), (result.code, result.out))
        first, *table = result.err.splitlines()
        self.assertEqual(
            'The back end stack@dummy2 can not take the share server. (HTTP 409, request req-4711)',
            first,
        )
        self.assertEqual(REASONS.splitlines(), table)

    def test_complete_table_is_the_guides(self) -> None:
        self.api.prepare('POST', ACTION, {'destination_share_server_id': canned.DESTINATION})
        out = self.succeeds('share-server-migration-complete', canned.SOURCE)
        self.assertEqual(GUIDE_COMPLETE, out)
        self.assertEqual([('POST', ACTION, {'migration_complete': None})], self.asked())

    def test_cancel_has_no_output(self) -> None:
        self.api.prepare('POST', ACTION, fake.Answer(status=202))
        self.assertEqual('', self.succeeds('share-server-migration-cancel', canned.SOURCE))
        self.assertEqual([('POST', ACTION, {'migration_cancel': None})], self.asked())

    def test_get_progress_table_is_the_guides(self) -> None:
        self.api.prepare(
            'POST',
            ACTION,
            {
                'destination_share_server_id': canned.DESTINATION,
                'task_state': 'migration_driver_in_progress',
                'total_progress': 50,
            },
        )
        out = self.succeeds('share-server-migration-get-progress', canned.SOURCE)
        self.assertEqual(GUIDE_PROGRESS, out)
        self.assertEqual([('POST', ACTION, {'migration_get_progress': None})], self.asked())

    def test_get_progress_does_not_need_the_server(self) -> None:
        """The source is gone after success, the API still answers (contract 2.7, 7.1)."""
        answer = {
            'total_progress': 100,
            'task_state': 'migration_success',
            'destination_share_server_id': canned.DESTINATION,
        }
        self.api.prepare('POST', ACTION, answer)
        out = self.succeeds('share-server-migration-get-progress', canned.SOURCE, '-f', 'json')
        self.assertEqual(answer, json.loads(out))


class RecoverTest(base.ShellTest):
    path = f'{MIGRATIONS}/{canned.MIGRATION}/action'

    def test_request(self) -> None:
        self.api.prepare('POST', self.path, fake.Answer(status=202))
        self.assertEqual('', self.succeeds('share-server-migration-recover', canned.MIGRATION))
        self.assertEqual([('POST', self.path, {'recover': None})], self.asked())

    def test_refused(self) -> None:
        self.api.prepare(
            'POST', self.path, fake.fault(409, 'conflictingRequest', 'It began to open.')
        )
        result = self.ssm('share-server-migration-recover', canned.MIGRATION)
        self.assertEqual(1, result.code)
        self.assertIn('It began to open.', result.err)


class WatchTest(base.ShellTest):
    def watch(self, *argv: str, out: io.StringIO | None = None) -> base.Result:
        return self.ssm(
            'share-server-migration-watch', canned.SOURCE, '--interval', '0', *argv, out=out
        )

    def test_until_the_first_phase_is_done(self) -> None:
        self.api.prepare(
            'GET',
            MIGRATIONS,
            canned.migration(),
            canned.migration(waiting='final pass would take 41 s, budget is 10 s'),
            canned.migration(
                state='migration_driver_phase1_done',
                total_progress=100,
                progress=canned.PROGRESS | {'seconds_left': None, 'predicted_downtime': 2.4},
            ),
        )
        result = self.watch()
        self.assertEqual((0, ''), (result.code, result.err))
        self.assertEqual(
            [
                '50 %, 5.0 GiB of 10.0 GiB, 120.0 MiB/s, round 1, 43 s left, '
                'migration_driver_in_progress',
                '50 %, 5.0 GiB of 10.0 GiB, 120.0 MiB/s, round 1, 43 s left, '
                'migration_driver_in_progress, '
                'waits: final pass would take 41 s, budget is 10 s',
                '100 %, 5.0 GiB of 10.0 GiB, 120.0 MiB/s, round 1, downtime would be 2 s, '
                'migration_driver_phase1_done',
            ],
            result.out.splitlines(),
        )
        self.assertEqual(
            ('GET', MIGRATIONS, {'source_share_server_id': canned.SOURCE}), self.asked()[0]
        )

    def test_an_unchanged_migration_is_not_repeated(self) -> None:
        done = canned.migration(state='migration_driver_phase1_done')
        self.api.prepare('GET', MIGRATIONS, *[canned.migration()] * 3, done)
        self.assertEqual(2, len(self.watch().out.splitlines()))
        self.assertEqual(4, len(self.api.requests))

    def test_later_states_end_the_wait_too(self) -> None:
        self.api.prepare('GET', MIGRATIONS, canned.migration(state='migration_success'))
        self.assertEqual(0, self.watch().code)

    def test_until_success_goes_past_the_first_phase(self) -> None:
        self.api.prepare(
            'GET',
            MIGRATIONS,
            canned.migration(state='migration_driver_phase1_done'),
            canned.migration(state='migration_completing'),
            canned.migration(state='migration_success'),
        )
        result = self.watch('--until', 'migration_success')
        self.assertEqual((0, 3), (result.code, len(result.out.splitlines())))

    def test_failures_end_with_the_reasons(self) -> None:
        for state in ('migration_error', 'migration_cancelled', 'overridden'):
            self.api.prepare(
                'GET',
                MIGRATIONS,
                canned.migration(),
                canned.migration(state=state, reasons=[canned.NO_SPACE]),
            )
            result = self.watch()
            self.assertEqual(1, result.code)
            self.assertIn(
                f'The migration {canned.MIGRATION} ended in {state}, '
                'not in migration_driver_phase1_done.\n',
                result.err,
            )
            self.assertIn('| no_space |', result.err)

    def test_a_cancel_can_be_waited_for(self) -> None:
        self.api.prepare(
            'GET',
            MIGRATIONS,
            canned.migration(state='migration_cancel_in_progress'),
            canned.migration(state='migration_cancelled'),
        )
        self.assertEqual(0, self.watch('--until', 'migration_cancelled').code)

    def test_success_is_no_cancel(self) -> None:
        self.api.prepare('GET', MIGRATIONS, canned.migration(state='migration_success'))
        result = self.watch('--until', 'migration_cancelled')
        self.assertEqual(1, result.code)
        self.assertIn('ended in migration_success, not in migration_cancelled', result.err)

    def test_no_migration(self) -> None:
        self.api.prepare('GET', MIGRATIONS, {'share_server_migrations': []})
        result = self.watch()
        self.assertEqual(1, result.code)
        self.assertEqual(f'There is no migration of share server {canned.SOURCE}.\n', result.err)

    def test_a_later_migration_of_the_server_is_not_mixed_up(self) -> None:
        failed = canned.migration(state='migration_error')['share_server_migrations'][0]
        newer = failed | {'id': 'newer', 'state': 'migration_success'}
        self.api.prepare(
            'GET', MIGRATIONS, canned.migration(), {'share_server_migrations': [newer, failed]}
        )
        result = self.watch()
        self.assertEqual(1, result.code)
        self.assertIn(f'The migration {canned.MIGRATION} ended in migration_error', result.err)

    def test_an_api_that_restarts_is_no_end(self) -> None:
        down = fake.fault(503, 'serviceUnavailable', 'The service restarts.')
        done = canned.migration(state='migration_driver_phase1_done')
        self.api.prepare('GET', MIGRATIONS, canned.migration(), down, down, done)
        result = self.watch()
        self.assertEqual((0, ''), (result.code, result.err))
        self.assertEqual(
            'The service restarts. (HTTP 503, request req-4711) Trying again.',
            result.out.splitlines()[1],
        )
        self.assertEqual(3, len(result.out.splitlines()))

    def test_an_api_that_stays_away_is_an_end(self) -> None:
        down = fake.fault(503, 'serviceUnavailable', 'The service is gone.')
        self.api.prepare('GET', MIGRATIONS, canned.migration(), down)
        self.assertEqual(1, self.watch().code)
        self.assertEqual(2 + share_server_migrations.PATIENCE, len(self.api.requests))

    def test_a_refusal_is_an_end_at_once(self) -> None:
        self.api.prepare('GET', MIGRATIONS, fake.fault(403, 'forbidden', 'Not yours.'))
        self.assertEqual(1, self.watch().code)
        self.assertEqual(1, len(self.api.requests))

    def test_bar_on_a_terminal(self) -> None:
        self.set_env('COLUMNS', '160')
        done = canned.migration(state='migration_driver_phase1_done', total_progress=100)
        self.api.prepare('GET', MIGRATIONS, canned.migration(), canned.migration(), done)
        result = self.watch(out=Terminal())
        self.assertEqual(0, result.code)
        first, second, last = result.out.split('\r\x1b[K')[1:]
        bar = '[' + '#' * 26 + '.' * 27 + '] 50 %, 5.0 GiB of 10.0 GiB, 120.0 MiB/s, round 1, '
        self.assertTrue(first.startswith(bar), first)
        self.assertTrue(second.endswith('migration_driver_in_progress\n'), second)
        self.assertTrue(last.startswith('[' + '#' * 53 + '] 100 %'), last)
        self.assertTrue(last.endswith('\n'), last)
        self.assertEqual(1, result.out.count('\n') - first.count('\n') - last.count('\n'))

    def test_bar_fits_the_terminal(self) -> None:
        self.set_env('COLUMNS', '40')
        waiting = canned.migration(
            state='migration_driver_phase1_done', waiting='a long sentence ' * 5
        )
        self.api.prepare('GET', MIGRATIONS, waiting)
        out = self.watch(out=Terminal()).out
        self.assertEqual(39, len(out.removeprefix('\r\x1b[K').rstrip('\n')))

    def test_interrupted(self) -> None:
        self.api.prepare('GET', MIGRATIONS, canned.migration())
        with mock.patch('time.sleep', side_effect=KeyboardInterrupt):
            self.assertEqual(130, self.watch().code)


class HistoryTest(base.ShellTest):
    def test_list(self) -> None:
        self.api.prepare('GET', MIGRATIONS, canned.migration())
        out = self.succeeds('share-server-migration-list', '-f', 'json')
        self.assertEqual(
            [
                {
                    'Id': canned.MIGRATION,
                    'Source': canned.SOURCE,
                    'Source Host': 'stack@dummy1',
                    'Destination Host': 'stack@dummy2',
                    'State': 'migration_driver_in_progress',
                    'Progress': 50,
                    'Created At': '2025-11-25T07:30:00.000000',
                    'Finished At': None,
                }
            ],
            json.loads(out),
        )
        self.assertEqual([('GET', MIGRATIONS, None)], self.asked())

    def test_list_filters(self) -> None:
        self.api.prepare('GET', MIGRATIONS, {'share_server_migrations': []})
        query = {
            'source_share_server_id': canned.SOURCE,
            'destination_share_server_id': canned.DESTINATION,
            'source_host': 'stack@dummy1',
            'destination_host': 'stack@dummy2',
            'state': 'migration_error',
        }
        options = [part for key, value in query.items() for part in (f'--{key}', value)]
        self.succeeds('share-server-migration-list', *options)
        self.assertEqual([('GET', MIGRATIONS, query)], self.asked())

    def show(self, *argv: str, **changes: object) -> str:
        self.api.prepare(
            'GET',
            f'{MIGRATIONS}/{canned.MIGRATION}',
            {'share_server_migration': canned.MIGRATION_ROW | changes},
        )
        return self.succeeds('share-server-migration-show', canned.MIGRATION, *argv)

    def test_show_is_readable(self) -> None:
        out = self.show(reasons=[canned.NO_SPACE])
        properties, steps, reasons = out.replace('+\n+', '+\n\n+').split('\n\n')
        self.assertIn('5.0 GiB of 10.0 GiB, 120.0 MiB/s, round 1, 43 s left', properties)
        self.assertIn(f'| {canned.INSTANCE}: 5.0 GiB of 10.0 GiB ', properties)
        self.assertNotIn("'steps'", properties)
        self.assertIn('| copy         | 2 ', steps)
        self.assertIn('The driver is busy.', steps)
        self.assertIn('| no_space |', reasons)

    def test_show_without_reasons_has_no_empty_table(self) -> None:
        self.assertNotIn('Severity', self.show())

    def test_show_in_json_is_what_the_api_says(self) -> None:
        self.assertEqual(canned.MIGRATION_ROW, json.loads(self.show('-f', 'json')))
