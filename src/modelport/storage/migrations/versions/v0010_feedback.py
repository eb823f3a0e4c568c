"""Feedback that waits for the server which has the prediction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table; nothing waits yet."""
    op.create_table(
        "waiting_truths",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("giver", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text),
        sa.Column("truth", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_index("waiting_truths_by_giver", "waiting_truths", ["giver"])
    op.create_index("waiting_truths_by_time", "waiting_truths", ["at"])
