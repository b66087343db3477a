# SPDX-License-Identifier: Apache-2.0

"""How clients reach shares, and how they are kept out."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ssm.common.findings import Finding
from ssm.drivers.linux import pool


class Export(abc.ABC):
    """Serves the shares of one share server. All methods may be repeated."""

    access_types: ClassVar[frozenset[str]]
    """Types of access rules it knows."""

    def __init__(self, server: pool.Server) -> None:
        self.server = server

    def record(
        self, share: Mapping[str, Any], rules: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        """Keep rules, size and ids of a share beside it; to be done before it is published.

        :returns: reason by ``access_id`` for each rule that can't hold
        """
        held, refused = [], {}
        for rule in rules:
            if rule['access_type'] in self.access_types:
                held.append(dict(rule))
            else:
                refused[rule['access_id']] = (
                    f'Access type {rule["access_type"]} is not supported here; supported are '
                    f'{", ".join(sorted(self.access_types))}.'
                )
        record = {key: share[key] for key in ('id', 'share_id', 'size')} | {'access_rules': held}
        file = self.server.export(share['name'])
        if pool.read_json(file) != record:
            pool.write_json(file, record, durable=True)
        return refused

    def forget(self, name: str) -> None:
        """Remove what :meth:`record` kept."""
        self.server.export(name).unlink(missing_ok=True)

    @abc.abstractmethod
    def publish(self, name: str) -> list[dict[str, Any]]:
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
