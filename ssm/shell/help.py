# SPDX-License-Identifier: Apache-2.0

"""The help: all commands at a glance, or one in detail."""

import argparse

from cliff import help as cliff_help

from ssm.shell import base


class Help(base.Command, cliff_help.HelpCommand):
    """Show the options and commands, or what one command does."""

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print it."""
        if parsed_args.cmd:
            return super().take_action(parsed_args)
        commands = dict(self.app.command_manager)
        width = max(len(name) for name in commands)
        out = self.app.stdout
        self.app.parser.print_help(out)
        out.write('\nCommands:\n')
        for name, entry_point in commands.items():
            summary = entry_point.load()(self.app, None).get_description().split('\n')[0]
            out.write(f'  {name:{width}}  {summary}\n')
        return 0
