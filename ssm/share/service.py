# SPDX-License-Identifier: Apache-2.0

"""The service of one back end: what ``ssm-share`` runs for each stanza."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import oslo_messaging as messaging
from oslo_config import cfg
from oslo_log import log as logging
from oslo_utils import timeutils, uuidutils

from ssm.common import exceptions, loops, rpc
from ssm.common.context import admin_context
from ssm.conf.backend import BackendConfig
from ssm.db import heartbeats, share_instances, share_servers_store
from ssm.migration import store
from ssm.migration.engine import Engine
from ssm.migration.run import Tools
from ssm.network.base import NetworkPlugin
from ssm.rpc.scheduler import SchedulerClient
from ssm.rpc.share import ShareClient
from ssm.share import access, backend, capabilities, manager, servers, shares

LOG = logging.getLogger(__name__)

BINARY = 'manila-share'
"""The name clients of the API know share managers by."""

CLEANUP_INTERVAL = 600
"""Seconds between two looks for unused share servers (contract 4.12)."""

RETIREMENT_INTERVAL = 10
"""Seconds between two looks for sources of completed migrations whose time has come."""

STOP_TIMEOUT = 2.0
"""Seconds that stopping waits for a loop, or for the bus; what still runs then is left alone."""


class ShareService:
    """Serves one back end until it is stopped.

    :param conf: the loaded configuration
    :param backend_name: the stanza
    """

    def __init__(self, conf: cfg.ConfigOpts, backend_name: str) -> None:
        self.name = f'back end {backend_name}'
        self._conf = conf
        self._backend_name = backend_name
        self._boot_id = uuidutils.generate_uuid()[:8]
        self._undo: list[Callable[[], object]] = []

    def start(self) -> bool:
        """Begin to serve; False, and one line in the log, if the back end can't be served."""
        wrong: exceptions.ConfigurationError | None = None
        try:
            self._start()
        except exceptions.ConfigurationError as error:
            wrong = error
        except Exception:
            LOG.exception('Back end %s stays down', self._backend_name)
        else:
            return True
        if wrong:
            # Outside of the handler, or the log repeats the error behind the sentence.
            LOG.error('Back end %s stays down: %s', self._backend_name, wrong)
        self._stop(heartbeats.DOWN)
        return False

    def stop(self) -> None:
        """End everything :meth:`start` began, in the reverse order."""
        self._stop(heartbeats.STOPPED)

    def _start(self) -> None:
        context = admin_context()
        back_end = backend.load(self._conf, self._backend_name, self._boot_id)
        back_end.driver.do_setup(context)
        identity = self._identity(back_end.config)
        zone_id = heartbeats.register(identity)
        self._loop('heartbeat', lambda: heartbeats.keep_alive(identity), self._conf.report_interval)
        self._ensure(back_end)
        report = self._loop('report', lambda: _report(back_end), self._conf.periodic_interval)
        engine = self._engine(back_end)
        endpoint = manager.ShareManager(back_end, engine, zone_id, report.wake)
        self._serve(back_end.host, endpoint)
        _resend(back_end.host)
        engine.start()
        self._undo.append(engine.stop)
        self._housekeeping(back_end)
        LOG.info('Back end %s is served as %s', self._backend_name, back_end.host)

    def _identity(self, config: BackendConfig) -> heartbeats.Identity:
        return heartbeats.Identity(
            host=config.host,
            binary=BINARY,
            topic=ShareClient.topic,
            zone=config.availability_zone,
            enabled=self._conf.enable_new_services,
        )

    def _ensure(self, back_end: backend.BackEnd) -> None:
        """Serve again what was served; a driver that fails in it leaves the service usable."""
        context = admin_context()
        try:
            shares.ensure(context, back_end)
            access.resume(context, back_end)
        except Exception:
            LOG.exception('Back end %s could not serve all shares again', self._backend_name)

    def _engine(self, back_end: backend.BackEnd) -> manager.Engine:
        tools = Tools(
            driver=back_end.driver,
            backend=back_end.config,
            # Never asked for addresses where the driver handles no share servers.
            network=cast(NetworkPlugin, back_end.plugin),
            admin_network=back_end.admin_plugin,
            share_client=ShareClient(),
            report=lambda: capabilities.report(back_end, back_end.driver.get_share_stats()),
        )
        return Engine(tools, self._boot_id)

    def _serve(self, host: str, endpoint: manager.ShareManager) -> None:
        server: messaging.RPCServer = rpc.server(ShareClient.topic, host, [endpoint])
        server.start()
        self._undo.append(lambda: loops.within(STOP_TIMEOUT, server.stop, f'stop {host}'))

    def _housekeeping(self, back_end: backend.BackEnd) -> None:
        config = back_end.config
        if not back_end.handles_servers:
            return
        if config.automatic_share_server_cleanup:
            self._loop(
                'cleanup', lambda: servers.clean_up(admin_context(), back_end), CLEANUP_INTERVAL
            )
        if config.migrated_share_server_retention >= 0:
            self._loop(
                'retirement', lambda: servers.retire(admin_context(), back_end), RETIREMENT_INTERVAL
            )

    def _loop(self, name: str, work: Callable[[], None], interval: float) -> loops.Periodic:
        loop = loops.Periodic(f'{self._backend_name} {name}', work, interval)
        loop.start()
        self._undo.append(lambda: loop.stop(STOP_TIMEOUT))
        return loop

    def _stop(self, state: str) -> None:
        while self._undo:
            self._undo.pop()()
        heartbeats.leave(self._identity(BackendConfig(self._conf, self._backend_name)), state)


def _resend(host: str) -> None:
    """Send once more what a crash may have swallowed: the rows say what was to be done (rule 1)."""
    client, context = ShareClient(), admin_context()
    shares_to = {'creating': client.create_share_instance, 'deleting': client.delete_share_instance}
    sizes_to = {'extending': client.extend_share, 'shrinking': client.shrink_share}
    snapshots_to = {
        'creating': client.create_snapshot_instance,
        'deleting': client.delete_snapshot_instance,
        'restoring': client.revert_to_snapshot,
    }
    for status, instance_id in share_instances.unfinished(host):
        shares_to[status](context, host, instance_id)
    for status, instance_id, size in share_instances.unfinished_sizes(host):
        # without the scheduler: it may have said yes already
        sizes_to[status](context, host, instance_id, size)
    for status, instance_id in share_instances.unfinished_snapshots(host):
        snapshots_to[status](context, host, instance_id)
    servers_to = share_servers_store.starting(host)
    for server_id in servers_to['manage_starting']:
        # The administrator's options went with the message; a driver that needs them refuses.
        client.manage_share_server(context, host, server_id, {})
    for server_id in servers_to['unmanage_starting']:
        client.unmanage_share_server(context, host, server_id, force=False)


def _report(back_end: backend.BackEnd) -> None:
    stats = back_end.driver.get_share_stats()
    SchedulerClient().update_service_capabilities(
        admin_context(),
        service_host=back_end.host,
        capabilities=capabilities.report(back_end, stats, store.claim_on(back_end.host)),
        timestamp=timeutils.utcnow().isoformat(),
    )
