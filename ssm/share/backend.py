# SPDX-License-Identifier: Apache-2.0

"""A back end at run time: its options, its driver, its network plug-ins."""

from __future__ import annotations

import dataclasses
import functools
import pkgutil
from typing import Any, cast

from oslo_config import cfg
from stevedore import driver as stevedore_driver
from stevedore import exception as stevedore_exception

from ssm import network
from ssm.common import exceptions
from ssm.conf.backend import BACKEND_OPTS, BackendConfig
from ssm.db import engine, private_data
from ssm.drivers import base
from ssm.network.base import NetworkPlugin

NAMESPACE = 'ssm.drivers'

_FIGURES = {'get_network_allocations_number', 'get_admin_network_allocations_number'}
"""Methods that only say a number; they may be asked anywhere."""


@dataclasses.dataclass(frozen=True)
class BackEnd:
    """What the work on shares and share servers of a back end needs.

    :param boot_id: names this process among those that serve the back end
    :param plugin: gives share servers their addresses; None where the driver makes no servers
    """

    config: BackendConfig
    driver: base.ShareDriver
    boot_id: str
    plugin: NetworkPlugin | None = None
    admin_plugin: NetworkPlugin | None = None

    @property
    def host(self) -> str:
        """The service host, ``host@backend``."""
        return self.config.host

    @property
    def owner(self) -> str:
        """This process, as owner of locks."""
        return f'{self.host}:{self.boot_id}'

    @property
    def handles_servers(self) -> bool:
        """Whether the driver makes share servers."""
        return self.config.driver_handles_share_servers


def load(conf: cfg.ConfigOpts, name: str, boot_id: str) -> BackEnd:
    """Make the back end of a stanza; the storage is not touched yet.

    :raises ConfigurationError: an option is missing or wrong
    """
    config = BackendConfig(conf, name)
    _check(config, BACKEND_OPTS)
    driver_class = _driver_class(config)
    config.register(driver_class.options)
    _check(config, driver_class.options)
    _check_mode(config, driver_class)
    driver = cast(
        base.ShareDriver, _OutsideTransactions(driver_class(config, private_data.PrivateData()))
    )
    if not config.driver_handles_share_servers:
        return BackEnd(config, driver, boot_id)
    return BackEnd(
        config,
        driver,
        boot_id,
        network.for_backend(config),
        network.for_backend(config, admin=True),
    )


class _OutsideTransactions:
    """Passes calls on to a driver once it is sure that no transaction is open (decision 21)."""

    def __init__(self, driver: base.ShareDriver) -> None:
        self._driver = driver

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._driver, name)
        if name in _FIGURES or not callable(attribute):
            return attribute

        @functools.wraps(attribute)
        def call(*args: Any, **kwargs: Any) -> Any:
            engine.assert_outside(f'driver call {name}')
            return attribute(*args, **kwargs)

        return call


def _wrong(config: BackendConfig, option: str, reason: object) -> exceptions.ConfigurationError:
    return exceptions.ConfigurationError(group=config.name, option=option, reason=reason)


def _check(config: BackendConfig, options: list[cfg.Opt]) -> None:
    """Read every option once, so that a value that can't be read shows at start."""
    for option in options:
        try:
            getattr(config, option.dest)
        except (cfg.ConfigFileValueError, cfg.ConfigSourceValueError, ValueError) as error:
            raise _wrong(config, option.name, error) from error


def _driver_class(config: BackendConfig) -> type[base.ShareDriver]:
    name = config.share_driver
    if not name:
        raise _wrong(config, 'share_driver', 'has to be set')
    try:
        if '.' in name:
            return pkgutil.resolve_name(name)
        manager: Any = stevedore_driver.DriverManager(
            NAMESPACE, name, on_load_failure_callback=_failed, warn_on_missing_entrypoint=False
        )
    except (stevedore_exception.NoMatches, ImportError, AttributeError, ValueError) as error:
        raise _wrong(config, 'share_driver', f'{name!r} can not be loaded: {error}') from error
    return manager.driver


def _failed(_manager: object, _entry_point: object, error: BaseException) -> None:
    raise ImportError(str(error)) from error


def _check_mode(config: BackendConfig, driver_class: type[base.ShareDriver]) -> None:
    option = 'driver_handles_share_servers'
    if config.driver_handles_share_servers is None:
        raise _wrong(config, option, 'has to be set')
    if config.driver_handles_share_servers not in driver_class.supported_modes:
        raise _wrong(
            config,
            option,
            f'{config.share_driver} does not support {config.driver_handles_share_servers}',
        )
