# SPDX-License-Identifier: Apache-2.0

"""The schema's versions, by alembic; what ``ssm-manage db`` calls."""

from __future__ import annotations

import pathlib

import alembic.command
import alembic.config
from alembic import script
from alembic.runtime import migration

from ssm.db import engine


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option('script_location', str(pathlib.Path(__file__).parent / 'alembic'))
    return config


def sync(revision: str = 'head') -> None:
    """Bring the configured database to a revision; one that is there already stays."""
    config = _config()
    with engine.engine().begin() as connection:
        config.attributes['connection'] = connection
        alembic.command.upgrade(config, revision)


def version() -> str | None:
    """The revision the configured database is at, None if it is empty."""
    with engine.engine().connect() as connection:
        return migration.MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The newest revision this code knows."""
    return script.ScriptDirectory.from_config(_config()).get_current_head()


def differences() -> list[object]:
    """What the database has other than the models say; empty when they agree."""
    from alembic import autogenerate

    from ssm.db import models

    with engine.engine().connect() as connection:
        context = migration.MigrationContext.configure(connection)
        return autogenerate.compare_metadata(context, models.Base.metadata)
