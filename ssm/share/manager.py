# SPDX-License-Identifier: Apache-2.0

"""The RPC end point of one back end. The row is the truth, a message is a hint (rule 1)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import oslo_messaging as messaging
from oslo_log import log as logging

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.db import share_instances
from ssm.share import access, managed_servers, servers, shares, sizes, snapshots
from ssm.share.backend import BackEnd

LOG = logging.getLogger(__name__)


class Engine(Protocol):
    """What carries migrations to this back end forward."""

    def check(self, context: RequestContext, **arguments: Any) -> dict[str, Any]: ...

    def wake(self, migration_id: str) -> None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ShareManager:
    """Methods that ``ssm.rpc.share.ShareClient`` calls, one object a back end.

    A method that fails has left its reason in the log, and its resource in ``error``.

    :param zone_id: availability zone of the back end
    :param publish: reports the capabilities soon
    """

    target = messaging.Target(version='1.2')

    def __init__(
        self, backend: BackEnd, engine: Engine, zone_id: str, publish: Callable[[], None]
    ) -> None:
        self._backend = backend
        self._engine = engine
        self._zone_id = zone_id
        self._publish = publish

    # Shares and snapshots.

    def create_share_instance(self, context: RequestContext, share_instance_id: str) -> None:
        """Make the share of an instance."""
        with _or(
            f'Share instance {share_instance_id} could not be created',
            lambda: share_instances.change(share_instance_id, ['creating'], status='error'),
        ):
            shares.create(context, self._backend, share_instance_id, self._zone_id)

    def delete_share_instance(self, context: RequestContext, share_instance_id: str) -> None:
        """Remove the share of an instance."""
        with _or(
            f'Share instance {share_instance_id} could not be deleted',
            lambda: share_instances.change(
                share_instance_id, ['deleting'], status='error_deleting'
            ),
        ):
            shares.delete(context, self._backend, share_instance_id)

    def extend_share(self, context: RequestContext, share_instance_id: str, new_size: int) -> None:
        """Make the share of an instance larger (since 1.2)."""
        with _or(
            f'Share instance {share_instance_id} could not be extended',
            lambda: share_instances.change(
                share_instance_id, ['extending'], status='extending_error'
            ),
        ):
            sizes.extend(context, self._backend, share_instance_id, new_size)

    def shrink_share(self, context: RequestContext, share_instance_id: str, new_size: int) -> None:
        """Make the share of an instance smaller (since 1.2)."""
        with _or(
            f'Share instance {share_instance_id} could not be shrunk',
            lambda: share_instances.change(
                share_instance_id, ['shrinking'], status='shrinking_error'
            ),
        ):
            sizes.shrink(context, self._backend, share_instance_id, new_size)

    def revert_to_snapshot(self, context: RequestContext, snapshot_instance_id: str) -> None:
        """Revert the share of a snapshot instance to it (since 1.2)."""
        with _or(
            f'A share could not be reverted to snapshot instance {snapshot_instance_id}',
            lambda: sizes.fail_revert(snapshot_instance_id),
        ):
            sizes.revert(context, self._backend, snapshot_instance_id)

    def create_snapshot_instance(self, context: RequestContext, snapshot_instance_id: str) -> None:
        """Take the snapshot of a snapshot instance."""
        with _or(
            f'Snapshot instance {snapshot_instance_id} could not be created',
            lambda: snapshots.change(snapshot_instance_id, status='error'),
        ):
            snapshots.create(context, self._backend, snapshot_instance_id)

    def delete_snapshot_instance(self, context: RequestContext, snapshot_instance_id: str) -> None:
        """Remove the snapshot of a snapshot instance."""
        with _or(
            f'Snapshot instance {snapshot_instance_id} could not be deleted',
            lambda: snapshots.change(snapshot_instance_id, status='error_deleting'),
        ):
            snapshots.delete(context, self._backend, snapshot_instance_id)

    def update_access(
        self,
        context: RequestContext,
        share_instance_ids: list[str] | None = None,
        share_server_id: str | None = None,
    ) -> None:
        """Apply access rules, of instances or of all shares of a server.

        What fails is in the states of the rules; the rows stay queued if the run itself does.
        """
        with _or('Access rules could not be updated', lambda: None):
            if share_server_id:
                access.update_server(context, self._backend, share_server_id)
            if share_instance_ids:
                access.update_instances(context, self._backend, share_instance_ids)

    # Share servers.

    def delete_share_server(self, context: RequestContext, share_server_id: str) -> None:
        """Remove a share server without shares; :mod:`ssm.share.servers` leaves the status."""
        with _or(f'Share server {share_server_id} could not be deleted', lambda: None):
            servers.delete(context, self._backend, share_server_id)

    def manage_share_server(
        self, context: RequestContext, share_server_id: str, driver_options: dict[str, Any]
    ) -> None:
        """Take over a share server that exists on the storage (since 1.1)."""
        with _or(
            f'Share server {share_server_id} could not be managed',
            lambda: managed_servers.fail(share_server_id, 'manage'),
        ):
            managed_servers.manage(context, self._backend, share_server_id, driver_options)

    def unmanage_share_server(
        self, context: RequestContext, share_server_id: str, force: bool
    ) -> None:
        """Let a share server go, which stays on the storage (since 1.1)."""
        with _or(
            f'Share server {share_server_id} could not be unmanaged',
            lambda: managed_servers.fail(share_server_id, 'unmanage'),
        ):
            managed_servers.unmanage(context, self._backend, share_server_id, force=force)

    # Migrations of share servers to this back end.

    def check_migration(self, context: RequestContext, **arguments: Any) -> dict[str, Any]:
        """Whether this back end can take a server; an error goes to the caller."""
        return self._engine.check(context, **arguments)

    def wake_migration(self, context: RequestContext, migration_id: str) -> None:
        """Look at a migration's row now."""
        self._engine.wake(migration_id)

    # Reports.

    def publish_capabilities(self, context: RequestContext) -> None:
        """Report to the schedulers now."""
        self._publish()


@contextlib.contextmanager
def _or(failure: str, write_status: Callable[[], object]) -> Iterator[None]:
    """The edge of each method: nothing goes back to a sender who does not wait for an answer."""
    try:
        yield
    except (exceptions.Conflict, exceptions.NotFound) as refusal:
        LOG.warning('%s: %s', failure, refusal)
    except Exception:
        LOG.exception('%s', failure)
        write_status()
