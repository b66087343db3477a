# SPDX-License-Identifier: Apache-2.0

"""``ssm-all``: API, scheduler and share managers in one process, the embedded default.

Without further configuration it keeps its state in SQLite below ``state_path``, and its services
talk through memory.
"""

from ssm.common import concurrency


def main() -> None:
    """Run everything until a signal comes."""
    mode = concurrency.setup()
    from ssm import conf
    from ssm.cmd import http, runner
    from ssm.db import schema
    from ssm.scheduler.service import SchedulerService
    from ssm.share.service import ShareService

    conf.load(None)
    _set_defaults()
    schema.sync()
    api = http.HttpService(conf.CONF, keep_alive=mode == concurrency.THREADING)
    services: list[runner.Service] = [
        SchedulerService(conf.CONF),
        *(ShareService(conf.CONF, name) for name in conf.CONF.enabled_share_backends),
        api,
    ]
    runner.leave(runner.run(services, lambda _names: f'ssm-all is ready at {api.url}'))


def _set_defaults() -> None:
    """What one process by itself needs, unless the configuration says otherwise."""
    import pathlib

    import oslo_messaging

    from ssm.conf import CONF

    state_path = pathlib.Path(CONF.state_path)
    state_path.mkdir(parents=True, exist_ok=True)
    CONF.set_default('connection', f'sqlite:///{state_path / "ssm.sqlite"}', group='database')
    # Parsing an URL is what registers the option.
    oslo_messaging.TransportURL.parse(CONF)
    CONF.set_default('transport_url', 'fake://')
