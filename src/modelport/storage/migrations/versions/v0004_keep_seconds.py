"""Jobs that are kept for a time of their own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; jobs of before are kept as they were."""
    op.add_column("jobs", sa.Column("keep_seconds", sa.Float(53)))
    where: dict[str, Any] = {f"{op.get_context().dialect.name}_where": sa.text("keep_seconds IS NOT NULL")}
    op.create_index("jobs_kept", "jobs", ["finished_at"], **where)
