"""Lines of a log that were written together stand in one row of `events`, as a list in its `data`.

The row has the number of its last line. No table changes and rows with one line are read as before, but a
modelport that does not know such rows must not read them: the version keeps it away.
"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing but the version."""
