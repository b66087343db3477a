# SPDX-License-Identifier: Apache-2.0

"""Every error ssm raises on purpose.

An error has a stable code, the HTTP status it becomes at the API, a sentence, and the findings
that explain it. The API turns the class into a fault body in one place (``api/faults.py``).
"""

from collections.abc import Iterable
from typing import Any

from ssm.common import findings as findings_lib


class SsmError(Exception):
    """Base of all errors.

    :param message: a sentence; without it the class's template is filled with ``values``
    :param findings: reasons, shown as ``reasons`` in the fault body
    :param values: fill the template of the class
    """

    code = 'internal_error'
    status = 500
    template = 'An unexpected error occurred.'

    def __init__(
        self,
        message: str | None = None,
        *,
        findings: Iterable[findings_lib.Finding] = (),
        **values: Any,
    ) -> None:
        self.findings = list(findings)
        self.message = message or self.template.format(**values)
        super().__init__(self.message)


class Invalid(SsmError):
    """The request can't be understood or is not allowed in this form (400)."""

    code = 'invalid'
    status = 400
    template = '{reason}'


class Forbidden(SsmError):
    """Not allowed, by policy or by the state of the resource (403)."""

    code = 'forbidden'
    status = 403
    template = '{reason}'


class NotFound(SsmError):
    """There is no such resource, or the caller may not see it (404)."""

    code = 'not_found'
    status = 404
    template = 'No {resource} with id {id} could be found.'


class Conflict(SsmError):
    """The state of a resource stands against the request (409)."""

    code = 'conflict'
    status = 409
    template = '{reason}'


class Unprocessable(SsmError):
    """The body lacks the object it has to hold (422)."""

    code = 'unprocessable'
    status = 422
    template = '{reason}'


class ServiceUnavailable(SsmError):
    """A service that has to answer did not (503)."""

    code = 'service_unavailable'
    status = 503
    template = '{reason}'


class ConcurrentChange(Conflict):
    """Another request or the engine moved the resource first; nothing was changed."""

    code = 'concurrent_change'
    template = 'The {resource} {id} was changed by another request meanwhile; nothing was done.'


class LeaseLost(SsmError):
    """The engine no longer owns the migration; whoever owns it goes on."""

    code = 'lease_lost'
    template = 'The lease of migration {id} is held by another process.'


class ConfigurationError(SsmError):
    """An option of the configuration is missing or wrong; names group and option."""

    code = 'configuration'
    template = '[{group}] {option}: {reason}'


class DriverError(SsmError):
    """Base of what drivers raise on purpose."""

    code = 'driver_error'


class DriverRefused(DriverError):
    """The driver can't do this, now or later; the step is not tried again."""

    code = 'driver_refused'
    template = 'The driver refused.'


class DataLoss(DriverRefused):
    """A share can't shrink because its data would not fit; nothing was changed."""

    code = 'data_does_not_fit'


class DriverBusy(DriverError):
    """The driver can't do this now; the step is tried again.

    :param retry_after: seconds until it makes sense to try again
    """

    code = 'driver_busy'
    template = 'The driver is busy.'

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float = 5.0,
        findings: Iterable[findings_lib.Finding] = (),
    ) -> None:
        super().__init__(message, findings=findings)
        self.retry_after = retry_after
