# SPDX-License-Identifier: Apache-2.0

"""The context of a request: who asks, under which request id. It travels with every message."""

from typing import Any

import oslo_messaging as messaging
from oslo_context import context as oslo_context


class RequestContext(oslo_context.RequestContext):
    """Identity, roles and request id of a caller; ``is_admin`` is set by policy or elevation."""

    def elevated(self) -> 'RequestContext':
        """A copy that acts as administrator under the same request id."""
        values = self.to_dict()
        values['is_admin'] = True
        values['roles'] = sorted({*self.roles, 'admin'})
        return RequestContext.from_dict(values)


def admin_context(request_id: str | None = None) -> RequestContext:
    """A context for what the service does by itself.

    :param request_id: continue under this id, None makes a new one
    """
    return RequestContext(is_admin=True, roles=['admin'], request_id=request_id, overwrite=False)


class ContextSerializer(messaging.NoOpSerializer):
    """Carries a :class:`RequestContext` through oslo.messaging; payloads are plain JSON."""

    def serialize_context(self, ctxt: RequestContext) -> dict[str, Any]:
        return ctxt.to_dict()

    def deserialize_context(self, ctxt: dict[str, Any]) -> RequestContext:
        return RequestContext.from_dict(ctxt)
