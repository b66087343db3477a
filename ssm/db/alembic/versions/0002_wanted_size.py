# SPDX-License-Identifier: Apache-2.0

"""The size a share grows or shrinks to stands in the row of its instance"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.add_column('share_instances', sa.Column('wanted_size', sa.Integer(), nullable=True))
