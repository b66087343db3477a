# SPDX-License-Identifier: Apache-2.0

"""Form of metadata (rest-api 1.12)."""

from ssm.common import exceptions
from ssm.resources import metadata
from ssm.tests import base


class MetadataTest(base.TestCase):
    def test_good_ones(self) -> None:
        for given in ({}, {'k': 'v'}, {'k' * 255: 'v' * 1023}):
            self.assertEqual(given, metadata.checked(given))
        self.assertEqual({}, metadata.checked(None))

    def test_bad_ones(self) -> None:
        for given in (
            [],
            'k=v',
            {'': 'v'},
            {'k': ''},
            {' ': 'v'},
            {'k': ' '},
            {'k': None},
            {'k': 1},
            {'k' * 256: 'v'},
            {'k': 'v' * 1024},
        ):
            self.assertRaises(exceptions.Invalid, metadata.checked, given)
