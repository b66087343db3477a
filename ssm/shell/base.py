# SPDX-License-Identifier: Apache-2.0

"""What commands are made of: arguments and columns as data, requests to the API."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import stevedore
from cliff import command, lister, show

from ssm.shell import errors, output, resources

if TYPE_CHECKING:
    from ssm.shell.client import Client
    from ssm.shell.main import Shell


class Argument(NamedTuple):
    """The arguments of one ``add_argument`` call."""

    names: tuple[str, ...]
    settings: dict[str, Any]


class Filter(NamedTuple):
    """An option of a list command that goes into the query.

    :param option: as on the command line
    :param key: of the query
    :param kind: set if the option names a resource by name or id, the query wants its id
    """

    option: str
    key: str
    help: str
    kind: resources.Kind | None = None

    def argument(self) -> Argument:
        """The option that the filter is given by."""
        return arg(self.option, dest=self.key, metavar=f'<{self.option[2:]}>', help=self.help)


def arg(*names: str, **settings: Any) -> Argument:
    """An argument of a command, as argparse takes it."""
    return Argument(names, settings)


def boolean(text: str) -> bool:
    """A value the API takes as a boolean (rest-api 1.12)."""
    word = text.strip().lower()
    if word in ('1', 't', 'true', 'on', 'y', 'yes'):
        return True
    if word in ('0', 'f', 'false', 'off', 'n', 'no'):
        return False
    raise argparse.ArgumentTypeError(f'{text} is neither True nor False')


def pair(text: str) -> tuple[str, str]:
    """``key=value``, split."""
    key, equals, value = text.partition('=')
    if not (key and equals):
        raise argparse.ArgumentTypeError(f'{text} is not of the form key=value')
    return key, value


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: what was not named is not sent."""
    return {key: value for key, value in fields.items() if value is not None}


ALL_PROJECTS = arg(
    '--all-projects',
    '--all-tenants',
    dest='all_tenants',
    action='store_const',
    const='1',
    help='Those of all projects (administrators).',
)
WAIT = arg('--wait', action='store_true', help='Return only when it is done, or has failed.')


class Command(command.Command):
    """A command that prints nothing, or prints by itself."""

    app: 'Shell'
    arguments: ClassVar[Sequence[Argument]] = ()

    # Without a parameter cmd_name cliff looks for no plug-ins of the command.
    def __init__(self, app: 'Shell', app_args: argparse.Namespace | None) -> None:
        super().__init__(app, app_args)

    def get_epilog(self) -> str:
        """Nothing; cliff would read the metadata of all installed packages."""
        return ''

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A parser with the arguments of the class."""
        parser = super().get_parser(prog_name)
        for argument in self.arguments:
            parser.add_argument(*argument.names, **argument.settings)
        return parser

    @property
    def client(self) -> 'Client':
        """The connection to the API, made when it is first used."""
        return self.app.client

    def find_id(self, kind: resources.Kind, name_or_id: str | None) -> str | None:
        """The id of a resource given by name or id; None stays None."""
        return name_or_id and resources.find_id(self.client, kind, name_or_id)


class _Display(Command):
    """A command that prints in the format asked for."""

    @property
    def formatter_default(self) -> str:
        return self.app.options.output_format or 'table'

    def _load_formatter_plugins(self) -> stevedore.ExtensionManager:
        return output.formatters()


class Show(_Display, show.ShowOne):
    """A command that prints one object; its :meth:`item` is what is printed."""

    def item(self, parsed_args: argparse.Namespace) -> output.Item:
        """Do it, and return the object to print."""
        raise NotImplementedError

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        item = self.item(parsed_args)
        return tuple(item), tuple(item.values())


class List(_Display, lister.Lister):
    """A command that prints a list the API answers.

    :cvar path: of the list
    :cvar key: of the list in the answer
    """

    path: ClassVar[str]
    key: ClassVar[str]
    columns: ClassVar[Sequence[output.Column]]
    filters: ClassVar[Sequence[Filter]] = ()

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A parser with an option for each filter."""
        parser = super().get_parser(prog_name)
        for argument in (filter_.argument() for filter_ in self.filters):
            parser.add_argument(*argument.names, **argument.settings)
        return parser

    def query(self, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """What is asked for; values that are None are not sent."""
        query = {}
        for filter_ in self.filters:
            value = getattr(parsed_args, filter_.key) or None
            query[filter_.key] = self.find_id(filter_.kind, value) if filter_.kind else value
        return query

    def items(self, parsed_args: argparse.Namespace) -> Sequence[output.Item]:
        """The items of the list, from the API."""
        return self.client.get(self.path, self.key, **self.query(parsed_args))

    def shown(self, parsed_args: argparse.Namespace) -> Sequence[output.Column]:
        """The columns to print."""
        return self.columns

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], list[Any]]:
        columns = self.shown(parsed_args)
        headings = [heading for heading, _source in columns]
        return headings, output.rows(columns, self.items(parsed_args))


class Delete(Command):
    """A command that deletes one or several resources of a kind.

    A resource that can't be deleted is reported and does not keep the others.

    :cvar verb: what is done to them
    """

    kind: ClassVar[resources.Kind]
    verb: ClassVar[str] = 'delete'

    def remove(self, resource_id: str, parsed_args: argparse.Namespace) -> None:
        """Send the request for one of them."""
        self.client.delete(f'{self.kind.path}/{resource_id}')

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """A parser for the resources and ``--wait``, and what else the class has."""
        parser = super().get_parser(prog_name)
        noun = self.kind.noun
        what = f'{noun} to {self.verb}' + (', by name or id' if self.kind.list_path else ', by id')
        parser.add_argument(
            'resources', nargs='+', metavar=f'<{noun.replace(" ", "-")}>', help=f'A {what}.'
        )
        parser.add_argument(*WAIT.names, **WAIT.settings)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """0 if it was done to all (with ``--wait``: they are gone), 1 otherwise."""
        befores = []
        for name_or_id in parsed_args.resources:
            with self._report(name_or_id):
                befores.append(self._remove(name_or_id, parsed_args))
        gone = 0
        for before in befores:
            with self._report(before['id']):
                if parsed_args.wait:
                    resources.wait_gone(self.client, self.kind, before)
                gone += 1
        return int(gone < len(parsed_args.resources))

    @contextlib.contextmanager
    def _report(self, name: str) -> Iterator[None]:
        """An error in here is printed, and the next resource is gone on with."""
        try:
            yield
        except errors.ShellError as error:
            self.app.LOG.error('%s: %s', name, error)

    def _remove(self, name_or_id: str, parsed_args: argparse.Namespace) -> dict[str, Any]:
        """Begin, and return the resource as it was (without ``wait`` only its id)."""
        resource_id = resources.find_id(self.client, self.kind, name_or_id)
        before: dict[str, Any] = {'id': resource_id}
        if parsed_args.wait:
            before = resources.fetch(self.client, self.kind, resource_id)
        self.remove(resource_id, parsed_args)
        return before
