# SPDX-License-Identifier: Apache-2.0

"""``ssm-share``: serves the back ends of this node, all of them in one process."""

import sys

from ssm.common import concurrency


def main() -> None:
    """Serve every stanza of ``enabled_share_backends`` until a signal comes."""
    concurrency.setup()
    from ssm import conf
    from ssm.cmd import runner
    from ssm.share.service import ShareService

    conf.load(None)
    backends = conf.CONF.enabled_share_backends
    if not backends:
        sys.exit('[DEFAULT] enabled_share_backends: names no back end, there is nothing to serve')
    services = [ShareService(conf.CONF, name) for name in backends]
    runner.leave(runner.run(services, lambda names: f'ssm-share is ready: {", ".join(names)}'))
