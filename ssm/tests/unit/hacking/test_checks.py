# SPDX-License-Identifier: Apache-2.0

"""Each of the project's own checks objects to what it is for, and to nothing near it."""

import ast
import pathlib
import subprocess
import sys
import textwrap

from ssm.hacking import checks
from ssm.tests import base

TOP = pathlib.Path(__file__).parents[4]

BAD = [
    ('S101', 'ssm/share/manager.py', 'import eventlet'),
    ('S101', 'ssm/share/manager.py', 'from eventlet.green import socket'),
    ('S101', 'ssm/tests/unit/test_x.py', 'import json, greenlet'),
    ('S101', 'ssm/share/manager.py', 'def late():\n    from eventlet import sleep'),
    ('S102', 'ssm/share/manager.py', 'from ssm.cmd import share'),
    ('S102', 'ssm/share/manager.py', 'from ssm import cmd'),
    ('S102', 'ssm/shell/main.py', 'import ssm.cmd.manage'),
    ('S103', 'ssm/api/handlers/shares.py', 'from ssm.db import shares'),
    ('S103', 'ssm/api/handlers/shares.py', 'from ssm import db'),
    ('S103', 'ssm/api/handlers/shares.py', 'import sqlalchemy as sa'),
    ('S104', 'ssm/db/shares.py', 'import time\ntime.sleep(1)'),
    ('S104', 'ssm/db/shares.py', 'from time import sleep'),
    ('S104', 'ssm/db/shares.py', 'from ssm.rpc import share'),
    ('S104', 'ssm/db/shares.py', 'import oslo_messaging as messaging'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept:\n    pass'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept Exception:\n    LOG.error("no")'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept (OSError, BaseException):\n    g()'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept Exception:\n    if x:\n        raise'),
]

GOOD = [
    ('S101', 'ssm/common/concurrency.py', 'import eventlet'),
    ('S101', 'ssm/share/manager.py', 'import eventlets\nfrom . import eventlet\nimport threading'),
    ('S102', 'ssm/cmd/all.py', 'from ssm.cmd import api'),
    ('S102', 'ssm/tests/unit/cmd/test_all.py', 'from ssm.cmd import api'),
    ('S102', 'ssm/share/manager.py', 'import cmd\nfrom ssm import cmdline'),
    ('S103', 'ssm/api/handlers/shares.py', 'from ssm.resources import shares'),
    ('S103', 'ssm/resources/shares.py', 'from ssm.db import shares'),
    ('S104', 'ssm/db/shares.py', 'import time\ntime.monotonic()'),
    ('S104', 'ssm/share/manager.py', 'import time\nimport oslo_messaging\ntime.sleep(1)'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept OSError:\n    pass'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept Exception:\n    LOG.exception("no")'),
    ('S201', 'ssm/share/manager.py', 'try:\n    f()\nexcept Exception:\n    g()\n    raise'),
]


def objections(path: str, code: str) -> list[str]:
    """The rules a source breaks."""
    checker = checks.Checker(ast.parse(code), path)
    return [text.split()[0] for _, _, text, _ in checker.run()]


class RulesTest(base.TestCase):
    """Rules on samples of source."""

    def test_bad_samples_are_objected_to(self) -> None:
        for code, path, source in BAD:
            with self.subTest(code=code, source=source):
                self.assertEqual([code], objections(path, source))

    def test_good_samples_pass(self) -> None:
        for code, path, source in GOOD:
            with self.subTest(code=code, source=source):
                self.assertEqual([], objections(path, source))

    def test_every_rule_has_samples_and_a_code_of_its_own(self) -> None:
        codes = [rule.code for rule in checks.RULES]
        self.assertEqual(sorted(set(codes)), sorted(codes))
        self.assertEqual(set(codes), {code for code, _, _ in BAD})
        self.assertEqual(set(codes), {code for code, _, _ in GOOD})

    def test_objection_names_the_line(self) -> None:
        checker = checks.Checker(ast.parse('import os\n\nimport eventlet\n'), './ssm/a.py')
        ((line, column, text, _),) = checker.run()
        self.assertEqual((3, 0), (line, column))
        self.assertTrue(text.startswith('S101 only ssm.common.concurrency'), text)


class PluginTest(base.TestCase):
    """The checks as flake8 runs them with the project's configuration."""

    def flake8(self, path: str, source: str) -> str:
        done = subprocess.run(
            [sys.executable, '-m', 'flake8', '--stdin-display-name', path, '-'],
            input=textwrap.dedent(source),
            capture_output=True,
            text=True,
            cwd=TOP,
            check=False,
        )
        self.assertEqual('', done.stderr)
        return done.stdout

    def test_own_and_hacking_checks_are_on(self) -> None:
        output = self.flake8('ssm/db/shares.py', 'import time\n\ntime.sleep(1)  # TODO: shorter\n')
        self.assertIn('ssm/db/shares.py:3:1: S104 ', output)
        self.assertIn('H101', output)

    def test_what_ruff_checks_is_left_to_it(self) -> None:
        self.assertEqual('', self.flake8('ssm/a.py', 'import os, sys\nx=1;y = {}  \n'))
