# SPDX-License-Identifier: Apache-2.0

"""Values of requests and answers."""

import datetime

from ssm.api import params
from ssm.common import exceptions
from ssm.tests.base import TestCase


class ValuesTest(TestCase):
    def test_times_have_six_digits_always(self) -> None:
        second = datetime.datetime(2026, 1, 2, 3, 4, 5)
        self.assertEqual('2026-01-02T03:04:05.000000', params.timestamp(second))
        self.assertEqual(
            '2026-01-02T03:04:05.000120', params.timestamp(second.replace(microsecond=120))
        )
        self.assertIsNone(params.timestamp(None))

    def test_booleans(self) -> None:
        for value in (True, 'true', '1', 'on', 'YES', 'y', 't'):
            self.assertIs(True, params.boolean(value, 'x'))
        for value in (False, 'false', '0', 'Off', 'no', 'n', 'f'):
            self.assertIs(False, params.boolean(value, 'x'))
        for value in (None, '', 'perhaps', 1, 0, [], {}):
            error = self.assertRaises(exceptions.Invalid, params.boolean, value, 'x')
            self.assertIn('x', error.message)

    def test_integers(self) -> None:
        self.assertEqual(0, params.integer('0', 'x'))
        for text in ('-1', 'one', '', '1.5', str(2**31), '9' * 5000):
            self.assertRaises(exceptions.Invalid, params.integer, text, 'x')
        self.assertRaises(exceptions.Invalid, params.integer, '0', 'x', minimum=1)

    def test_dictionaries(self) -> None:
        self.assertEqual({'a': 'b', 'c': 'True'}, params.dictionary("{'a': 'b', 'c': True}", 'x'))
        for text in ('', 'word', '[]', "{'a': []}", "{'a': None}", '{', '{1: {}}', 'f()',
                     '(' * 10000):  # fmt: skip
            self.assertRaises(exceptions.Invalid, params.dictionary, text, 'x')


class PagingTest(TestCase):
    def test_taken_out_of_the_filters(self) -> None:
        filters = {'limit': '5', 'offset': '2', 'marker': 'any', 'name': 'n'}
        self.assertEqual((5, 2), params.page(filters))
        self.assertEqual({'name': 'n'}, filters)

    def test_capped(self) -> None:
        self.override(osapi_max_limit=10)
        for limit, expected in (('11', 10), ('0', 10), ('9', 9)):
            self.assertEqual((expected, 0), params.page({'limit': limit}))
        self.assertEqual((10, 0), params.page({}))

    def test_all_tenants(self) -> None:
        for text, expected in (('1', True), ('', True), ('0', False)):
            self.assertIs(expected, params.all_tenants({'all_tenants': text}, allowed=True))
        self.assertFalse(params.all_tenants({}, allowed=True))
        self.assertFalse(params.all_tenants({'all_tenants': '1'}, allowed=False))
        self.assertRaises(
            exceptions.Invalid, params.all_tenants, {'all_tenants': 'perhaps'}, allowed=False
        )


class ValidatorTest(TestCase):
    def test_names_the_place(self) -> None:
        check = params.validator(
            {'type': 'object', 'properties': {'a': {'type': 'object', 'properties': {
                'b': {'type': 'integer'}}}}}
        )  # fmt: skip
        check({'a': {'b': 1}})
        error = self.assertRaises(exceptions.Invalid, check, {'a': {'b': 'x'}})
        self.assertIn('a.b', error.message)
