# SPDX-License-Identifier: Apache-2.0

"""The scheduler as a service."""

from __future__ import annotations

from collections.abc import Callable

from oslo_config import cfg
from oslo_log import log as logging

from ssm.common import loops, rpc
from ssm.common.context import admin_context
from ssm.db import heartbeats
from ssm.rpc.scheduler import SchedulerClient
from ssm.rpc.share import ShareClient
from ssm.scheduler.manager import SchedulerManager

LOG = logging.getLogger(__name__)

BINARY = 'manila-scheduler'
"""The name clients of the API know schedulers by."""

STOP_TIMEOUT = 2.0
"""Seconds that stopping waits for a loop, or for the bus."""


class SchedulerService:
    """Answers until it is stopped.

    :param conf: the loaded configuration
    """

    name = 'scheduler'

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._identity = heartbeats.Identity(
            host=conf.host,
            binary=BINARY,
            topic=SchedulerClient.topic,
            zone=conf.storage_availability_zone,
            enabled=conf.enable_new_services,
        )
        self._undo: list[Callable[[], object]] = []

    def start(self) -> bool:
        """Begin to serve; True, as nothing of a back end can be wrong here."""
        heartbeats.register(self._identity)
        client = ShareClient()
        server = rpc.server(
            SchedulerClient.topic, self._conf.host, [SchedulerManager(self._conf, client)]
        )
        server.start()
        self._undo.append(lambda: loops.within(STOP_TIMEOUT, server.stop, 'stop scheduler'))
        self._loop(
            'heartbeat',
            lambda: heartbeats.keep_alive(self._identity),
            self._conf.report_interval,
        )
        self._loop('down services', self._mark_down, self._conf.service_down_time)
        client.publish_capabilities(admin_context())
        return True

    def stop(self) -> None:
        """End what :meth:`start` began."""
        while self._undo:
            self._undo.pop()()
        heartbeats.leave(self._identity, heartbeats.STOPPED)

    def _loop(self, name: str, work: Callable[[], None], interval: float) -> None:
        loop = loops.Periodic(f'scheduler {name}', work, interval)
        loop.start()
        self._undo.append(lambda: loop.stop(STOP_TIMEOUT))

    def _mark_down(self) -> None:
        count = heartbeats.mark_down(self._conf.service_down_time)
        if count:
            LOG.warning('%s services gave no sign of life and count as down', count)
