"""The table of what jobs have at the place of shared files."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from modelport.storage.schema.base import metadata

# A row is written when all that it names is there: `list` is the object that names a job's files.
shared_files = Table(
    "shared_files",
    metadata,
    Column("job", Text, primary_key=True),
    Column("list", Text, nullable=False),
)
