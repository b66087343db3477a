# SPDX-License-Identifier: Apache-2.0

"""Client of the schedulers."""

from __future__ import annotations

from typing import Any

from ssm.common.context import RequestContext
from ssm.rpc import base


class SchedulerClient(base.Client):
    """Client of ``ssm-scheduler``.

    Version history:

    * 1.0: the first one
    * 1.1: adds extend_share
    """

    topic = 'ssm-scheduler'
    version = '1.1'

    def create_share_instance(self, context: RequestContext, request: dict[str, Any]) -> None:
        """Choose a pool for a new instance and hand it to that host.

        :param request: a ``ssm.scheduler.request.Request`` as a dict
        """
        self.cast(context, 'create_share_instance', request=request)

    def extend_share(self, context: RequestContext, request: dict[str, Any], new_size: int) -> None:
        """Look whether the pool of a share has the room and hand it to that host.

        :param request: a ``ssm.scheduler.request.Request`` as a dict, of the increase
        :param new_size: of the share, GiB
        """
        self.cast(context, 'extend_share', request=request, new_size=new_size)

    def get_pools(
        self,
        context: RequestContext,
        *,
        filters: dict[str, str],
        extra_specs: dict[str, str] | None,
    ) -> list[dict[str, Any]]:
        """Pools with ``name host backend pool capabilities`` (rest-api 4.15).

        :raises ServiceUnavailable: no scheduler answers
        """
        return self.call(context, 'get_pools', filters=filters, extra_specs=extra_specs)

    def update_service_capabilities(
        self,
        context: RequestContext,
        *,
        service_host: str,
        capabilities: dict[str, Any],
        timestamp: str,
    ) -> None:
        """A back end's report, to all schedulers; ``timestamp`` is ISO 8601 in UTC."""
        self.cast(
            context,
            'update_service_capabilities',
            fanout=True,
            service_host=service_host,
            capabilities=capabilities,
            timestamp=timestamp,
        )
