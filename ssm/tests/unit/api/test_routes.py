# SPDX-License-Identifier: Apache-2.0

"""The route table as data: what each row has to have, and that rows do not meet."""

import inspect
import itertools
import pathlib
import re

import ssm
from ssm.api import microversions, routes
from ssm.tests.base import TestCase

_CHANGING = frozenset({'POST', 'PUT', 'DELETE', 'PATCH'})


def _in_manual(row: routes.Route) -> tuple[str, ...]:
    """What the manual says about a row, column by column."""
    return (
        row.method,
        row.path,
        row.action or '',
        '.'.join(map(str, row.since)),
        '.'.join(map(str, row.until or ())),
        ' exp.' if row.experimental else '',
        str(row.success),
        str(row.while_migrating or ''),
    )


class RouteTableTest(TestCase):
    def test_rows_that_change_something_say_what_a_migration_does_to_them(self) -> None:
        missing = [
            row for row in routes.ROUTES if row.method in _CHANGING and row.while_migrating is None
        ]
        self.assertEqual([], missing)

    def test_it_is_a_refusal_or_allowed(self) -> None:
        for row in routes.ROUTES:
            allowed = {routes.ALLOWED, 400, 403, 409} if row.method in _CHANGING else {None}
            self.assertIn(row.while_migrating, allowed, row)

    def test_handlers_take_the_variables_of_the_path(self) -> None:
        for row in routes.ROUTES:
            _request, *rest = inspect.signature(row.handler).parameters
            self.assertEqual(re.findall(r'{(\w+)}', row.path), rest, row)

    def test_actions_have_a_path_of_their_own(self) -> None:
        for row in routes.ROUTES:
            self.assertEqual(row.path.endswith('/action'), row.action is not None, row)

    def test_versions_are_in_range(self) -> None:
        for row in routes.ROUTES:
            last = row.until or microversions.MAXIMUM
            self.assertTrue(microversions.MINIMUM <= row.since <= last, row)
            self.assertTrue(last <= microversions.MAXIMUM, row)

    def test_at_each_version_one_row_answers(self) -> None:
        def key(row: routes.Route) -> tuple[str, str, str]:
            return row.method, re.sub('{.*?}', '{}', row.path), row.action or ''

        for _key, group in itertools.groupby(sorted(routes.ROUTES, key=key), key):
            rows = sorted(group, key=lambda row: row.since)
            for earlier, later in itertools.pairwise(rows):
                self.assertIsNotNone(earlier.until, earlier)
                self.assertLess(earlier.until, later.since)

    def test_the_manual_lists_them(self) -> None:
        manual = pathlib.Path(ssm.__file__).parents[1] / 'doc' / 'source' / 'api' / 'index.rst'
        rows = re.findall(
            r'^   ([A-Z]+) (/\S*)(?: (\w\S*))? +(\S+)-(\S*)( exp\.)? +(\d+) *(\w*)$',
            manual.read_text(),
            re.MULTILINE,
        )
        self.assertEqual(sorted(_in_manual(row) for row in routes.ROUTES), sorted(rows))

    def test_collections_have_no_slash_at_the_end(self) -> None:
        self.assertEqual(['/'], [row.path for row in routes.ROUTES if row.path.endswith('/')])
