# SPDX-License-Identifier: Apache-2.0

"""What the operator is told instead of a traceback."""

from collections.abc import Sequence
from typing import Any


class ShellError(Exception):
    """A command that can't go on.

    :param message: a sentence
    :param reasons: findings as the API sends them, printed as a table below the sentence
    """

    def __init__(self, message: str, reasons: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.reasons = reasons

    def __str__(self) -> str:
        if not self.reasons:
            return self.message
        from ssm.shell import output  # the table library is loaded only when it is needed

        return f'{self.message}\n{output.section("reasons", self.reasons)}'


class ApiError(ShellError):
    """The API answered with a fault (rest-api 1.6).

    :param status: HTTP status
    :param request_id: id to look for in the service's log
    """

    def __init__(
        self,
        message: str,
        status: int,
        reasons: Sequence[dict[str, Any]] = (),
        request_id: str | None = None,
    ) -> None:
        where = f', request {request_id}' if request_id else ''
        super().__init__(f'{message} (HTTP {status}{where})', reasons)
        self.status = status


class Unreachable(ShellError):
    """No answer from the API or from the Identity service."""
