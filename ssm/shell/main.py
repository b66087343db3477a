# SPDX-License-Identifier: Apache-2.0

"""The program: global options, the command's way from argv to exit code.

Exit codes: 0 done; 1 refused, failed or not reached, with the reason on stderr; 2 wrong usage;
130 interrupted.
"""

import argparse
import functools
import importlib.metadata
import logging
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cliff import app, commandmanager

from ssm.shell import commands, output

if TYPE_CHECKING:
    from ssm.shell.client import Client

OPTIONS: tuple[tuple[str, str, str], ...] = (
    ('--os-cloud', '<name>', 'Entry of clouds.yaml to use.'),
    ('--os-auth-type', '<type>', 'How to authenticate; "none" works without Identity service.'),
    ('--os-auth-url', '<url>', 'URL of the Identity service.'),
    ('--os-endpoint', '<url>', 'URL of the Shared File Systems API, instead of the catalogue.'),
    ('--os-token', '<token>', 'Token, with --os-auth-type token.'),
    ('--os-username', '<name>', 'Name of the user.'),
    ('--os-user-id', '<id>', 'Id of the user.'),
    ('--os-password', '<password>', 'Password of the user.'),
    ('--os-user-domain-name', '<name>', 'Domain of the user, by name.'),
    ('--os-user-domain-id', '<id>', 'Domain of the user, by id.'),
    ('--os-project-name', '<name>', 'Project, by name.'),
    ('--os-project-id', '<id>', 'Project, by id.'),
    ('--os-project-domain-name', '<name>', 'Domain of the project, by name.'),
    ('--os-project-domain-id', '<id>', 'Domain of the project, by id.'),
    ('--os-region-name', '<name>', 'Region, if the catalogue has several.'),
    ('--os-interface', '<name>', 'Interface of the endpoint: public, internal or admin.'),
    ('--os-cacert', '<file>', 'Certificates of authorities to trust.'),
    ('--os-cert', '<file>', 'Certificate of the client.'),
    ('--os-key', '<file>', 'Key of that certificate.'),
    ('--os-share-api-version', '<x.y>', f'Microversion, default {commands.API_VERSION}.'),
)
"""Options that have a variable of the same name: ``--os-auth-url`` is ``OS_AUTH_URL``."""


class Shell(app.App):
    """The application; knows the options and makes the connection when a command asks for it."""

    NAME = 'ssm'
    # The standard library's: cliff prints errors by it, and oslo.log would slow down each start.
    LOG = logging.getLogger('ssm.shell')

    def __init__(self) -> None:
        super().__init__(
            description="Share server migration: the operator's shell.",
            version=importlib.metadata.version('ssm'),
            command_manager=commandmanager.CommandManager(),
            deferred_help=True,
        )
        # cliff's interface for commands that are imported when they run is the entry point.
        for name, target in commands.COMMANDS.items():
            self.command_manager.commands[name] = importlib.metadata.EntryPoint(
                name=name, value=f'ssm.shell.{target}', group='ssm.shell'
            )
        self._console = logging.StreamHandler(self.stderr)

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, Any] | None = None,
    ) -> argparse.ArgumentParser:
        """The parser of the options that all commands have."""
        settings = {'prog': self.NAME, **(argparse_kwargs or {})}
        parser = super().build_option_parser(description, version, settings)
        parser.add_argument(
            '-f',
            '--format',
            dest='output_format',
            choices=sorted(output.FORMATS),
            help='Format of the output, default table.',
        )
        parser.add_argument(
            '--timeout',
            type=float,
            metavar='<seconds>',
            help='How long to wait for an answer, default 180.',
        )
        parser.add_argument(
            '--insecure', action='store_true', help='Do not verify certificates of servers.'
        )
        for name, metavar, text in OPTIONS:
            variable = name[2:].replace('-', '_').upper()
            parser.add_argument(name, metavar=metavar, help=f'{text} Env: {variable}')
        return parser

    def configure_logging(self) -> None:
        """Errors to stderr; with --debug all requests as well."""
        verbose = self.options.debug or self.options.verbose_level > 1
        root = logging.getLogger()
        root.setLevel(logging.DEBUG if verbose else logging.WARNING)
        root.addHandler(self._console)

    def close(self) -> None:
        """Undo :meth:`configure_logging`."""
        logging.getLogger().removeHandler(self._console)

    @functools.cached_property
    def client(self) -> 'Client':
        """The connection to the API."""
        from ssm.shell import auth  # brings requests and keystoneauth1: not for --help

        return auth.connect(self.options)

    def print_help_if_requested(self) -> None:
        """``ssm --help``: exits with 0."""
        if self.options.deferred_help:
            raise SystemExit(self.run_subcommand(['help']))

    def interact(self) -> None:
        """Without a command: the help instead of cliff's interpreter."""
        self.run_subcommand(['help'])


def hyphenated(argv: Sequence[str]) -> list[str]:
    """The arguments with hyphens in option names, so that ``--new_share_network`` is known too."""
    return [
        re.sub(r'^--[a-z_-]+', lambda name: name[0].replace('_', '-'), argument)
        for argument in argv
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    :param argv: without the program's name; None is that of the process
    :returns: the exit code; wrong usage raises SystemExit as argparse does
    """
    shell = Shell()
    try:
        return shell.run(hyphenated(sys.argv[1:] if argv is None else argv))
    finally:
        shell.close()


if __name__ == '__main__':
    sys.exit(main())
