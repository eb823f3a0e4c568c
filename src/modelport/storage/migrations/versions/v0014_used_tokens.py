"""How many tokens were used, as the models have counted them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the columns. What an older modelport writes beside has none."""
    for name in ("prompt_tokens", "completion_tokens"):
        op.add_column("usage", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
