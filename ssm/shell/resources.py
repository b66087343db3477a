# SPDX-License-Identifier: Apache-2.0

"""Kinds of resources: where the API has them, how one is found by name and waited for."""

import dataclasses
import re
import time
from typing import Any

from ssm.shell import client as client_lib
from ssm.shell import errors

POLL_SECONDS = 1.0
"""Pause between two looks at a resource that is waited for."""

_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of resource.

    :param noun: as in a sentence
    :param path: of the collection; that of one resource is ``path/id``
    :param key: of the object in the answer for one resource
    :param list_path: of the list that names are looked for in, None if there are no names
    :param list_key: of the list in that answer
    :param list_query: fixed query of that list
    :param name_filter: whether the list takes a filter ``name``
    :param status: the field that tells how it is
    :param ready: its value when nothing is left to be done
    """

    noun: str
    path: str
    key: str
    list_path: str | None = None
    list_key: str = ''
    list_query: dict[str, str] = dataclasses.field(default_factory=dict)
    name_filter: bool = True
    status: str = 'status'
    ready: str = 'available'


_ALL = {'all_tenants': '1'}

SHARE_SERVER = Kind('share server', '/share-servers', 'share_server', ready='active')
SHARE_NETWORK = Kind(
    'share network',
    '/share-networks',
    'share_network',
    '/share-networks/detail',
    'share_networks',
    _ALL,
)
SHARE_TYPE = Kind(
    'share type',
    '/types',
    'share_type',
    '/types',
    'share_types',
    {'is_public': 'all'},
    name_filter=False,
)
SHARE = Kind('share', '/shares', 'share', '/shares/detail', 'shares', _ALL)
SNAPSHOT = Kind('snapshot', '/snapshots', 'snapshot', '/snapshots/detail', 'snapshots', _ALL)
ACCESS_RULE = Kind('access rule', '/share-access-rules', 'access', status='state', ready='active')


def find_id(client: client_lib.Client, kind: Kind, name_or_id: str) -> str:
    """The id of the resource; what looks like an id is not asked for.

    Raises ShellError when no resource, or more than one, has the name.
    """
    if _UUID.fullmatch(name_or_id) or kind.list_path is None:
        return name_or_id
    by_name = {'name': name_or_id} if kind.name_filter else {}
    items = client.get(kind.list_path, kind.list_key, **kind.list_query, **by_name)
    found = [item['id'] for item in items if item['name'] == name_or_id]
    if not found:
        raise errors.ShellError(f'There is no {kind.noun} named {name_or_id}.')
    if len(found) > 1:
        raise errors.ShellError(
            f'The name {name_or_id} is not unique, name one by id: {", ".join(sorted(found))}.'
        )
    return found[0]


def fetch(client: client_lib.Client, kind: Kind, name_or_id: str) -> dict[str, Any]:
    """The resource as the API shows it."""
    return client.get(f'{kind.path}/{find_id(client, kind, name_or_id)}', kind.key)


def wait_ready(client: client_lib.Client, kind: Kind, resource_id: str) -> dict[str, Any]:
    """Poll until the resource is ready, and return it; raises ShellError once it failed."""
    while True:
        resource = fetch(client, kind, resource_id)
        if resource[kind.status] == kind.ready:
            return resource
        _check(client, kind, resource)
        time.sleep(POLL_SECONDS)


def wait_gone(client: client_lib.Client, kind: Kind, before: dict[str, Any]) -> None:
    """Poll until the resource does not exist; raises ShellError once its deletion failed.

    :param before: the resource as it was; a share server that is in error already stays so
        until its host begins, and that is no failure of the deletion
    """
    while True:
        try:
            resource = fetch(client, kind, before['id'])
        except errors.ApiError as error:
            if error.status == 404:
                return
            raise
        if resource != before:
            _check(client, kind, resource)
        time.sleep(POLL_SECONDS)


def _check(client: client_lib.Client, kind: Kind, resource: dict[str, Any]) -> None:
    status = resource[kind.status]
    if 'error' in status:
        why = _last_message(client, resource['id'])
        raise errors.ShellError(f'The {kind.noun} {resource["id"]} is in status {status}. {why}')


def _last_message(client: client_lib.Client, resource_id: str) -> str:
    """What the service left as a message for the user (rest-api 4.19), newest first."""
    try:
        messages = client.get('/messages', 'messages', resource_id=resource_id)
    except errors.ApiError:  # a service need not have messages; the failure itself is the news
        messages = []
    return messages[0]['user_message'] if messages else 'The service left no message about it.'
