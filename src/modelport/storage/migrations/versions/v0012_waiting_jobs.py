"""Jobs that wait, by their model and by who has asked for them: however many others wait."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the indexes."""
    where: dict[str, Any] = {f"{op.get_context().dialect.name}_where": sa.text("state = 'queued'")}
    order = ["model", sa.text("priority DESC"), "number"]
    op.create_index("jobs_waiting_of_model", "jobs", order, **where)
    op.create_index("jobs_waiting_by", "jobs", ["requested_by", "number"], **where)
