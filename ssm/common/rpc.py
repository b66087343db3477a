# SPDX-License-Identifier: Apache-2.0

"""The message bus: one transport a process, servers and clients on it.

Exchange and topics are ssm's own, so that a broker can be shared with other services.
"""

from __future__ import annotations

from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg

from ssm.common import context

SENDING_RETRIES = 1
"""Further attempts to hand a message to the bus; then whoever sends it is told."""

_transport: messaging.Transport | None = None


def transport() -> messaging.Transport:
    """The process's transport by ``transport_url``, made at first use."""
    global _transport
    if _transport is None:
        _transport = messaging.get_rpc_transport(cfg.CONF)
    return _transport


def cleanup() -> None:
    """Close the transport; the next use makes a new one."""
    global _transport
    if _transport is not None:
        _transport.cleanup()
        _transport = None


def server(topic: str, host: str, endpoints: list[Any]) -> messaging.RPCServer:
    """A server for messages to a topic, addressed to ``host`` or to all of the topic."""
    return messaging.get_rpc_server(
        transport(),
        messaging.Target(topic=topic, server=host),
        endpoints,
        serializer=context.ContextSerializer(),
        access_policy=messaging.DefaultRPCAccessPolicy,
    )


def client(topic: str, version: str) -> messaging.RPCClient:
    """A client that sends to a topic, at most in the given version of its interface."""
    return messaging.get_rpc_client(
        transport(),
        messaging.Target(topic=topic, version=version),
        version_cap=version,
        serializer=context.ContextSerializer(),
        retry=SENDING_RETRIES,
    )
