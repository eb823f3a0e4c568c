"""What keys may use of their own, what is left of it, and what was used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

COUNTS = ("requests", "calls", "errors", "jobs", "bytes_in", "bytes_out")


def upgrade() -> None:
    """Add the columns and make the tables; nobody is limited by them yet."""
    op.add_column("keys", sa.Column("rate", sa.Text))
    for name in ("calls_at_once", "queued_jobs", "bytes_per_day"):
        op.add_column("keys", sa.Column(name, sa.BigInteger))
    op.create_table(
        "allowances",
        sa.Column("principal", sa.Text, primary_key=True),
        sa.Column("ends_at", sa.Float(53), nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "usage",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("principal", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        sa.Column("model_seconds", sa.Float(53), nullable=False),
    )
    op.create_index("usage_by_principal", "usage", ["principal", "day"])
