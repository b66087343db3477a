# SPDX-License-Identifier: Apache-2.0

"""``ssm-status``: whether an upgrade, or a start, would meet an obstacle."""

from __future__ import annotations

import sys
from collections.abc import Callable

from oslo_log import log
from oslo_upgradecheck import upgradecheck

from ssm.common import exceptions
from ssm.conf import CONF
from ssm.db import schema
from ssm.share import backend


class Checks(upgradecheck.UpgradeCommands):
    """The checks of ``ssm-status upgrade check``."""

    def check_schema(self) -> upgradecheck.Result:
        """The database is at the newest revision."""
        found, newest = schema.version(), schema.head()
        if found == newest:
            return upgradecheck.Result(upgradecheck.Code.SUCCESS)
        return upgradecheck.Result(
            upgradecheck.Code.FAILURE,
            f'The database is at {found or "no revision"}, this version needs {newest}: '
            'run ssm-manage db sync.',
        )

    def check_back_ends(self) -> upgradecheck.Result:
        """Each stanza of enabled_share_backends can be read and has its driver."""
        if not CONF.enabled_share_backends:
            return upgradecheck.Result(
                upgradecheck.Code.WARNING, '[DEFAULT] enabled_share_backends: names no back end'
            )
        problems = []
        for name in CONF.enabled_share_backends:
            try:
                backend.load(CONF, name, 'status')
            except exceptions.ConfigurationError as error:
                problems.append(error.message)
        if problems:
            return upgradecheck.Result(upgradecheck.Code.FAILURE, '\n'.join(problems))
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    _upgrade_checks: tuple[tuple[str, Callable[..., upgradecheck.Result]], ...] = (
        ('Schema of the database', check_schema),
        ('Back ends', check_back_ends),
    )


def main() -> None:
    """Print a table of the checks; exits 0 if all passed, 1 on warnings, 2 on failures."""
    log.register_options(CONF)
    sys.exit(upgradecheck.main(CONF, project='ssm', upgrade_command=Checks()))
