# SPDX-License-Identifier: Apache-2.0

"""What exceptions become."""

import logging as std_logging
from collections.abc import Callable
from typing import Any

import fixtures
import webob
from webob import exc as webob_exc

from ssm.api import faults
from ssm.common import exceptions
from ssm.common.findings import Finding
from ssm.tests.base import TestCase


def _answer(error: Exception) -> webob.Response:
    return webob.Request.blank('/').get_response(faults.catcher(_raising(error)))


def _raising(error: Exception) -> Callable[..., Any]:
    def application(*_: Any) -> None:
        raise error

    return application


class FaultsTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=std_logging.ERROR))

    def test_status_and_key_by_class(self) -> None:
        for error, status, key in (
            (exceptions.Invalid(reason='x'), 400, 'badRequest'),
            (faults.Unauthorized(), 401, 'unauthorized'),
            (exceptions.Forbidden(reason='x'), 403, 'forbidden'),
            (exceptions.NotFound(resource='share', id='1'), 404, 'itemNotFound'),
            (faults.NotAcceptable(version=1, minimum=2, maximum=3), 406, 'computeFault'),
            (exceptions.Conflict(reason='x'), 409, 'conflictingRequest'),
            (exceptions.ConcurrentChange(resource='x', id='1'), 409, 'conflictingRequest'),
            (exceptions.Unprocessable(reason='x'), 422, 'computeFault'),
            (exceptions.ServiceUnavailable(reason='x'), 503, 'serviceUnavailable'),
            (webob_exc.HTTPMethodNotAllowed(), 405, 'badMethod'),
            (webob_exc.HTTPUnsupportedMediaType(), 415, 'badMediaType'),
        ):
            answer = _answer(error)
            self.assertEqual(status, answer.status_int)
            self.assertEqual([key], list(answer.json))
            self.assertEqual(status, answer.json[key]['code'])
            self.assertEqual('application/json', answer.content_type)
        self.assertEqual('', self.log.output)

    def test_findings_become_reasons(self) -> None:
        finding = Finding('no_space', 'The pool is full.', 'Free some.', object_type='pool')
        answer = _answer(exceptions.Conflict(reason='No.', findings=[finding]))
        self.assertEqual(
            {'code': 409, 'message': 'No.', 'reasons': [finding.to_dict()]},
            answer.json['conflictingRequest'],
        )

    def test_no_findings_no_key(self) -> None:
        answer = _answer(exceptions.Conflict(reason='No.'))
        self.assertNotIn('reasons', answer.json['conflictingRequest'])

    def test_too_large(self) -> None:
        answer = _answer(faults.TooLarge())
        self.assertEqual('0', answer.headers['Retry-After'])
        self.assertEqual('0', answer.json['overLimit']['retryAfter'])
        self.assertIn('exceed', answer.json['overLimit']['message'])

    def test_what_nobody_expected_is_logged_and_hidden(self) -> None:
        for error in (
            RuntimeError('the password is 1234'),
            exceptions.DriverError('the password is 1234'),
        ):
            answer = _answer(error)
            self.assertEqual(500, answer.status_int)
            self.assertEqual(500, answer.json['computeFault']['code'])
            self.assertNotIn('1234', answer.text)
            self.assertIn('1234', self.log.output)
            self.assertIn('Traceback', self.log.output)
