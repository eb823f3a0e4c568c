"""Run by Alembic. The caller gives the connection, and has begun the transaction that holds the lock."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
