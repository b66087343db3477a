# SPDX-License-Identifier: Apache-2.0

"""Directives that put the tables of a migration into the documentation as the code has them.

``migration-diagram``, ``migration-states``, ``migration-transitions`` and ``migration-steps`` are
made from :mod:`ssm.migration.states`, ``blocked-requests`` from the route table of the API,
``package-modules`` from the first sentences of the modules of a package.
"""

from __future__ import annotations

import ast
import importlib.util
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import state_diagram
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from ssm.api import routes
from ssm.migration import states
from ssm.migration.states import BACKWARD, FORWARD, PAST_NO_RETURN, Actor, Event, State, Step

_REFERENCES = re.compile(
    r',?\s*\((?:guide, )?(?:S\d+|decisions? \d|rules? \d|contract|rest-api)[^)]*\)'
)
"""Numbers of texts the code was written by; they help nobody who runs it."""

_BACK = (BACKWARD, PAST_NO_RETURN)
_ATTRIBUTES = ModuleAnalyzer.for_module(states.__name__).find_attr_docs()


def documented(member: State | Step) -> str:
    """The sentence below a member of an enumeration, empty if there is none."""
    lines = _ATTRIBUTES.get((type(member).__name__, member.name), [])
    return _REFERENCES.sub('', ' '.join(' '.join(lines).split()))


def _code(values: Iterable[Any]) -> str:
    return ', '.join(f'``{value}``' for value in values)


class _Generated(SphinxDirective):
    """A directive whose content comes from the code."""

    def depend(self) -> None:
        """Have the page built again when the code changes."""
        for module in (states, routes, state_diagram):
            self.env.note_dependency(str(module.__file__))

    def table(
        self, heads: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]
    ) -> list[nodes.Node]:
        """A table of cells in reStructuredText."""
        lines = ['.. list-table::', '   :header-rows: 1', '   :class: generated']
        lines += [f'   :widths: {" ".join(map(str, widths))}', '']
        for row in (heads, *rows):
            for number, cell in enumerate(row):
                lines.append(f'   {"*" if number == 0 else " "} - {cell}'.rstrip())
        self.depend()
        parent = nodes.Element()
        text = StringList(lines, f'<{self.name}>')
        self.state.nested_parse(text, self.content_offset, parent)
        return parent.children


class Diagram(_Generated):
    """The states and what leads from one to the other."""

    def run(self) -> list[nodes.Node]:
        self.depend()
        return [nodes.raw('', state_diagram.svg(), format='html')]


class States(_Generated):
    """What each state means, and what may be asked for in it."""

    def run(self) -> list[nodes.Node]:
        rows = [
            (
                f'``{state}``',
                documented(state),
                _code(FORWARD[state].steps) if state in FORWARD else '',
                _code(self._requests(state)),
            )
            for state in State
        ]
        return self.table(
            ('State', 'Meaning', 'Steps of the engine', 'Requests'), (25, 40, 20, 15), rows
        )

    @staticmethod
    def _requests(state: State) -> list[Event]:
        return [
            event
            for event, transition in states.TRANSITIONS.items()
            if transition.actor is Actor.API and state in transition.before
        ]


class Transitions(_Generated):
    """What leads from which state to which, and what it sets."""

    def run(self) -> list[nodes.Node]:
        rows = [
            (
                f'``{event}``',
                transition.actor.value,
                _code(state for state in State if state in transition.before),
                f'``{transition.after}``',
                _code(filter(None, (transition.source,))),
                _code(filter(None, (transition.destination,))),
                _code(filter(None, (transition.resources,))),
                str(transition.refused or ''),
            )
            for event, transition in states.TRANSITIONS.items()
        ]
        heads = (
            'Event',
            'By',
            'From',
            'To',
            'Source',
            'Destination',
            'Shares, snapshots',
            'Refused',
        )
        return self.table(heads, (14, 8, 21, 21, 10, 10, 10, 6), rows)


class Steps(_Generated):
    """What the engine does, in its order.

    The content has a line ``step: sentence`` for each step without one in the code.
    """

    has_content = True

    def run(self) -> list[nodes.Node]:
        further = dict(line.split(': ', 1) for line in self.content if line.strip())
        rows = []
        for step in Step:
            text = documented(step) or further.get(step.value)
            if text is None:
                raise self.error(f'Nothing is said of the step {step}.')
            rows.append((f'``{step}``', text, self._where(step)))
        return self.table(('Step', 'What it does', 'When'), (15, 55, 30), rows)

    @staticmethod
    def _where(step: Step) -> str:
        forward = [state for state in State if state in FORWARD and step in FORWARD[state].steps]
        back = [
            state
            for state in State
            if any(state in plans and step in plans[state].steps for plans in _BACK)
        ]
        parts = [f'in {_code(forward)}'] if forward else []
        return '; '.join(parts + ([f'after a failure in {_code(back)}'] if back else []))


class BlockedRequests(_Generated):
    """Requests that are refused while the share server they concern is being migrated."""

    def run(self) -> list[nodes.Node]:
        refused: dict[tuple[str, str, str], str] = {}
        for route in routes.ROUTES:
            if isinstance(route.while_migrating, int):
                action = (route.action or '').removeprefix('os-')
                refused[route.method, route.path, action] = str(route.while_migrating)
        rows = [
            (f'``{method} {path}``', f'``{action}``' if action else '', status)
            for (method, path, action), status in sorted(refused.items(), key=lambda row: row[0][1])
        ]
        return self.table(('Request', 'Action', 'Answer'), (60, 25, 15), rows)


class PackageModules(_Generated):
    """The modules of a package, each with the first paragraph of its text."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        package = importlib.util.find_spec(self.arguments[0])
        if package is None or not package.submodule_search_locations:
            raise self.error(f'{self.arguments[0]} is no package.')
        rows = []
        for path in sorted(pathlib.Path(package.submodule_search_locations[0]).glob('[a-z]*.py')):
            self.env.note_dependency(str(path))
            text = ast.get_docstring(ast.parse(path.read_text())) or ''
            first = ' '.join(text.partition('\n\n')[0].split())
            rows.append((f'``{path.stem}``', _REFERENCES.sub('', first)))
        return self.table(('Module', 'What it holds'), (20, 80), rows)


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive('migration-diagram', Diagram)
    app.add_directive('migration-states', States)
    app.add_directive('migration-transitions', Transitions)
    app.add_directive('migration-steps', Steps)
    app.add_directive('blocked-requests', BlockedRequests)
    app.add_directive('package-modules', PackageModules)
    return {'parallel_read_safe': True}
