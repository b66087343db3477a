# SPDX-License-Identifier: Apache-2.0

"""``ssm-manage``: what an operator does by hand, to the database and to pools of this node."""

from oslo_config import cfg
from oslo_log import log

from ssm import conf
from ssm.cmd import linux_pool


def main() -> None:
    """Run the command named on the command line."""
    conf.CONF.register_cli_opt(
        cfg.SubCommandOpt('category', title='commands', handler=_add_commands)
    )
    log.register_options(conf.CONF)
    # What a command prints is for scripts: no log among it.
    conf.CONF.set_default('use_stderr', True)
    conf.load(None)
    conf.CONF.category.run()


def _add_commands(subparsers: object) -> None:
    database = subparsers.add_parser('db', help='the schema of the database')  # type: ignore[attr-defined]
    commands = database.add_subparsers(required=True, metavar='{sync,version}')
    sync = commands.add_parser('sync', help='bring the schema to a revision')
    sync.add_argument('revision', nargs='?', default='head', help='default: the newest')
    sync.set_defaults(run=_sync)
    version = commands.add_parser('version', help='print the revision the database is at')
    version.set_defaults(run=_version)
    linux_pool.add_commands(subparsers)


def _sync() -> None:
    from ssm.db import schema

    schema.sync(conf.CONF.category.revision)


def _version() -> None:
    from ssm.db import schema

    print(schema.version() or 'no schema')
