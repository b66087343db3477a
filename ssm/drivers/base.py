# SPDX-License-Identifier: Apache-2.0

"""The interface of a storage driver (contract, section 5).

A driver serves one back end. It sees neither the database nor the API: what it needs is handed
to it as plain objects, what it wants to keep it puts into the private storage it was given.

Rules for every method: it may be called again after a crash with the same arguments and then
has to end the same way. It raises :class:`~ssm.common.exceptions.DriverRefused` for what will
never work, :class:`~ssm.common.exceptions.DriverBusy` for what is worth another try; any other
exception counts as refused. Long work is done by processes of the driver's own, never in the
service: a method starts it or asks about it.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NotRequired, Protocol, TypedDict

from oslo_config import cfg

from ssm.common.context import RequestContext
from ssm.common.exceptions import DriverRefused
from ssm.common.findings import Finding
from ssm.conf.backend import BackendConfig


class NetworkAllocation(TypedDict):
    """One address of a share server."""

    id: str
    label: str
    ip_address: str
    ip_version: int
    cidr: str
    gateway: str | None
    mtu: int | None
    network_type: str | None
    segmentation_id: int | None
    mac_address: str | None
    share_network_subnet_id: str | None


class NetworkInfo(TypedDict):
    """What a driver is told of one subnet of a server (contract 5.6)."""

    server_id: str
    share_network_subnet_id: str
    segmentation_id: int | None
    cidr: str | None
    gateway: str | None
    mtu: int | None
    neutron_net_id: str | None
    neutron_subnet_id: str | None
    network_type: str | None
    security_services: list[dict[str, Any]]
    network_allocations: list[NetworkAllocation]
    admin_network_allocations: list[NetworkAllocation]
    backend_details: dict[str, str]
    subnet_metadata: dict[str, str]


class ShareServer(TypedDict):
    """A share server as drivers see it; ``host`` is ``host@backend``."""

    id: str
    host: str
    status: str
    identifier: str | None
    share_network_id: str | None
    backend_details: dict[str, str]
    network_allocations: list[NetworkAllocation]
    share_network_subnets: list[dict[str, Any]]


class AccessRule(TypedDict):
    """``access_level`` is ``rw`` or ``ro``; ``access_id`` names the rule for its whole life.

    ``access_key`` is there once :meth:`ShareDriver.access_keys` gave one; a secret.
    """

    access_id: str
    access_type: str
    access_to: str
    access_level: str
    access_key: NotRequired[str]


class ExportLocation(TypedDict):
    """Where clients find a share."""

    path: str
    is_admin_only: bool
    metadata: NotRequired[dict[str, str]]


class Share(TypedDict):
    """A share instance with the data of its share; ``size`` in GiB, ``id`` is the instance's.

    ``name`` is what the share is called on the storage. ``access_rules`` is filled where rules
    matter: on the calls of a migration and on ``ensure_shares``.
    """

    id: str
    share_id: str
    name: str
    project_id: str
    size: int
    share_proto: str
    host: str
    status: str
    share_server_id: str | None
    snapshot_id: str | None
    share_type: dict[str, Any]
    access_rules: list[AccessRule]
    export_locations: list[ExportLocation]


class Snapshot(TypedDict):
    """A snapshot instance; ``size`` is that of the share in GiB. Lists are oldest first."""

    id: str
    snapshot_id: str
    name: str
    share_id: str
    share_instance_id: str
    share_name: str
    size: int
    status: str
    provider_location: str | None


@dataclasses.dataclass(frozen=True)
class Token:
    """Names one run of a migration towards the storage (decisions 15, 18).

    Whoever carries a higher epoch first ends the work of lower ones, then records its own; work
    of a lower epoch than the recorded one must fail.
    """

    migration_id: str
    epoch: int
    attempt: int


class Capabilities(TypedDict, total=False):
    """Answer of a compatibility check (contract 5.3); a missing key counts as false.

    ``keeps_addresses``: a new server can take over the addresses of its source.
    """

    compatible: bool | None
    writable: bool | None
    nondisruptive: bool | None
    preserve_snapshots: bool | None
    migration_cancel: bool | None
    migration_get_progress: bool | None
    keeps_addresses: bool | None
    share_network_id: str | None
    findings: list[Finding]


class Progress(TypedDict, total=False):
    """Answer of get_progress; only ``total_progress`` (0 to 100) is mandatory.

    Bytes are of file content; ``rate`` is bytes a second; ``seconds_left`` and
    ``predicted_downtime`` are seconds; ``shares`` has the same keys per share instance id.
    """

    total_progress: int
    bytes_total: int
    bytes_done: int
    rate: float
    seconds_left: float | None
    round: int
    dirty_bytes: int
    predicted_downtime: float | None
    shares: dict[str, dict[str, Any]]
    findings: list[Finding]


class ShareUpdate(TypedDict, total=False):
    """What completing changed of one share; ``pool_name`` is the part after ``#``."""

    export_locations: list[ExportLocation]
    pool_name: str


class SnapshotUpdate(TypedDict, total=False):
    """What completing changed of one snapshot."""

    provider_location: str
    export_locations: list[ExportLocation]


class Completion(TypedDict, total=False):
    """Answer of complete (contract 5.5), keyed by instance ids."""

    share_updates: dict[str, ShareUpdate]
    snapshot_updates: dict[str, SnapshotUpdate]
    server_backend_details: dict[str, str]
    findings: list[Finding]


class PrivateData(Protocol):
    """A driver's own key-value pairs per entity; values up to 1023 characters."""

    def get(self, entity_id: str, key: str, default: str | None = None) -> str | None: ...

    def update(self, entity_id: str, values: Mapping[str, str]) -> None: ...

    def delete(self, entity_id: str, key: str | None = None) -> None: ...


class ShareDriver(abc.ABC):
    """Base of all drivers, one object per back end.

    :param backend: the back end's stanza; ``backend.peer(name)`` reads another one
    :param private_data: survives restarts of the service
    """

    options: ClassVar[list[cfg.Opt]] = []
    """Options read from the back end's stanza, registered before the driver is made."""

    supported_modes: ClassVar[tuple[bool, ...]] = (True,)
    """Values of ``driver_handles_share_servers`` the driver can work with."""

    security_service_update_support = False
    network_allocation_update_support = False
    share_server_multiple_subnet_support = False
    share_replicas_migration_support = False

    repeatable_setup = False
    repeatable_start = False
    repeatable_complete = False
    """False: a step found begun after a crash is not tried again but ends the migration."""

    def __init__(self, backend: BackendConfig, private_data: PrivateData) -> None:
        self.backend = backend
        self.private_data = private_data

    def do_setup(self, context: RequestContext) -> None:
        """Prepare the back end when its service starts; called once, before all else.

        :raises ConfigurationError: an option is missing or wrong; the back end stays down
        """

    @abc.abstractmethod
    def get_share_stats(self) -> dict[str, Any]:
        """The capability report of rest-api 5.3, less what the service adds itself.

        Capacities in GiB; ``pools`` a list of pools, each with ``pool_name``.
        """

    # Share servers

    def get_network_allocations_number(self) -> int:
        """Addresses a server needs on each of its subnets."""
        return 1

    def get_admin_network_allocations_number(self) -> int:
        """Addresses a server needs on the administrative network."""
        return 0

    @abc.abstractmethod
    def setup_server(
        self,
        context: RequestContext,
        network_info: list[NetworkInfo],
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, str]:
        """Make a share server on the storage.

        :param metadata: for the destination of a migration ``migration_destination`` (True),
            ``request_host``, ``source_share_server`` and ``keeps_addresses`` (whether the
            addresses are still those of the source, until complete)
        :returns: back end details, kept with the server; key ``identifier`` names it on the
            storage
        """

    @abc.abstractmethod
    def teardown_server(
        self,
        context: RequestContext,
        share_server: ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        """Remove a share server and whatever is left on it; one that is gone is no error."""

    def manage_server(
        self,
        context: RequestContext,
        share_server: ShareServer,
        identifier: str,
        driver_options: Mapping[str, Any],
    ) -> tuple[str, dict[str, str]]:
        """Take over a share server that exists on the storage (contract 2.10).

        :param share_server: its new record, without details and addresses
        :param identifier: what the administrator calls it
        :param driver_options: as the administrator gave them
        :returns: what the driver calls it, and back end details as of :meth:`setup_server`;
            key ``addresses`` names its addresses with commas between, which then nobody else
            gets, and is not kept
        :raises DriverRefused: there is no such server, or the driver takes none over
        """
        raise _not_offered('manage_not_supported', 'This driver takes over no share servers.')

    def unmanage_server(
        self,
        context: RequestContext,
        share_server: ShareServer,
        security_services: list[dict[str, Any]],
    ) -> None:
        """Let a share server without shares go; it stays on the storage as it is.

        :raises DriverRefused: the driver lets none go
        """
        raise _not_offered('unmanage_not_supported', 'This driver lets no share servers go.')

    # Shares

    @abc.abstractmethod
    def create_share(
        self, context: RequestContext, share: Share, share_server: ShareServer | None
    ) -> list[ExportLocation]:
        """Make an empty share; returns where clients find it."""

    def create_share_from_snapshot(
        self,
        context: RequestContext,
        share: Share,
        snapshot: Snapshot,
        share_server: ShareServer | None,
    ) -> list[ExportLocation]:
        """Make a share with the content of a snapshot."""
        raise NotImplementedError

    @abc.abstractmethod
    def delete_share(
        self, context: RequestContext, share: Share, share_server: ShareServer | None
    ) -> None:
        """Remove a share; one that is gone is no error."""

    def extend_share(
        self,
        context: RequestContext,
        share: Share,
        new_size: int,
        share_server: ShareServer | None,
    ) -> None:
        """Make a share larger while clients use it.

        :param new_size: GiB, more than ``share['size']``
        :raises DriverRefused: the driver can't
        """
        raise _not_offered('extend_not_supported', 'This driver makes no shares larger.')

    def shrink_share(
        self,
        context: RequestContext,
        share: Share,
        new_size: int,
        share_server: ShareServer | None,
    ) -> None:
        """Make a share smaller while clients use it.

        :param new_size: GiB, less than ``share['size']``
        :raises DataLoss: its data does not fit; the share is as it was
        :raises DriverRefused: the driver can't
        """
        raise _not_offered('shrink_not_supported', 'This driver makes no shares smaller.')

    def revert_to_snapshot(
        self,
        context: RequestContext,
        share: Share,
        snapshot: Snapshot,
        share_server: ShareServer | None,
    ) -> None:
        """Give a share the content and the size of its newest snapshot; rules and paths stay.

        What clients wrote since is gone, also what they write while it goes on. A driver that
        can reports ``revert_to_snapshot_support``.

        :raises DriverRefused: the driver can't; the share has the old content or the new one,
            nothing in between
        """
        raise _not_offered('revert_not_supported', 'This driver reverts no shares.')

    @abc.abstractmethod
    def create_snapshot(
        self, context: RequestContext, snapshot: Snapshot, share_server: ShareServer | None
    ) -> dict[str, Any]:
        """Take a snapshot; returns columns to store, e.g. ``provider_location``."""

    @abc.abstractmethod
    def delete_snapshot(
        self, context: RequestContext, snapshot: Snapshot, share_server: ShareServer | None
    ) -> None:
        """Remove a snapshot; one that is gone is no error."""

    def ensure_shares(
        self,
        context: RequestContext,
        shares: Iterable[tuple[Share, ShareServer | None]],
    ) -> dict[str, list[ExportLocation]]:
        """Serve again what the service knows, after a start of the service.

        A server that is fenced stays closed (decision 16).

        :returns: export locations per share instance id, for those that changed
        """
        return {}

    @abc.abstractmethod
    def update_access(
        self,
        context: RequestContext,
        share: Share,
        access_rules: list[AccessRule],
        share_server: ShareServer | None,
    ) -> dict[str, str]:
        """Make exactly these rules hold for a share.

        :returns: reason by ``access_id`` for each rule that could not be applied
        """

    def access_keys(
        self,
        context: RequestContext,
        share: Share,
        access_rules: list[AccessRule],
        share_server: ShareServer | None,
    ) -> dict[str, str]:
        """Secrets by which those whom rules name reach a share, e.g. passwords of users.

        Called after :meth:`update_access` with the rules that hold now. Who may read a rule reads
        its key (rest-api 4.7), and drivers get it back with the rule, also at the destination of
        a migration: there it has to stay as it is.

        :returns: key by ``access_id``, at most 255 characters; rules without one are left out
        """
        return {}

    # Share server migration; called on the driver of the destination

    def share_server_migration_check_compatibility(
        self,
        context: RequestContext,
        share_server: ShareServer,
        dest_host: str,
        old_share_network: dict[str, Any],
        new_share_network: dict[str, Any],
        shares_request_spec: dict[str, Any],
    ) -> Capabilities:
        """Whether this back end can take the server; changes nothing.

        Reasons go into ``findings`` of the answer.
        """
        return Capabilities(
            compatible=False,
            writable=False,
            nondisruptive=False,
            preserve_snapshots=False,
            migration_cancel=False,
            migration_get_progress=False,
        )

    def share_server_migration_start(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> dict[str, Any] | None:
        """Begin the first phase and return at once.

        :returns: None, or ``{'backend_details': {…}}`` to be kept with the destination
        """
        raise NotImplementedError

    def share_server_migration_continue(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> bool:
        """Ask, and go on with, the first phase; True when it is over."""
        raise NotImplementedError

    def share_server_migration_get_progress(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> Progress:
        """How far the work is; cheap, asked after each continue and refresh."""
        raise NotImplementedError

    def share_server_migration_refresh(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Copy once more what changed since, clients still writing (decision 5).

        Called while the migration waits for complete, and at the beginning of complete.
        Optional: a driver without it copies all the rest in ``fence``.
        """

    def share_server_migration_fence(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Close the source for writing, copy the rest, verify; all before the point of no return.

        The fence survives a restart of the source. Optional: a driver without it does
        everything in ``complete``, and then has no way back once that began.
        """

    def share_server_migration_unfence(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """Undo ``fence``, whole or half done, so that the source serves again.

        Whatever works on the migration ends; nothing is removed. Also called without a fence:
        when the cut-over failed before, and when an administrator ended the migration.
        """

    def share_server_migration_complete(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        new_network_info: list[NetworkInfo],
        token: Token,
    ) -> Completion:
        """Open the destination under the shares' access rules; nothing leads back from here."""
        raise NotImplementedError

    def share_server_migration_cancel(
        self,
        context: RequestContext,
        src_share_server: ShareServer,
        dest_share_server: ShareServer,
        shares: list[Share],
        snapshots: list[Snapshot],
        token: Token,
    ) -> None:
        """End the copy and remove what it left at the destination; the source serves on.

        Also called when the first phase failed. What is gone already is no error.
        """
        raise NotImplementedError


def _not_offered(code: str, message: str) -> DriverRefused:
    return DriverRefused(message, findings=[Finding(code, message)])
