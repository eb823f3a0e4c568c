"""People with passwords, where they are logged in, and what their tokens are signed with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables; there are no users yet."""
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False, unique=True),
        sa.Column("password", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("models", sa.Text),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("disabled_at", sa.Float(53)),
        sa.Column("last_login_at", sa.Float(53)),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("family", sa.LargeBinary, unique=True),
        sa.Column("current", sa.LargeBinary),
    )
    op.create_index("sessions_by_user", "sessions", ["user_id"])
    op.create_index("sessions_by_end", "sessions", ["expires_at"])
    op.create_table(
        "user_addresses",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("address", sa.LargeBinary, primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("private", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "first_links",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("expires_at", sa.Float(53), nullable=False),
    )
    changes = op.create_table(
        "user_changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.bulk_insert(changes, [{"id": 1, "number": 0}])
