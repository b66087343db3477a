# SPDX-License-Identifier: Apache-2.0

"""The RPC end point of the schedulers (rest-api 5)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg
from oslo_log import log as logging

from ssm.common.context import RequestContext
from ssm.db import heartbeats, share_instances
from ssm.rpc.share import ShareClient
from ssm.scheduler.choice import Decision, choose
from ssm.scheduler.host_state import HostStates, PoolState, Service, service_host
from ssm.scheduler.request import Request

LOG = logging.getLogger(__name__)

SHARE_BINARY = 'manila-share'
"""The name share managers have in the table of services."""


class SchedulerManager:
    """Methods that ``ssm.rpc.scheduler.SchedulerClient`` calls.

    :param conf: the loaded configuration
    :param share_client: sends the work on to the chosen hosts
    """

    target = messaging.Target(version='1.1')

    def __init__(self, conf: cfg.ConfigOpts, share_client: ShareClient) -> None:
        self._conf = conf
        self._share_client = share_client
        self._states = HostStates(conf.max_over_subscription_ratio)
        # Choosing and taking off what was chosen belong together.
        self._choosing = threading.Lock()

    def create_share_instance(self, context: RequestContext, request: dict[str, Any]) -> None:
        """Choose a pool for an instance and hand it to that host; none puts it in ``error``."""
        wanted = Request.from_dict(request)
        instance_id = str(wanted.share_instance_id)
        try:
            self._create(context, wanted, instance_id)
        except Exception:
            LOG.exception('Share instance %s could not be scheduled', instance_id)
            share_instances.change(instance_id, ['creating'], status='error')

    def _create(self, context: RequestContext, request: Request, instance_id: str) -> None:
        decision = self._choose(request)
        if decision.pool is None:
            LOG.error('Share instance %s: %s', instance_id, decision.sentence)
            share_instances.change(instance_id, ['creating'], status='error')
            return
        LOG.info('Share instance %s: %s', instance_id, decision.sentence)
        host = decision.pool.host
        if share_instances.schedule(instance_id, host):
            self._share_client.create_share_instance(context, service_host(host), instance_id)
        else:
            LOG.info('Share instance %s waits for a host no longer', instance_id)

    def extend_share(self, context: RequestContext, request: dict[str, Any], new_size: int) -> None:
        """Hand a share to its host if the pool has the room; else it keeps its size (since 1.1)."""
        wanted = Request.from_dict(request)
        instance_id = str(wanted.share_instance_id)
        try:
            decision = self._choose(wanted)
        except Exception:
            LOG.exception('Share instance %s could not be extended', instance_id)
            share_instances.change(instance_id, ['extending'], status='available', wanted_size=None)
            return
        if decision.pool is None:
            LOG.error('Share instance %s keeps its size: %s', instance_id, decision.sentence)
            share_instances.change(instance_id, ['extending'], status='available', wanted_size=None)
            return
        LOG.info('Share instance %s: %s', instance_id, decision.sentence)
        host = service_host(decision.pool.host)
        self._share_client.extend_share(context, host, instance_id, new_size)

    def _choose(self, request: Request) -> Decision:
        """The best pool, its capacity taken off until the next report."""
        with self._choosing:
            decision = choose(self._pools(request), request, self._conf)
            if decision.pool is not None:
                decision.pool.consume(request.size)
            return decision

    def _pools(self, request: Request) -> list[PoolState]:
        services = heartbeats.live(
            SHARE_BINARY, self._conf.service_down_time, with_disabled=request.considers_disabled
        )
        return self._states.pools(
            [
                Service(
                    row.host,
                    row.availability_zone_id,
                    row.availability_zone.name if row.availability_zone else None,
                )
                for row in services
            ],
            share_instances.provisioned(),
        )

    def get_pools(
        self,
        context: RequestContext,
        filters: Mapping[str, str] | None = None,
        extra_specs: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """Items of the pools API, out of the cache; errors go to the caller."""
        return self._states.pool_list(filters, extra_specs)

    def update_service_capabilities(
        self,
        context: RequestContext,
        service_host: str,
        capabilities: dict[str, Any],
        timestamp: str,
    ) -> None:
        """Take in the report of a back end."""
        self._states.update(service_host, capabilities, timestamp)
