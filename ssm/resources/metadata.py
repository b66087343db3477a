# SPDX-License-Identifier: Apache-2.0

"""Keys and values that users keep with a resource (rest-api 1.12)."""

from __future__ import annotations

from typing import Any

from ssm.common import exceptions

_LONGEST_KEY = 255
_LONGEST_VALUE = 1023


def checked(metadata: Any) -> dict[str, str]:
    """Metadata as a request gives them; nothing given is none.

    :raises Invalid: it is no object of strings, or a key or value is blank or too long
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise exceptions.Invalid(reason='metadata is not an object.')
    for key, value in metadata.items():
        if not isinstance(value, str) or not key.strip() or not value.strip():
            raise exceptions.Invalid(reason=f'Key or value of metadata {key!r} is blank.')
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            raise exceptions.Invalid(reason=f'Key or value of metadata {key[:50]!r} is too long.')
    return metadata
