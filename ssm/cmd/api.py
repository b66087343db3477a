# SPDX-License-Identifier: Apache-2.0

"""``ssm-api``: the API with a small web server, always on native threads (decision 23)."""

from ssm.common import concurrency


def main() -> None:
    """Serve the API until a signal comes."""
    concurrency.setup(concurrency.THREADING)
    from ssm import conf
    from ssm.cmd import http, runner

    conf.load(None)
    service = http.HttpService(conf.CONF)
    runner.leave(runner.run([service], lambda _names: f'ssm-api is ready at {service.url}'))
