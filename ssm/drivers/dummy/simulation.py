# SPDX-License-Identifier: Apache-2.0

"""What makes the dummy driver behave as it is told: options, delays and failures."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

from oslo_config import cfg, types

from ssm.common import exceptions
from ssm.common.context import RequestContext
from ssm.common.findings import Finding
from ssm.conf.backend import BackendConfig
from ssm.drivers import base
from ssm.drivers.dummy.state import StateFile

CAPABILITIES = (
    'compatible',
    'writable',
    'nondisruptive',
    'preserve_snapshots',
    'migration_cancel',
    'migration_get_progress',
    'keeps_addresses',
)

OPTIONS: list[cfg.Opt] = [
    cfg.StrOpt(
        'dummy_driver_state_file',
        sample_default='$state_path/dummy-<stanza>.json',
        help='File with the simulated storage. Back ends that migrate servers to each other '
        'may share one; then a server fenced by a migration stays closed at the source, too.',
    ),
    cfg.FloatOpt(
        'dummy_driver_default_driver_method_delay',
        default=2.0,
        min=0,
        help='Seconds each driver method takes. The compatibility check and the capability '
        'report take none unless dummy_driver_driver_methods_delays says so.',
    ),
    cfg.Opt(
        'dummy_driver_driver_methods_delays',
        type=types.Dict(value_type=types.Float(min=0)),
        default={},
        help='Seconds by driver method, e.g. setup_server:5,share_server_migration_fence:0.5. '
        'Names that are no method are ignored.',
    ),
    cfg.Opt(
        'dummy_driver_failures',
        type=types.Dict(value_type=types.String(regex=r'^(refused|busy|error)(:[1-9]\d*)?$')),
        default={},
        help='Failures by driver method, raised before the method has any effect: refused '
        '(never works), busy (worth another try), error (an unexpected exception). A count '
        'lets the method work after that many failures, e.g. '
        'share_server_migration_complete:busy:2. The state file keeps the count.',
    ),
    cfg.Opt(
        'dummy_driver_capabilities',
        type=types.Dict(value_type=types.Boolean()),
        default={},
        help='Answers of the compatibility check by capability where the back ends fit, e.g. '
        'writable:false,nondisruptive:true. Capabilities: ' + ', '.join(CAPABILITIES) + '.',
    ),
    cfg.IntOpt(
        'dummy_driver_progress_step',
        default=50,
        min=1,
        max=100,
        help='Per cent of the first phase each continue adds; at 100 the phase is over.',
    ),
    cfg.IntOpt(
        'dummy_driver_pool_count',
        default=1,
        min=1,
        help='Pools the back end reports: fake_pool_for_<share_backend_name>, then the same '
        'with _2, _3 and so on.',
    ),
    cfg.StrOpt(
        'dummy_driver_replication_type',
        choices=['readable', 'writable', 'dr'],
        help='Replication type the pools report. Default: readable where replication_domain is '
        'set, else none.',
    ),
]

# The contract gives these no delay (8.1).
_IMMEDIATE = {'share_server_migration_check_compatibility', 'get_share_stats'}

_simulated_methods: set[str] = set()

_Method = TypeVar('_Method', bound=Callable[..., Any])


def simulated(method: _Method) -> _Method:
    """Decorate a driver method that takes its time, and fails, as configured."""
    _simulated_methods.add(method.__name__)

    @functools.wraps(method)
    def wrapper(self: SimulatedDriver, *args: Any, **kwargs: Any) -> Any:
        self.simulate(method.__name__)
        return method(self, *args, **kwargs)

    return cast(_Method, wrapper)


def refused(
    code: str, message: str, hint: str = '', server_id: str | None = None
) -> exceptions.DriverRefused:
    """A refusal with its finding, about a share server if one is given."""
    finding = Finding(
        code,
        message,
        hint,
        object_type='share_server' if server_id else None,
        object_id=server_id,
    )
    return exceptions.DriverRefused(message, findings=[finding])


class SimulatedDriver(base.ShareDriver):
    """A driver with a state file in place of storage."""

    options: ClassVar[list[cfg.Opt]] = OPTIONS

    def __init__(self, backend: BackendConfig, private_data: base.PrivateData) -> None:
        super().__init__(backend, private_data)
        self.state = StateFile(
            backend.dummy_driver_state_file
            or f'{backend.conf.state_path}/dummy-{backend.name}.json'
        )

    def do_setup(self, context: RequestContext) -> None:
        """Refuse options nobody could have meant, and a state file that can't be kept."""
        for option in self.options:
            try:
                getattr(self.backend, option.dest)
            except cfg.Error as error:
                raise self._wrong(option.dest, str(error)) from error
        self._only('dummy_driver_failures', _simulated_methods)
        self._only('dummy_driver_capabilities', set(CAPABILITIES))
        try:
            os.makedirs(os.path.dirname(self.state.path) or '.', exist_ok=True)
            with self.state.change():
                pass
        except OSError as error:
            raise self._wrong('dummy_driver_state_file', str(error)) from error

    def _only(self, option: str, names: set[str]) -> None:
        unknown = sorted(set(getattr(self.backend, option)) - names)
        if unknown:
            raise self._wrong(option, f'unknown names: {", ".join(unknown)}')

    def _wrong(self, option: str, reason: str) -> exceptions.ConfigurationError:
        return exceptions.ConfigurationError(group=self.backend.name, option=option, reason=reason)

    def pool_names(self) -> list[str]:
        """Names of the pools; a migrated share goes to the first."""
        first = f'fake_pool_for_{self.backend.backend_name}'
        return [first] + [
            f'{first}_{number}' for number in range(2, self.backend.dummy_driver_pool_count + 1)
        ]

    def simulate(self, method: str) -> None:
        """Sleep as long as the method has to take, then fail if it has to.

        :raises DriverRefused: configured as ``refused``
        :raises DriverBusy: configured as ``busy``; worth another try after the same delay
        :raises RuntimeError: configured as ``error``
        """
        default = (
            0.0 if method in _IMMEDIATE else self.backend.dummy_driver_default_driver_method_delay
        )
        delay = self.backend.dummy_driver_driver_methods_delays.get(method, default)
        time.sleep(delay)
        failure = self.backend.dummy_driver_failures.get(method)
        if failure is None or not self._fails_now(method, failure):
            return
        kind = failure.partition(':')[0]
        finding = Finding(
            'dummy_failure',
            f'The dummy driver was told to answer {method} with {failure}.',
            f'Change dummy_driver_failures in [{self.backend.name}].',
        )
        if kind == 'refused':
            raise exceptions.DriverRefused(finding.message, findings=[finding])
        if kind == 'busy':
            raise exceptions.DriverBusy(finding.message, findings=[finding], retry_after=delay)
        raise RuntimeError(finding.message)

    def _fails_now(self, method: str, failure: str) -> bool:
        """Whether the failure still holds; counts it if it holds for some calls only."""
        count = failure.partition(':')[2]
        if not count:
            return True
        with self.state.change() as state:
            key = f'{self.backend.name} {method} {failure}'
            state['failures'][key] = state['failures'].get(key, 0) + 1
            return state['failures'][key] <= int(count)
