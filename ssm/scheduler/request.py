# SPDX-License-Identifier: Apache-2.0

"""What is asked of the scheduler, as plain data that travels in a message."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One question: which pool takes this share?

    Hosts are full pool hosts, ``host@backend#pool``.

    :param share_instance_id: the instance to place
    :param share_id: its share; None where there is none yet
    :param share: properties of share and instance, ``share.*`` in expressions
    :param share_proto: protocol of the share, ``NFS`` or ``CIFS``
    :param share_type: ``id``, ``name`` and ``extra_specs`` of the share type
    :param size: GiB to find room for: the size, or when extending the increase
    :param extend: the share has a host already, which has to take ``size`` more
    :param host: only this pool is asked (extend, manage, migration of a share)
    :param availability_zone_id: zone the share has to be in
    :param availability_zones: names of the zones allowed by share type and subnets, None is any
    :param subnets_by_zone: number of subnets of the share network, by zone name
    :param default_subnets: number of its subnets without zone, used where a zone has none
    :param snapshot_host: where the snapshot lies that the share is cloned from
    :param snapshot_domain: replication domain of that host; filled in by the scheduler
    :param snapshot_zone_id: zone of that host; filled in by the scheduler
    :param active_replica_host: for a further replica, host of the active one
    :param active_replica_domain: its replication domain; filled in by the scheduler
    :param replica_hosts: hosts of all replicas the share has
    :param is_host_admin: whether the caller may use ``only_host``
    :param only_host: hint, the one host the caller wants
    :param same_host: hint, per share named in it the hosts of its instances; a share that is
        unknown or has no instance stands in it with no hosts
    :param different_host: hint of the same form
    """

    share_instance_id: str | None = None
    share_id: str | None = None
    share: dict[str, Any] = dataclasses.field(default_factory=dict)
    share_proto: str | None = None
    share_type: dict[str, Any] = dataclasses.field(default_factory=dict)
    size: float = 0
    extend: bool = False
    host: str | None = None
    availability_zone_id: str | None = None
    availability_zones: list[str] | None = None
    subnets_by_zone: dict[str, int] = dataclasses.field(default_factory=dict)
    default_subnets: int = 0
    snapshot_host: str | None = None
    snapshot_domain: str | None = None
    snapshot_zone_id: str | None = None
    active_replica_host: str | None = None
    active_replica_domain: str | None = None
    replica_hosts: list[str] = dataclasses.field(default_factory=list)
    is_host_admin: bool = False
    only_host: str | None = None
    same_host: list[list[str]] | None = None
    different_host: list[list[str]] | None = None

    @property
    def extra_specs(self) -> dict[str, str]:
        """Those of the share type, as stored."""
        return self.share_type.get('extra_specs') or {}

    @property
    def considers_disabled(self) -> bool:
        """Whether disabled services count as live for this request (rest-api 5.1, OnlyHost)."""
        return self.is_host_admin and self.only_host is not None

    def to_dict(self) -> dict[str, Any]:
        """A JSON object with all fields."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Request:
        """The reverse of :meth:`to_dict`."""
        return cls(**data)
