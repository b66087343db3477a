# SPDX-License-Identifier: Apache-2.0

"""The directive ``statement-table``: what the user guide says, and the tests that prove it.

Made from ``ssm/tests/seed.yaml``.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCE = pathlib.Path(__file__).parents[2] / 'ssm' / 'tests' / 'seed.yaml'

HEAD = """\
.. list-table::
   :header-rows: 1
   :class: generated
   :widths: 6 44 50

   * - Id
     - Statement
     - Tests"""


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield from HEAD.splitlines()
    for row in rows:
        yield f'   * - {row["id"]}'
        yield f'     - | {row["says"]}'
        if 'limits' in row:
            yield f'       | *Limits:* {row["limits"]}'
        for number, test in enumerate(row['tests']):
            yield f'     {" " if number else "-"} | ``{test}``'


class StatementTable(SphinxDirective):
    """The table of all statements."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(SOURCE))
        lines = list(_lines(yaml.safe_load(SOURCE.read_text())))
        parent = nodes.Element()
        text = StringList(lines, str(SOURCE))
        self.state.nested_parse(text, self.content_offset, parent)
        return parent.children


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive('statement-table', StatementTable)
    return {'parallel_read_safe': True}
