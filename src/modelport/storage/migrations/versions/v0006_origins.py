"""Which model it is that has a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table; the first server of a model takes what is there under its name."""
    op.create_table(
        "origins",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("origin", sa.LargeBinary, nullable=False),
        sa.Column("noted_at", sa.Float(53), nullable=False),
    )
