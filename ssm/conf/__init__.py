# SPDX-License-Identifier: Apache-2.0

"""Configuration: every option of ssm, one module a group.

``CONF`` is the process's configuration; importing this module registers all options that stand
outside the back ends' stanzas. Those are read through :class:`ssm.conf.backend.BackendConfig`.
"""

from collections.abc import Iterable, Sequence

from oslo_config import cfg

from ssm.conf import api, backend, linux, migration, network, scheduler, service

CONF = cfg.CONF

_GROUPS: dict[str, list[list[cfg.Opt]]] = {
    'DEFAULT': [service.OPTS, api.OPTS, scheduler.OPTS, migration.OPTS],
}

for _group, _lists in _GROUPS.items():
    for _options in _lists:
        CONF.register_opts(_options, group=None if _group == 'DEFAULT' else _group)


def load(argv: Sequence[str] | None, *, files: list[str] | None = None) -> None:
    """Read command line and configuration files, and set up logging.

    :param argv: arguments after the program's name, None takes those of the process
    :param files: configuration files instead of the usual places
    """
    import oslo_messaging
    from oslo_log import log

    log.register_options(CONF)
    oslo_messaging.set_transport_defaults(control_exchange='ssm')
    CONF(argv, project='ssm', default_config_files=files)
    log.setup(CONF, 'ssm')


def list_opts() -> Iterable[tuple[str, list[cfg.Opt]]]:
    """All options by group, for the generator of the sample file."""
    for group, lists in _GROUPS.items():
        yield group, [option for options in lists for option in options]
    yield 'backend', [*backend.BACKEND_OPTS, *linux.LINUX_OPTS]
    yield 'network', [*network.PLUGIN_OPTS, *network.STANDALONE_OPTS]
