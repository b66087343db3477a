# SPDX-License-Identifier: Apache-2.0

"""How clients reach shares, and how they are kept out."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ssm.common.findings import Finding
from ssm.drivers.linux import pool
from ssm.drivers.linux.isolation.base import Isolation

if TYPE_CHECKING:
    from ssm.drivers.base import ExportLocation


class Export(abc.ABC):
    """Serves the shares of one share server. All methods may be repeated."""

    access_types: ClassVar[frozenset[str]]
    """Types of access rules it knows."""

    storage_protocol: ClassVar[str] = 'NFS_CIFS'
    """Protocols of shares it serves, as the back end reports them."""

    def __init__(self, server: pool.Server, isolation: Isolation) -> None:
        self.server = server
        self.isolation = isolation

    @classmethod
    def unusable(cls, isolation: str) -> str | None:  # noqa: ARG003
        """Why this part can't be used on this host, None if it can.

        :param isolation: the option ``linux_isolation``
        """
        return None

    def start(self) -> None:
        """Be ready to publish shares, and serve those that were published before."""
        self.isolation.up()

    def stop(self) -> None:
        """Undo :meth:`start`, also half done; records stay."""
        self.isolation.remove()

    def failed(self) -> bool:
        """Whether something that serves shares was started and ended by itself."""
        return False

    @classmethod
    def serves(cls, share_proto: str) -> bool:
        """Whether shares of a protocol can be served."""
        return share_proto in cls.storage_protocol.split('_')

    def types(self, share_proto: str) -> frozenset[str]:
        """Types of access rules that shares of a protocol can have."""
        return self.access_types

    def problem(self, rule: Mapping[str, Any], share_proto: str) -> str | None:
        """Why an access rule of a share can't hold, None if it can."""
        types = self.types(share_proto)
        if rule['access_type'] in types:
            return None
        return (
            f'Access type {rule["access_type"]} is not supported here; supported are '
            f'{", ".join(sorted(types))}.'
        )

    def kept(self, name: str) -> dict[str, Any]:
        """What the record of a share has to hold besides."""
        return {}

    def record(
        self, share: Mapping[str, Any], rules: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        """Keep rules, size and ids of a share beside it; to be done before it is published.

        :returns: reason by ``access_id`` for each rule that can't hold
        """
        held, refused = [], {}
        for rule in rules:
            if problem := self.problem(rule, share['share_proto']):
                refused[rule['access_id']] = problem
            else:
                held.append(dict(rule))
        record = {key: share[key] for key in ('id', 'share_id', 'size', 'share_proto')}
        record |= {'access_rules': held} | self.kept(share['name'])
        file = self.server.export(share['name'])
        if pool.read_json(file) != record:
            pool.write_json(file, record, durable=True)
        return refused

    def resize(self, name: str, size: int) -> None:
        """Keep a new size of a share, GiB, in what :meth:`record` kept."""
        file = self.server.export(name)
        record = pool.read_json(file)
        if record is not None and record['size'] != size:
            pool.write_json(file, record | {'size': size}, durable=True)

    def suspend(self, name: str) -> None:
        """Hold no file of a share, until it is published again; its record stays."""

    def forget(self, name: str) -> None:
        """Let no client reach a share any more, and remove what :meth:`record` kept."""
        self.server.export(name).unlink(missing_ok=True)

    @abc.abstractmethod
    def publish(self, name: str) -> list[ExportLocation]:
        """Let clients reach a share under the rules recorded; returns its export locations."""

    @abc.abstractmethod
    def withdraw(
        self, names: Iterable[str], *, timeout: float
    ) -> tuple[dict[str, str], list[Finding]]:
        """Take shares from all clients; afterwards nothing changes them.

        :param timeout: seconds to wait for clients to let go
        :returns: where the content of each share lies now, and warnings
        :raises DriverRefused: they did not; the shares are withdrawn, the caller publishes them
        """
