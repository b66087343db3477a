# SPDX-License-Identifier: Apache-2.0

"""``ssm-scheduler``: chooses back ends for new shares."""

from ssm.common import concurrency


def main() -> None:
    """Run the scheduler until a signal comes."""
    concurrency.setup()
    from ssm import conf
    from ssm.cmd import runner
    from ssm.scheduler.service import SchedulerService

    conf.load(None)
    runner.leave(runner.run([SchedulerService(conf.CONF)], lambda _names: 'ssm-scheduler is ready'))
