# SPDX-License-Identifier: Apache-2.0

"""Which microversion a request has."""

from ssm.api import faults, microversions
from ssm.api.request import Request, Version
from ssm.common import exceptions
from ssm.tests.base import TestCase


def _request(**headers: str) -> Request:
    return Request.blank('/v2/', headers={k.replace('_', '-'): v for k, v in headers.items()})


class ParseTest(TestCase):
    def test_versions(self) -> None:
        for text, expected in (('2.0', (2, 0)), ('2.10', (2, 10)), ('10.99', (10, 99))):
            self.assertEqual(expected, microversions.parse(text))

    def test_other_text(self) -> None:
        for text in ('1.2.1', 'latest', '2.01', '02.1', '2', '2.', '.1', ' 2.1', '2.1\n', '-2.1',
                     '2.' + '9' * 5000):  # fmt: skip
            self.assertRaises(exceptions.Invalid, microversions.parse, text)

    def test_they_compare_as_numbers(self) -> None:
        self.assertGreaterEqual(Version(2, 57), (2, 9))
        self.assertEqual('2.57', str(Version(2, 57)))


class NegotiateTest(TestCase):
    def test_without_a_header(self) -> None:
        self.assertEqual((2, 0), microversions.negotiate(_request()))

    def test_own_header_before_the_standard_one(self) -> None:
        req = _request(
            X_OpenStack_Manila_API_Version='2.5',
            OpenStack_API_Version='shared-file-system 2.6',
        )
        self.assertEqual((2, 5), microversions.negotiate(req))
        self.assertEqual((2, 5), req.version)

    def test_standard_header_of_another_service(self) -> None:
        req = _request(OpenStack_API_Version='compute 2.6')
        self.assertEqual((2, 0), microversions.negotiate(req))

    def test_range(self) -> None:
        for text in (str(microversions.MINIMUM), str(microversions.MAXIMUM)):
            microversions.negotiate(_request(X_OpenStack_Manila_API_Version=text))
        for text in ('1.99', '2.71', '3.0'):
            self.assertRaises(
                faults.NotAcceptable,
                microversions.negotiate,
                _request(X_OpenStack_Manila_API_Version=text),
            )

    def test_experimental(self) -> None:
        for text in ('1', 'true', 'True', 'on', 'yes', 'y', 't'):
            req = _request(X_OpenStack_Manila_API_Experimental=text)
            self.assertTrue(microversions.is_experimental(req.environ), text)
        for text in ('0', 'false', '', 'perhaps'):
            req = _request(X_OpenStack_Manila_API_Experimental=text)
            self.assertFalse(microversions.is_experimental(req.environ), text)
        self.assertFalse(microversions.is_experimental(_request().environ))
