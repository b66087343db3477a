# SPDX-License-Identifier: Apache-2.0

"""Commands, options and states that the documentation names exist; the diagram has all states."""

from __future__ import annotations

import importlib
import pathlib
import re
import sys
from collections.abc import Iterator
from xml.etree import ElementTree

import fixtures

from ssm import conf
from ssm.api import routes
from ssm.drivers.dummy import DummyDriver
from ssm.drivers.linux.driver import LinuxDriver
from ssm.migration import capabilities, states
from ssm.shell import commands
from ssm.tests import base

TOP = pathlib.Path(__file__).parents[3]
PAGES = [*sorted((TOP / 'doc' / 'source').rglob('*.rst')), TOP / 'README.rst']

_COMMAND = re.compile(r'\bssm ((?:[a-z]+-)+[a-z]+|create|list|show|delete)\b(?!-)')
_NAME = re.compile(
    r'``((?:migration|server_migration|linux|osapi|standalone_network|dummy_driver|max|unused|'
    r'automatic|migrated|delete_share_server)_\w+)``'
)


def found(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """What a pattern finds on all pages, with the page."""
    for page in PAGES:
        for name in pattern.findall(page.read_text()):
            yield name, str(page.relative_to(TOP))


def options() -> set[str]:
    """The names of all options there are."""
    groups = [group_options for _group, group_options in conf.list_opts()]
    groups += [DummyDriver.options, LinuxDriver.options]
    return {option.dest for group in groups for option in group}


class DocsNamesTest(base.TestCase):
    def test_commands_exist(self) -> None:
        unknown = {(name, page) for name, page in found(_COMMAND) if name not in commands.COMMANDS}
        self.assertEqual(set(), unknown)

    def test_options_and_states_exist(self) -> None:
        known = options() | set(states.State) | set(capabilities.SHOWN)
        known |= {route.action for route in routes.ROUTES if route.action}
        unknown = {
            (name, page)
            for name, page in found(_NAME)
            if name not in known and not page.endswith('findings.rst')
        }
        self.assertEqual(set(), unknown)

    def test_options_of_migrations_are_explained(self) -> None:
        page = (TOP / 'doc' / 'source' / 'admin' / 'configuration.rst').read_text()
        missing = [option.dest for option in conf.migration.OPTS if option.dest not in page]
        self.assertEqual([], missing)

    def test_diagram_has_every_state_and_event(self) -> None:
        self.useFixture(fixtures.MonkeyPatch('sys.path', [str(TOP / 'doc' / 'ext'), *sys.path]))
        root = ElementTree.fromstring(importlib.import_module('state_diagram').svg())
        texts = [element.text for element in root.iter() if element.tag.endswith('text')]
        for name in (*states.State, *states.Event):
            self.assertEqual(1, texts.count(name), name)
