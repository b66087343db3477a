# SPDX-License-Identifier: Apache-2.0

"""Client of the share managers."""

from __future__ import annotations

from typing import Any

from oslo_log import log as logging

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.rpc import base

LOG = logging.getLogger(__name__)


class ShareClient(base.Client):
    """Client of ``ssm-share``; ``host`` is the service host ``host@backend``.

    Version history:

    * 1.0: the first one
    * 1.1: adds manage_share_server and unmanage_share_server
    * 1.2: adds extend_share, shrink_share and revert_to_snapshot
    """

    topic = 'ssm-share'
    version = '1.2'

    def create_share_instance(self, context: RequestContext, host: str, instance_id: str) -> None:
        """Make the share of an instance that has its host."""
        self.cast(context, 'create_share_instance', host=host, share_instance_id=instance_id)

    def delete_share_instance(self, context: RequestContext, host: str, instance_id: str) -> None:
        """Remove the share of an instance in ``deleting``."""
        self.cast(context, 'delete_share_instance', host=host, share_instance_id=instance_id)

    def extend_share(
        self, context: RequestContext, host: str, instance_id: str, new_size: int
    ) -> None:
        """Make the share of an instance in ``extending`` larger; ``new_size`` is GiB."""
        self.cast(
            context,
            'extend_share',
            host=host,
            share_instance_id=instance_id,
            new_size=new_size,
        )

    def shrink_share(
        self, context: RequestContext, host: str, instance_id: str, new_size: int
    ) -> None:
        """Make the share of an instance in ``shrinking`` smaller; ``new_size`` is GiB."""
        self.cast(
            context,
            'shrink_share',
            host=host,
            share_instance_id=instance_id,
            new_size=new_size,
        )

    def revert_to_snapshot(
        self, context: RequestContext, host: str, snapshot_instance_id: str
    ) -> None:
        """Revert a share to the snapshot of a snapshot instance in ``restoring``."""
        self.cast(
            context,
            'revert_to_snapshot',
            host=host,
            snapshot_instance_id=snapshot_instance_id,
        )

    def create_snapshot_instance(
        self, context: RequestContext, host: str, snapshot_instance_id: str
    ) -> None:
        """Take the snapshot of a snapshot instance in ``creating``."""
        self.cast(
            context,
            'create_snapshot_instance',
            host=host,
            snapshot_instance_id=snapshot_instance_id,
        )

    def delete_snapshot_instance(
        self, context: RequestContext, host: str, snapshot_instance_id: str
    ) -> None:
        """Remove the snapshot of a snapshot instance in ``deleting``."""
        self.cast(
            context,
            'delete_snapshot_instance',
            host=host,
            snapshot_instance_id=snapshot_instance_id,
        )

    def update_access(
        self,
        context: RequestContext,
        host: str,
        *,
        share_instance_ids: list[str] | None = None,
        share_server_id: str | None = None,
    ) -> None:
        """Apply queued changes of access rules, to given instances or to all of a server."""
        self.cast(
            context,
            'update_access',
            host=host,
            share_instance_ids=share_instance_ids,
            share_server_id=share_server_id,
        )

    def delete_share_server(self, context: RequestContext, host: str, share_server_id: str) -> None:
        """Remove a share server that has no shares."""
        self.cast(context, 'delete_share_server', host=host, share_server_id=share_server_id)

    def manage_share_server(
        self,
        context: RequestContext,
        host: str,
        share_server_id: str,
        driver_options: dict[str, Any],
    ) -> None:
        """Take over the server of a row in ``manage_starting``, which has its identifier."""
        self.cast(
            context,
            'manage_share_server',
            host=host,
            share_server_id=share_server_id,
            driver_options=driver_options,
        )

    def unmanage_share_server(
        self, context: RequestContext, host: str, share_server_id: str, *, force: bool
    ) -> None:
        """Let the server of a row in ``unmanage_starting`` go; ``force`` overrules the driver."""
        self.cast(
            context,
            'unmanage_share_server',
            host=host,
            share_server_id=share_server_id,
            force=force,
        )

    def publish_capabilities(self, context: RequestContext) -> None:
        """Ask all share managers to report to the schedulers now."""
        self.cast(context, 'publish_capabilities', fanout=True)

    def check_migration(
        self,
        context: RequestContext,
        host: str,
        *,
        share_server_id: str,
        new_share_network_id: str,
        availability_zone_id: str | None,
        writable: bool,
        nondisruptive: bool,
        preserve_snapshots: bool,
    ) -> dict[str, Any]:
        """Ask the destination whether it can take a server.

        :param new_share_network_id: the effective network
        :returns: ``compatible``, ``capabilities`` as the driver said, ``findings``
        :raises ServiceUnavailable: no answer in time
        """
        return self.call(
            context,
            'check_migration',
            host=host,
            share_server_id=share_server_id,
            new_share_network_id=new_share_network_id,
            availability_zone_id=availability_zone_id,
            writable=writable,
            nondisruptive=nondisruptive,
            preserve_snapshots=preserve_snapshots,
        )

    def wake_migration(self, context: RequestContext, host: str, migration_id: str) -> None:
        """Tell the destination that a migration's row changed; the row says what to do.

        Never fails: where the message gets lost, the destination's sweep finds the row (rule 1).
        """
        try:
            self.cast(context, 'wake_migration', host=host, migration_id=migration_id)
        except exceptions.ServiceUnavailable:
            LOG.warning('Migration %s: %s was not woken, its sweep will see', migration_id, host)
