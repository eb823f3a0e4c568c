"""From which version on a modelport can use these tables, though they are of a newer one.

A migration after this one that takes something away, or gives it another meaning, sets it to its own version,
and so does `USABLE_FROM` of the schema.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table. An older modelport does not know of it, and refuses this one already."""
    made = op.create_table("usable_from", sa.Column("version", sa.Text, primary_key=True))
    op.bulk_insert(made, [{"version": revision}])
