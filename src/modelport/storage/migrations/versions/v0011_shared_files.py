"""What jobs have at the place of shared files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table; all files lie in the data folder yet."""
    op.create_table(
        "shared_files",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("list", sa.Text, nullable=False),
    )
