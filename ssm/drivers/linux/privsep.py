# SPDX-License-Identifier: Apache-2.0

"""The linux driver for a service without root: a helper process of oslo.privsep does the work.

The helper carries out whole methods of the driver, not single commands. So the service names
servers and shares, never paths or programs; what belongs together (options, paths, what is in the
pool) comes from files that only root writes, and the same code runs as in a service of root.
Imported only where the service is not root, and in the helper.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from oslo_privsep import capabilities, daemon, priv_context

from ssm.common import exceptions
from ssm.common.context import RequestContext, admin_context
from ssm.common.findings import Finding
from ssm.conf import CONF
from ssm.conf.backend import BackendConfig
from ssm.drivers import base
from ssm.drivers.linux import check
from ssm.drivers.linux.driver import LinuxDriver

SECTION = 'ssm_linux_privileged'
"""Section of the configuration with the options of oslo.privsep."""

_THREADS = 32
"""Calls at a time; some wait for a step of a migration."""

CONTEXT = priv_context.PrivContext(
    'ssm.drivers.linux.privsep',
    cfg_section=SECTION,
    pypath='ssm.drivers.linux.privsep.CONTEXT',
    capabilities=[
        capabilities.CAP_SYS_ADMIN,  # namespaces, mounts, subvolumes, quotas
        capabilities.CAP_NET_ADMIN,  # interfaces, addresses, routes
        capabilities.CAP_NET_RAW,  # gratuitous ARP
        capabilities.CAP_SYS_PTRACE,  # who lives in a namespace or holds a file, how much was sent
        capabilities.CAP_KILL,  # daemons, and workers with their children
        capabilities.CAP_DAC_OVERRIDE,  # files of tenants, from here on
        capabilities.CAP_DAC_READ_SEARCH,
        capabilities.CAP_CHOWN,
        capabilities.CAP_FOWNER,
        capabilities.CAP_FSETID,
        capabilities.CAP_MKNOD,
        capabilities.CAP_SETFCAP,
        capabilities.CAP_SETUID,  # nfs-ganesha acts for its clients
        capabilities.CAP_SETGID,
    ],
)
CONF.set_default('thread_pool_size', _THREADS, group=SECTION)
priv_context.init(root_helper=['sudo', '-n'])

_SETUP = 'do_setup'
_METHODS = frozenset(
    name
    for name, method in vars(base.ShareDriver).items()
    if callable(method) and not name.startswith('_') and getattr(LinuxDriver, name) is not method
) - {_SETUP}
"""What the helper carries out: the interface of drivers, as far as the linux driver has it."""

_TAG = '__ssm__'


def _tagged(value: Any) -> Any:
    """Plain data for what JSON does not know."""
    if isinstance(value, RequestContext):
        return {_TAG: 'context'}
    if isinstance(value, base.Token):
        return {_TAG: 'token', 'value': [value.migration_id, value.epoch, value.attempt]}
    if isinstance(value, Finding):
        return {_TAG: 'finding', 'value': value.to_dict()}
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f'{type(value).__name__} can not be told to the helper')


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    'context': lambda _: admin_context(),
    'token': lambda item: base.Token(*item['value']),
    'finding': lambda item: Finding.from_dict(item['value']),
}


def _untagged(item: dict[str, Any]) -> Any:
    return _READERS[item[_TAG]](item) if _TAG in item else item


_encode = functools.partial(json.dumps, default=_tagged)
_decode = functools.partial(json.loads, object_hook=_untagged)

_ERRORS: dict[str, type[exceptions.SsmError]] = {
    kind.__name__: kind
    for kind in (
        exceptions.DriverError,
        exceptions.DriverRefused,
        exceptions.DriverBusy,
        exceptions.ConfigurationError,
    )
}
"""What drivers raise on purpose; it arrives as what it was."""


class HelperError(Exception):
    """A method failed in the helper in a way that nobody foresaw; its log has the traceback."""


# In the helper

_drivers: dict[str, LinuxDriver] = {}
_setup = threading.Lock()


def _driver(stanza: str) -> LinuxDriver:
    """The driver of a back end of this node, set up."""
    with _setup:
        if stanza not in _drivers:
            os.umask(0o022)  # the helper starts with none
            if stanza not in (CONF.enabled_share_backends or []):
                raise exceptions.DriverRefused(f'{stanza!r} is no back end of this node.')
            backend = BackendConfig(CONF, stanza)
            if backend.share_driver not in check.DRIVER_NAMES:
                raise exceptions.DriverRefused(f'{stanza} is no back end of the linux driver.')
            backend.register(LinuxDriver.options)
            made = LinuxDriver(backend, _NoData())
            made.do_setup(admin_context())
            _drivers[stanza] = made
        return _drivers[stanza]


class _NoData:
    """The linux driver keeps nothing in the database, which the helper does not reach."""

    def get(self, entity_id: str, key: str, default: str | None = None) -> str | None:
        return default

    def update(self, entity_id: str, values: Any) -> None:
        raise NotImplementedError

    def delete(self, entity_id: str, key: str | None = None) -> None:
        raise NotImplementedError


@CONTEXT.entrypoint
def carry_out(stanza: str, method: str, arguments: str) -> str:
    """Call a method of the driver of a back end; for :class:`HelpedDriver`.

    :param arguments: JSON of ``args`` and ``kwargs``
    :returns: JSON of ``value``, or of ``error`` with ``message``, ``findings``, ``retry_after``
    """
    try:
        if method != _SETUP and method not in _METHODS:
            raise exceptions.DriverRefused(f'The helper does not carry out {method!r}.')
        driver = _driver(stanza)
        if method == _SETUP:
            return _encode({'value': None})
        given = _decode(arguments)
        return _encode({'value': getattr(driver, method)(*given['args'], **given['kwargs'])})
    except tuple(_ERRORS.values()) as error:
        return _encode(
            {
                'error': type(error).__name__,
                'message': error.message,
                'findings': error.findings,
                'retry_after': getattr(error, 'retry_after', None),
            }
        )
    except Exception as error:
        # the classes of others can not be told from names that the other side may import
        raise HelperError(f'{type(error).__name__}: {error}') from error


# In the service


_starting = threading.Lock()


def _start() -> None:
    """See to it that the helper runs; oslo.privsep itself may start two at a time."""
    with _starting:
        if CONTEXT.channel is not None and not CONTEXT.channel.running:
            CONTEXT.stop()
        if CONTEXT.channel is None:
            CONTEXT.start()


class HelpedDriver(LinuxDriver):
    """The driver of a service without root: each method is carried out by the helper."""

    def do_setup(self, context: RequestContext) -> None:
        try:
            self._call(_SETUP)
        except _Unreachable as error:
            raise exceptions.ConfigurationError(
                group=SECTION,
                option='helper_command',
                reason=f'[{self.backend.name}] needs root, and the helper does not start '
                f'({error.message}); allow it to the account of the service, e.g. by sudo, or '
                'run the service as root',
            ) from error

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        given = _encode({'args': args, 'kwargs': kwargs})
        try:
            _start()
            answer = _decode(carry_out(self.backend.name, method, given))
        except (OSError, daemon.FailedToDropPrivileges) as error:
            raise _Unreachable(f'The privileged helper is gone: {error}') from error
        if 'error' not in answer:
            return answer['value']
        kind = _ERRORS[answer['error']]
        more = {} if answer['retry_after'] is None else {'retry_after': answer['retry_after']}
        raise kind(answer['message'], findings=answer['findings'], **more)


class _Unreachable(exceptions.DriverBusy):
    """The helper does not start or has ended; the next call starts another one."""


def _forwarded(name: str) -> Callable[..., Any]:
    @functools.wraps(getattr(LinuxDriver, name))
    def method(self: HelpedDriver, *args: Any, **kwargs: Any) -> Any:
        return self._call(name, *args, **kwargs)

    return method


for _name in _METHODS:
    setattr(HelpedDriver, _name, _forwarded(_name))
