"""Run by Alembic. The caller gives the connection, and has begun the transaction that holds the lock."""

from __future__ import annotations

from alembic import context

from modelport.storage.schema.base import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
