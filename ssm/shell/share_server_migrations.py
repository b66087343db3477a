# SPDX-License-Identifier: Apache-2.0

"""Commands about the migration of share servers (user guide, contract sections 2 and 7)."""

import argparse
import shutil
import time
from collections.abc import Iterator
from typing import Any, TextIO

from cliff import columns as cliff_columns

from ssm.shell import base, errors, output, resources, watch
from ssm.shell.share_servers import SERVER

_PATH = '/share-server-migrations'

PATIENCE = 10
"""How many failed looks in a row the watch forgives: an API that restarts is no end."""

_CAPABILITIES = (
    'writable',
    'nondisruptive',
    'preserve_snapshots',
    'share_network_id',
    'host',
    'migration_cancel',
    'migration_get_progress',
)
"""Order of the keys in the user guide's transcript."""

# The values are sent as typed, because check repeats them raw (contract 2.4).
_REQUEST = (
    SERVER,
    base.arg('host', metavar='<host@backend>', help='Back end to migrate to.'),
    base.arg(
        '--nondisruptive',
        required=True,
        metavar='<True|False>',
        help='Whether clients have to stay connected.',
    ),
    base.arg(
        '--writable',
        required=True,
        metavar='<True|False>',
        help='Whether shares have to stay writable during the first phase.',
    ),
    base.arg(
        '--preserve-snapshots',
        required=True,
        metavar='<True|False>',
        help='Whether snapshots have to be migrated too.',
    ),
    base.arg(
        '--new-share-network',
        metavar='<share-network>',
        help='Share network for the new share server, by name or id; without it, the same one.',
    ),
)


class _Action(base.Command):
    """An action of a share server."""

    def request(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """The value of ``migration_check`` and ``migration_start``."""
        network_id = self.find_id(resources.SHARE_NETWORK, parsed_args.new_share_network)
        return {
            'host': parsed_args.host,
            'writable': parsed_args.writable,
            'nondisruptive': parsed_args.nondisruptive,
            'preserve_snapshots': parsed_args.preserve_snapshots,
            'new_share_network_id': network_id,
        }

    def act(self, parsed_args: argparse.Namespace, name: str, value: Any = None) -> Any:
        """Send the action without asking for the server first: it may be gone by now."""
        return self.client.action(f'/share-servers/{parsed_args.server}', name, value)


class Check(_Action, base.Show):
    """Ask a back end whether a share server could be migrated to it, and why not."""

    arguments = _REQUEST

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        answer = self.act(parsed_args, 'migration_check', self.request(parsed_args))
        shown = output.ordered(
            answer, ('compatible', 'requested_capabilities', 'supported_capabilities')
        )
        for key in ('requested_capabilities', 'supported_capabilities'):
            shown[key] = output.ordered(shown[key], _CAPABILITIES)
        return shown


class Start(_Action):
    """Start the first phase of a migration: the copy of all data."""

    arguments = _REQUEST

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.act(parsed_args, 'migration_start', self.request(parsed_args))


class Complete(_Action, base.Show):
    """Start the second phase of a migration: the cut-over to the new share server."""

    arguments = (SERVER,)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        return self.act(parsed_args, 'migration_complete')


class Cancel(_Action):
    """Cancel a migration that is in its first phase."""

    arguments = (SERVER,)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.act(parsed_args, 'migration_cancel')


class GetProgress(_Action, base.Show):
    """Show how far a migration is."""

    arguments = (SERVER,)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        progress = self.act(parsed_args, 'migration_get_progress')
        return output.ordered(
            progress, ('total_progress', 'task_state', 'destination_share_server_id')
        )


class List(base.List):
    """List migrations of share servers, finished ones too, newest first."""

    path = _PATH
    key = 'share_server_migrations'
    columns = (
        ('Id', 'id'),
        ('Source', 'source_share_server_id'),
        ('Source Host', 'source_host'),
        ('Destination Host', 'destination_host'),
        ('State', 'state'),
        ('Progress', 'total_progress'),
        ('Created At', 'created_at'),
        ('Finished At', 'finished_at'),
    )
    filters = (
        base.Filter(
            '--source-share-server-id',
            'source_share_server_id',
            'Only those of this share server.',
        ),
        base.Filter(
            '--destination-share-server-id',
            'destination_share_server_id',
            'Only those that made this share server.',
        ),
        base.Filter('--source-host', 'source_host', 'Only those away from this back end.'),
        base.Filter('--destination-host', 'destination_host', 'Only those to this back end.'),
        base.Filter('--state', 'state', 'Only those in this state.'),
    )


class _Progress(cliff_columns.FormattableColumn[output.Item]):
    """The progress object: amounts on a line, then what each share has."""

    def human_readable(self) -> str:
        shares = self._value.get('shares') or {}
        rest = {
            key: self._value[key]
            for key in ('dirty_bytes', 'predicted_downtime')
            if self._value.get(key) is not None
        }
        return '\n'.join(
            [
                ', '.join(watch.amounts(self._value)),
                *(f'{key} = {value}' for key, value in rest.items()),
                *(f'{instance}: {_words(share)}' for instance, share in sorted(shares.items())),
            ]
        ).strip()


def _words(share: output.Item) -> str:
    rest = {key: value for key, value in share.items() if key not in watch.AMOUNTS}
    return ', '.join([*watch.amounts(share), *(f'{key} = {value}' for key, value in rest.items())])


_MIGRATION = base.arg('migration', metavar='<migration>', help='Id of the migration.')


class Show(base.Show):
    """Show a migration: request, progress, steps, and the reasons of its state."""

    arguments = (_MIGRATION,)

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        migration = self.client.get(f'{_PATH}/{parsed_args.migration}', 'share_server_migration')
        return migration | {'progress': _Progress(migration.get('progress') or {})}


class Recover(base.Command):
    """Make the source of a cut-over that failed and was undone active again, with its shares."""

    arguments = (_MIGRATION,)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.action(f'{_PATH}/{parsed_args.migration}', 'recover')


class Watch(base.Command):
    """Follow a migration until a state is reached; exit code 1 if it ends in another one."""

    arguments = (
        SERVER,
        base.arg(
            '--interval',
            type=float,
            default=2.0,
            metavar='<seconds>',
            help='Pause between two looks, default 2.',
        ),
        base.arg(
            '--until',
            choices=watch.STATES,
            default=watch.PHASE1_DONE,
            metavar='<state>',
            help=f'State to wait for, default {watch.PHASE1_DONE}; later ones end the wait too.',
        ),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        screen = _Screen(self.app.stdout)
        try:
            for migration in self._looks(parsed_args.server, parsed_args.interval, screen):
                screen.show(migration)
                state = migration['state']
                if watch.reached(state, parsed_args.until):
                    return
                if watch.ended(state):
                    raise errors.ShellError(
                        f'The migration {migration["id"]} ended in {state}, '
                        f'not in {parsed_args.until}.',
                        migration.get('reasons') or (),
                    )
        finally:
            screen.close()

    def _looks(self, server: str, interval: float, screen: '_Screen') -> Iterator[watch.Migration]:
        """The newest migration of the server as it was when the watch began, again and again."""
        watched, failures = None, 0
        while True:
            try:
                migration = self._look(server, watched)
            except (errors.ApiError, errors.Unreachable) as error:
                failures += 1
                if getattr(error, 'status', 500) < 500 or failures > PATIENCE:
                    raise
                screen.note(f'{error.message} Trying again.')
            else:
                watched, failures = migration['id'], 0
                yield migration
            time.sleep(interval)

    def _look(self, server: str, migration_id: str | None) -> watch.Migration:
        migrations = self.client.get(
            _PATH, 'share_server_migrations', source_share_server_id=server
        )
        for migration in migrations:
            if migration_id in (None, migration['id']):
                return migration
        raise errors.ShellError(f'There is no migration of share server {server}.')


class _Screen:
    """A bar that is drawn again on a terminal, otherwise a line for each change."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._last = ''
        self._state: str | None = None

    def show(self, migration: watch.Migration) -> None:
        """Draw the migration; a new state begins a new line."""
        if not self._live:
            self._print(watch.line(migration))
            return
        if self._state not in (None, migration['state']):
            self._stream.write('\n')
        self._state = migration['state']
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f'\r\033[K{watch.bar(migration, width)}')
        self._stream.flush()

    def note(self, text: str) -> None:
        """A line beside the progress."""
        self.close()
        self._print(text)

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._live and self._state is not None:
            self._stream.write('\n')
            self._state = None

    def _print(self, text: str) -> None:
        if text != self._last:
            self._stream.write(f'{text}\n')
            self._stream.flush()
            self._last = text
