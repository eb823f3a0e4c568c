"""Jobs, their events, the deliveries of webhooks, and the fencing tokens."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _make_jobs()
    _make_events()
    _make_deliveries()
    tokens = op.create_table("tokens", sa.Column("last", sa.BigInteger, nullable=False))
    op.bulk_insert(tokens, [{"last": 0}])
    if op.get_context().dialect.name == "postgresql":
        op.execute(sa.schema.CreateSequence(sa.Sequence("job_token")))
    _make_indexes()


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", big, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("accept", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_until", sa.Float(53)),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_hash", sa.Text, nullable=False),
        sa.Column("callback_url", sa.Text),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("started_at", sa.Float(53)),
        sa.Column("finished_at", sa.Float(53)),
        sa.Column("done", sa.Float(53)),
        sa.Column("total", sa.Float(53)),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("last_event", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("result_file", sa.Text, nullable=False),
        sa.Column("result_type", sa.Text, nullable=False),
        sa.Column("result_name", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.Column("arguments", sa.LargeBinary, nullable=False),
        sa.Column("call", sa.LargeBinary, nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("job", big, primary_key=True, autoincrement=False),
        sa.Column("sequence", big, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def _make_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("number", big, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("job", big, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("next_at", sa.Float(53)),
        sa.Column("delivered_at", sa.Float(53)),
        sa.Column("last_error", sa.Text, nullable=False),
    )


def _make_indexes() -> None:
    op.create_index("jobs_by_kind", "jobs", ["kind", "state", "number"])
    op.create_index("jobs_by_model", "jobs", ["model", "kind", "state", "number"])
    waiting = [sa.text("priority DESC"), "number", "model"]
    op.create_index("jobs_waiting", "jobs", waiting, **_where("state = 'queued'"))
    op.create_index("jobs_running", "jobs", ["lease_until", "owner"], **_where("state = 'running'"))
    op.create_index("jobs_ended", "jobs", ["finished_at"], **_where("finished_at IS NOT NULL"))
    key = ["requested_by", "idempotency_key"]
    op.create_index("jobs_once", "jobs", key, unique=True, **_where("idempotency_key IS NOT NULL"))
    op.create_index("events_but_log", "events", ["job", "sequence"], **_where("type <> 'log'"))
    op.create_index("deliveries_due", "deliveries", ["next_at"], **_where("next_at IS NOT NULL"))
    op.create_index("deliveries_by_job", "deliveries", ["job"])


def _where(condition: str) -> dict[str, Any]:
    return {f"{op.get_context().dialect.name}_where": sa.text(condition)}
