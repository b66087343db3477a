# SPDX-License-Identifier: Apache-2.0

"""Finds and makes the network plug-ins of a back end."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from stevedore import driver
from stevedore import exception as stevedore_exception

from ssm.common import exceptions
from ssm.conf import network as network_conf
from ssm.conf.backend import BackendConfig
from ssm.network.base import NetworkPlugin

NAMESPACE = 'ssm.network'
_OPTION = 'network_api_class'


def load(conf: cfg.ConfigOpts, group: str) -> NetworkPlugin:
    """The plug-in that ``network_api_class`` of a stanza names, by alias or class path.

    :raises ConfigurationError: there is no such plug-in, or one of its options is wrong
    """
    conf.register_opts(network_conf.PLUGIN_OPTS, group=group)
    name = conf[group][_OPTION]
    try:
        plugin = _class_of(name)
    except (stevedore_exception.NoMatches, ImportError, AttributeError, ValueError) as error:
        raise exceptions.ConfigurationError(
            group=group, option=_OPTION, reason=f'{name!r} can not be loaded: {error}'
        ) from error
    return plugin(conf, group)


def for_backend(backend: BackendConfig, *, admin: bool = False) -> NetworkPlugin | None:
    """The plug-in of a back end.

    :param admin: the one of the administrative network; None if the back end has none
    :raises ConfigurationError: as :func:`load`
    """
    if not admin:
        return load(backend.conf, backend.network_config_group or backend.name)
    group = backend.admin_network_config_group
    return load(backend.conf, group) if group else None


def _class_of(name: str) -> Callable[[cfg.ConfigOpts, str], NetworkPlugin]:
    module, dot, class_name = name.rpartition('.')
    if dot:
        return pkgutil.resolve_name(f'{module}:{class_name}')
    manager: Any = driver.DriverManager(
        NAMESPACE, name, on_load_failure_callback=_failed, on_missing_entrypoints_callback=None
    )
    return manager.driver


def _failed(_manager: object, _entry_point: object, error: BaseException) -> None:
    raise ImportError(str(error)) from error
