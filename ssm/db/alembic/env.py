# SPDX-License-Identifier: Apache-2.0

"""Alembic's environment; the connection is handed in by ``ssm.db.schema``."""

from alembic import context

from ssm.db import models

context.configure(
    connection=context.config.attributes['connection'],
    target_metadata=models.Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
