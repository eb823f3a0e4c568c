"""The reason and the headers that a job's model answered with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; jobs that ended before have neither."""
    empty = sa.text("''")
    op.add_column("jobs", sa.Column("reason", sa.Text, nullable=False, server_default=empty))
    op.add_column("jobs", sa.Column("headers", sa.LargeBinary, nullable=False, server_default=empty))
