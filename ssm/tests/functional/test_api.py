# SPDX-License-Identifier: Apache-2.0

"""Turns the stories in ``gabbits/`` into tests."""

import pathlib
import unittest
from typing import Any

from gabbi import driver

from ssm.tests.functional import fixtures


def load_tests(
    loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: Any
) -> unittest.TestSuite:
    """Called by unittest when it loads this module."""
    return driver.build_tests(
        str(pathlib.Path(__file__).parent / 'gabbits'),
        loader,
        intercept=lambda: fixtures.application,
        fixture_module=fixtures,
        test_loader_name=__name__,
    )
