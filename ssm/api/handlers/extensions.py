# SPDX-License-Identifier: Apache-2.0

"""Extensions: there are none (rest-api 4.20)."""

from __future__ import annotations

from typing import Any

from ssm.api.request import Request


def index(_req: Request) -> dict[str, Any]:
    """GET /extensions"""
    return {'extensions': []}
