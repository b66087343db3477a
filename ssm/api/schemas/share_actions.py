# SPDX-License-Identifier: Apache-2.0

"""Bodies of actions that change the size or the content of shares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ssm.api import params
from ssm.common import exceptions

_INTEGER = re.compile(r'-?[0-9]{1,10}')

check_revert = params.validator(
    {
        'type': 'object',
        'properties': {'snapshot_id': {'type': 'string', 'minLength': 1, 'maxLength': 255}},
        'required': ['snapshot_id'],
    }
)


def size(body: Mapping[str, Any]) -> int:
    """``new_size`` of a body in GiB, an integer or its digits; its limits are looked at later.

    :raises Invalid: it is missing, or no integer
    """
    given = body.get('new_size')
    text = '' if isinstance(given, bool) else str(given)
    if not _INTEGER.fullmatch(text):
        raise exceptions.Invalid(reason='new_size is not an integer, a number of GiB.')
    return int(text)
