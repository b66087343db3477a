# SPDX-License-Identifier: Apache-2.0

"""Runs the shell in this process against a fake API."""

import contextlib
import dataclasses
import io
import os
import warnings
from typing import Any

import fixtures

from ssm.shell import main, resources
from ssm.tests import base
from ssm.tests.unit.shell import fake


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str


class ShellTest(base.TestCase):
    """``self.api`` is the API; the environment says where it is and that there is no Identity."""

    def setUp(self) -> None:
        super().setUp()
        self.api = self.useFixture(fake.FakeApi())
        for variable in [name for name in os.environ if name.startswith('OS_')]:
            self.set_env(variable, None)
        self.set_env('OS_AUTH_TYPE', 'none')
        self.set_env('OS_ENDPOINT', self.api.root)
        self.set_env('COLUMNS', '80')
        self.useFixture(fixtures.MockPatchObject(resources, 'POLL_SECONDS', 0))

    def set_env(self, name: str, value: str | None) -> None:
        """Set or unset a variable of the environment."""
        self.useFixture(fixtures.EnvironmentVariable(name, value))

    def ssm(self, *argv: str, out: io.StringIO | None = None) -> Result:
        """Run ``ssm`` with these arguments; ``out`` may pretend to be a terminal."""
        stdout, stderr = out or io.StringIO(), io.StringIO()
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(stdout))
            stack.enter_context(contextlib.redirect_stderr(stderr))
            # As in a program of its own; the test runner turns deprecation warnings on.
            stack.enter_context(warnings.catch_warnings(action='ignore'))
            try:
                code: Any = main.main(argv)
            except SystemExit as exit_:
                code = exit_.code or 0
        return Result(code, stdout.getvalue(), stderr.getvalue())

    def succeeds(self, *argv: str) -> str:
        """Run a command that has to end well; returns what it printed."""
        result = self.ssm(*argv)
        self.assertEqual((0, ''), (result.code, result.err))
        return result.out

    def asked(self) -> list[tuple[str, str, Any]]:
        """Method, path below ``/v2`` and body, or query of a GET, of all requests."""
        return [
            (each.method, each.path.removeprefix('/v2'), each.body or each.query or None)
            for each in self.api.requests
        ]
