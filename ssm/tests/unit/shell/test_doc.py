# SPDX-License-Identifier: Apache-2.0

"""Each example of the documentation is run, and prints what stands there."""

import pathlib
import re
import shlex
import textwrap
from collections.abc import Iterator
from unittest import mock

from ssm.shell import commands
from ssm.tests.unit.shell import base, canned, fake

PAGE = pathlib.Path(__file__).parents[4] / 'doc' / 'source' / 'cli' / 'index.rst'

ACCEPTED = fake.Answer(status=202)
GONE = fake.fault(404, 'itemNotFound', 'Gone.')
SERVER = f'/share-servers/{canned.SOURCE}'
FULL = 'The back end stack@full can not take the share server.'

ANSWERS = {
    ('GET', '/share-servers'): [
        {
            'share_servers': [
                canned.SERVER
                | {
                    'id': canned.DESTINATION,
                    'host': 'stack@dummy2',
                    'status': 'server_migrating_to',
                    'source_share_server_id': canned.SOURCE,
                }
            ]
        }
    ],
    ('GET', SERVER): [
        {'share_server': canned.SERVER | {'backend_details': {'service_ip': '10.0.0.10'}}}
    ],
    ('GET', f'/share-servers/{canned.DESTINATION}'): [
        {'share_server': canned.SERVER | {'id': canned.DESTINATION, 'status': 'error'}},
        GONE,
    ],
    ('DELETE', f'/share-servers/{canned.DESTINATION}'): [ACCEPTED],
    ('POST', '/share-servers/manage'): [
        {
            'share_server': canned.SERVER
            | {
                'status': 'manage_starting',
                'task_state': None,
                'identifier': 'svm_7',
                'is_auto_deletable': False,
            }
        }
    ],
    ('GET', f'/share-server-migrations/{canned.MIGRATION}'): [
        {'share_server_migration': canned.MIGRATION_ROW}
    ],
    ('POST', f'/share-server-migrations/{canned.MIGRATION}/action'): [ACCEPTED],
    ('GET', '/share-networks/detail'): [{'share_networks': [canned.NETWORK_ROW]}],
    ('POST', '/share-networks'): [{'share_network': canned.NETWORK_ROW}],
    ('GET', f'/share-networks/{canned.NETWORK}'): [{'share_network': canned.NETWORK_ROW}],
    ('DELETE', f'/share-networks/{canned.NETWORK}'): [ACCEPTED],
    ('POST', f'/share-networks/{canned.NETWORK}/subnets'): [
        {
            'share_network_subnet': canned.NETWORK_ROW['share_network_subnets'][0]
            | {'availability_zone': 'nova'}
        }
    ],
    ('DELETE', f'/share-networks/{canned.NETWORK}/subnets/{canned.SUBNET}'): [ACCEPTED],
    ('POST', '/types'): [{'share_type': canned.TYPE_ROW}],
    ('GET', '/types'): [{'share_types': [canned.TYPE_ROW]}],
    ('POST', f'/types/{canned.SHARE_TYPE}/extra_specs'): [{'extra_specs': {}}],
    ('DELETE', f'/types/{canned.SHARE_TYPE}/extra_specs/availability_zones'): [ACCEPTED],
    ('DELETE', f'/types/{canned.SHARE_TYPE}'): [ACCEPTED],
    ('POST', '/shares'): [{'share': canned.SHARE_ROW | {'status': 'creating'}}],
    ('GET', '/shares/detail'): [{'shares': [canned.SHARE_ROW]}],
    ('DELETE', f'/shares/{canned.SHARE}'): [ACCEPTED],
    ('GET', f'/shares/{canned.SHARE}/export_locations'): [{'export_locations': canned.LOCATIONS}],
    ('GET', '/share-access-rules'): [{'access_list': [canned.RULE_ROW]}],
    ('GET', f'/share-access-rules/{canned.RULE}'): [{'access': canned.RULE_ROW}],
    ('POST', f'/shares/{canned.SHARE}/action'): [{'access': canned.RULE_ROW}],
    ('POST', '/snapshots'): [{'snapshot': canned.SNAPSHOT_ROW}],
    ('GET', '/snapshots/detail'): [{'snapshots': [canned.SNAPSHOT_ROW]}],
    ('DELETE', f'/snapshots/{canned.SNAPSHOT}'): [ACCEPTED],
    ('GET', '/services'): [{'services': [canned.SERVICE_ROW]}],
    ('GET', '/scheduler-stats/pools/detail'): [{'pools': [canned.POOL_ROW]}],
    ('GET', '/availability-zones'): [{'availability_zones': [canned.ZONE_ROW]}],
}


def examples() -> Iterator[tuple[str, str]]:
    """Command lines of the page and what stands below each."""
    for block in re.findall(r'code-block:: console\n\n((?: +.*\n|\n)+)', PAGE.read_text()):
        for example in re.split(r'^\$ ', textwrap.dedent(block).strip('\n'), flags=re.MULTILINE):
            if example:
                line, _newline, printed = example.partition('\n')
                yield line, printed.rstrip('\n')


class DocTest(base.ShellTest):
    def prepare(self, argv: list[str]) -> None:
        """The answers of the cloud, those that differ by command as this one needs them."""
        for (method, path), answers in ANSWERS.items():
            self.api.prepare(method, path, *answers)
        gone = [GONE] if 'delete' in argv[0] else []
        share, snapshot = {'share': canned.SHARE_ROW}, {'snapshot': canned.SNAPSHOT_ROW}
        self.api.prepare('GET', f'/shares/{canned.SHARE}', share, *gone)
        self.api.prepare('GET', f'/snapshots/{canned.SNAPSHOT}', snapshot, *gone)
        done = canned.migration(
            state='migration_driver_phase1_done',
            total_progress=100,
            progress=canned.PROGRESS
            | {'bytes_done': 10 * 1024**3, 'seconds_left': None, 'predicted_downtime': 2.4},
        )
        running = canned.migration()
        self.api.prepare('GET', '/share-server-migrations', running)
        if argv[0].endswith('watch'):
            waiting = canned.migration(waiting='the driver is busy')
            self.api.prepare('GET', '/share-server-migrations', running, waiting, done)
        self.api.prepare('POST', f'{SERVER}/action', self.action(argv))

    def action(self, argv: list[str]) -> object:
        """The answer to an action of the share server."""
        full = 'stack@full' in argv
        if argv[0].endswith('check') and full:
            requested = canned.CHECK['requested_capabilities'] | {'host': 'stack@full'}
            return canned.CHECK | {
                'compatible': False,
                'requested_capabilities': requested,
                'reasons': [canned.NO_SPACE],
            }
        if argv[0].endswith('check'):
            return canned.CHECK
        if full:
            return fake.fault(409, 'conflictingRequest', FULL, reasons=[canned.NO_SPACE])
        answers = {
            'share-server-migration-complete': {'destination_share_server_id': canned.DESTINATION},
            'share-server-migration-get-progress': {
                'total_progress': 50,
                'task_state': 'migration_driver_in_progress',
                'destination_share_server_id': canned.DESTINATION,
            },
        }
        return answers.get(argv[0], ACCEPTED)

    def test_examples_are_real(self) -> None:
        for line, printed in examples():
            program, *argv = shlex.split(line)
            self.assertEqual('ssm', program)
            self.prepare(argv)
            with mock.patch('time.sleep'):
                result = self.ssm(*argv)
            self.assertEqual(printed, (result.out + result.err).rstrip('\n'), line)

    def test_every_command_has_an_example(self) -> None:
        shown = {commands.COMMANDS[line.split()[1]] for line, _printed in examples()}
        self.assertEqual(set(commands.COMMANDS.values()) - {'help:Help'}, shown)
