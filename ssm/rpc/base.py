# SPDX-License-Identifier: Apache-2.0

"""What all RPC clients share."""

from __future__ import annotations

from typing import Any

import oslo_messaging as messaging

from ssm.common import exceptions, rpc
from ssm.common.context import RequestContext
from ssm.db import engine


class Client:
    """Base of a service's client.

    A cast merely announces what the database already says (rule 1); a call waits for the answer
    at most ``rpc_response_timeout`` seconds.
    """

    topic: str
    version: str

    def cast(
        self,
        context: RequestContext,
        method: str,
        *,
        host: str | None = None,
        fanout: bool = False,
        **arguments: Any,
    ) -> None:
        """Send and forget, to one host, to any of the topic, or to all of it."""
        engine.assert_outside(f'cast {method}')
        target = {'server': host} if host else {'fanout': True} if fanout else {}
        rpc.client(self.topic, self.version).prepare(**target).cast(context, method, **arguments)

    def call(
        self, context: RequestContext, method: str, *, host: str | None = None, **arguments: Any
    ) -> Any:
        """Send and wait for the answer.

        :raises ServiceUnavailable: no answer within the time-out
        """
        engine.assert_outside(f'call {method}')
        target = {'server': host} if host else {}
        try:
            return (
                rpc.client(self.topic, self.version)
                .prepare(**target)
                .call(context, method, **arguments)
            )
        except messaging.MessagingTimeout as exc:
            raise exceptions.ServiceUnavailable(
                reason=f'{host or self.topic} did not answer {method} in time.'
            ) from exc
