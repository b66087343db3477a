# SPDX-License-Identifier: Apache-2.0

"""Each statement of the user guide has tests, and the tests that ``seed.yaml`` names exist."""

from __future__ import annotations

import importlib
import pathlib
from typing import Any

import yaml

from ssm.tests import base

TESTS = pathlib.Path(__file__).parents[1]
STATEMENTS = 59


def load(path: pathlib.Path) -> Any:
    return yaml.safe_load(path.read_text())


def find_method(name: str) -> bool:
    """Whether ``package.module.Class.method`` is a test, be it inherited."""
    module_name, class_name, method_name = name.rsplit('.', 2)
    try:
        module = importlib.import_module(f'ssm.tests.{module_name}')
    except ModuleNotFoundError:
        return False
    case = getattr(module, class_name, None)
    return (
        isinstance(case, type)
        and issubclass(case, base.TestCase)
        and method_name.startswith('test')
        and callable(getattr(case, method_name, None))
    )


def find_request(name: str) -> bool:
    """Whether ``path::name`` is a test of a story, once."""
    path, _, wanted = name.partition('::')
    file = TESTS / path
    if not file.is_file():
        return False
    return [test['name'] for test in load(file)['tests']].count(wanted) == 1


class SeedTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.rows = load(TESTS / 'seed.yaml')

    def test_all_statements_are_there(self) -> None:
        self.assertEqual(
            [f'S{number}' for number in range(1, STATEMENTS + 1)], [row['id'] for row in self.rows]
        )
        for row in self.rows:
            self.assertLessEqual(row.keys(), {'id', 'says', 'tests', 'limits'}, row['id'])
            self.assertTrue(row['says'].endswith('.'), row['id'])

    def test_each_has_tests(self) -> None:
        self.assertEqual([], [row['id'] for row in self.rows if not row.get('tests')])

    def test_the_tests_exist(self) -> None:
        missing = [
            f'{row["id"]}: {name}'
            for row in self.rows
            for name in row['tests']
            if not (find_request(name) if '::' in name else find_method(name))
        ]
        self.assertEqual([], missing)

    def test_what_does_not_exist_is_seen(self) -> None:
        here = 'unit.test_seed.SeedTest'
        self.assertTrue(find_method(f'{here}.test_each_has_tests'))
        for name in (f'{here}.test_nothing', f'{here}.setUp', 'unit.no_module.A.test_b'):
            self.assertFalse(find_method(name), name)
        stories = 'functional/gabbits/versions.yaml'
        first = load(TESTS / stories)['tests'][0]['name']
        self.assertTrue(find_request(f'{stories}::{first}'))
        for name in (f'{stories}::nothing', 'functional/gabbits/nothing.yaml::x'):
            self.assertFalse(find_request(name), name)
