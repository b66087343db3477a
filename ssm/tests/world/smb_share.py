# SPDX-License-Identifier: Apache-2.0

"""A CIFS share on the server of a tenant, as its users find it by the API."""

from __future__ import annotations

from typing import Any

from ssm.tests.world.smb_client import SmbClient
from ssm.tests.world.tenant import Tenant
from ssm.tests.world.wait import until


class SmbShare:
    """Made with the type and in the network of the tenant's other shares.

    :param namespace: where its users are
    """

    def __init__(self, tenant: Tenant, namespace: str) -> None:
        self._world = tenant.world
        self._namespace = namespace
        beside = tenant.show(next(iter(tenant.shares)))
        wish = {'share_proto': 'CIFS', 'size': 1, 'name': f'{tenant.name}-cifs'}
        wish |= {key: beside[key] for key in ('share_type', 'share_network_id')}
        wish['availability_zone'] = beside['availability_zone']
        self.id = self._world.request('POST', '/shares', {'share': wish})['share']['id']
        until(lambda: self.show()['status'] == 'available', 'the share')

    def show(self) -> Any:
        """It as the API shows it."""
        return self._world.get(f'/shares/{self.id}')['share']

    def location(self) -> str:
        """Where users find it now."""
        (found,) = self._world.get(f'/shares/{self.id}/export_locations')['export_locations']
        path: str = found['path']
        return path

    def rules(self) -> dict[str, Any]:
        """Its rules by user."""
        rules = self._world.get(f'/share-access-rules?share_id={self.id}')['access_list']
        return {rule['access_to']: rule for rule in rules}

    def allow(self, user: str, level: str) -> SmbClient:
        """Let a user in; returns his client."""
        rule = {'access_type': 'user', 'access_to': user, 'access_level': level}
        self._act(allow_access=rule)
        until(lambda: self.rules()[user]['state'] == 'active', f'access of {user}')
        return SmbClient(self._namespace, user, self.rules()[user]['access_key'])

    def deny(self, user: str) -> None:
        """Take the rule of a user away."""
        self._act(deny_access={'access_id': self.rules()[user]['id']})
        until(lambda: user not in self.rules(), f'no access of {user}')

    def _act(self, **action: Any) -> None:
        self._world.request('POST', f'/shares/{self.id}/action', action)

    def delete(self) -> None:
        """Ask for its removal."""
        self._world.request('DELETE', f'/shares/{self.id}')
