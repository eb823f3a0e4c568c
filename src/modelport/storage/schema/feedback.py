"""The table of feedback that waits for the server which has the prediction, of several on a database."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, LargeBinary, Table, Text

from modelport.storage.schema.base import metadata

waiting_truths = Table(
    "waiting_truths",
    metadata,
    Column("model", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("giver", Text, primary_key=True),  # one does not take the place of another's
    Column("owner", Text),  # who must have asked for the prediction; null: anybody may
    Column("truth", LargeBinary, nullable=False),  # JSON
    Column("at", Float(53), nullable=False),
)
Index("waiting_truths_by_giver", waiting_truths.c.giver)
Index("waiting_truths_by_time", waiting_truths.c.at)
