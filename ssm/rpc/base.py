# SPDX-License-Identifier: Apache-2.0

"""What all RPC clients share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import kombu.exceptions
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
        """Send and forget, to one host, to any of the topic, or to all of it.

        :raises ServiceUnavailable: the message bus takes no message
        """
        engine.assert_outside(f'cast {method}')
        target = {'server': host} if host else {'fanout': True} if fanout else {}
        with _told_apart(method, host or self.topic):
            rpc.client(self.topic, self.version).prepare(**target).cast(
                context, method, **arguments
            )

    def call(
        self, context: RequestContext, method: str, *, host: str | None = None, **arguments: Any
    ) -> Any:
        """Send and wait for the answer.

        :raises ServiceUnavailable: no answer within the time-out, an error in the place of one,
            or no message bus
        """
        engine.assert_outside(f'call {method}')
        target = {'server': host} if host else {}
        with _told_apart(method, host or self.topic):
            return (
                rpc.client(self.topic, self.version)
                .prepare(**target)
                .call(context, method, **arguments)
            )


# A connection that can't even be made is told by the library below oslo.messaging itself.
_NOT_SENT = (messaging.MessageDeliveryFailure, kombu.exceptions.OperationalError)


@contextlib.contextmanager
def _told_apart(method: str, whom: str) -> Iterator[None]:
    """What the bus raises, as an error that says whether the peer or the bus is missing."""
    try:
        yield
    except messaging.MessagingTimeout as exc:
        raise exceptions.ServiceUnavailable(
            reason=f'{whom} did not answer {method} in time.'
        ) from exc
    except messaging.RemoteError as exc:
        # Its text holds the traceback of the other side.
        raise exceptions.ServiceUnavailable(
            reason=f'{whom} failed in {method}: {exc.exc_type}. See its log.'
        ) from exc
    except _NOT_SENT as exc:
        raise exceptions.ServiceUnavailable(
            reason=f'The message bus does not take {method} for {whom}: {exc}'
        ) from exc
