# SPDX-License-Identifier: Apache-2.0

"""The interface of a network plug-in (decision 24).

A plug-in is pure: it is told which addresses are in use and answers which to take. Whoever
calls it holds the lock of the network, so that nobody else chooses at the same time, and
writes the answer to the database.
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, TypedDict

from oslo_config import cfg

from ssm.common import exceptions
from ssm.conf import network as network_conf


class Allocation(TypedDict):
    """One address given to a share server, the columns of ``network_allocations``."""

    ip_address: str
    ip_version: int
    cidr: str
    gateway: str | None
    mtu: int | None
    network_type: str | None
    segmentation_id: int | None
    mac_address: str | None


class SubnetValues(TypedDict):
    """What the plug-in knows of a network, written to the share network's subnet."""

    network_type: str | None
    segmentation_id: int | None
    cidr: str
    gateway: str | None
    ip_version: int
    mtu: int | None


class NoFreeAddress(exceptions.SsmError):
    """The network has fewer free addresses than a share server needs."""

    code = 'no_free_address'
    template = '{network} has {free} free addresses, {count} are needed.'


class NetworkPlugin(abc.ABC):
    """Base of all network plug-ins.

    :param conf: the loaded configuration
    :param group: stanza that holds the plug-in's options (rest-api 10.4)
    :raises ConfigurationError: an option is missing or wrong
    """

    options: ClassVar[list[cfg.Opt]] = []
    """Options of this plug-in, registered in its group before they are read."""

    def __init__(self, conf: cfg.ConfigOpts, group: str) -> None:
        self.conf = conf
        self.group = group
        conf.register_opts([*network_conf.PLUGIN_OPTS, *self.options], group=group)

    @abc.abstractmethod
    def allocate(
        self, server_subnet: Mapping[str, Any] | None, used: Collection[str], count: int
    ) -> list[Allocation]:
        """Choose addresses for a share server; changes nothing.

        :param server_subnet: the subnet of the share network, None on the administrative network
        :param used: every address that any share server has now
        :param count: how many are needed; all of them or none
        :raises NoFreeAddress: there are not so many
        """

    @abc.abstractmethod
    def subnet_values(self) -> SubnetValues:
        """What to write to the subnet when a server is made on it (not for the admin network)."""

    def option(self, name: str) -> Any:
        """The value of an option.

        :raises ConfigurationError: the configured value can't be read
        """
        try:
            return self.conf[self.group][name]
        except (cfg.ConfigFileValueError, cfg.ConfigSourceValueError, ValueError) as error:
            raise self.bad_option(name, str(error)) from error

    def bad_option(self, name: str, reason: str) -> exceptions.ConfigurationError:
        """The error that names group and option."""
        return exceptions.ConfigurationError(group=self.group, option=name, reason=reason)
