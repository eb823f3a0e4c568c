"""Runs, versions, aliases and promotions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
real = sa.Float(53)


def upgrade() -> None:
    """Make the tables; trainings of before are jobs still, and no runs."""
    _make_runs()
    _make_values()
    _make_versions()


def _make_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("started_at", real),
        sa.Column("finished_at", real),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("seed", sa.Text, nullable=False),
        sa.Column("saved", sa.Text, nullable=False),
        sa.Column("params", sa.LargeBinary, nullable=False),
        sa.Column("metrics", sa.LargeBinary, nullable=False),
        sa.Column("performance", sa.LargeBinary, nullable=False),
        sa.Column("environment", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_by_id", "runs", ["model", "id"], unique=True)
    op.create_index("runs_by_number", "runs", ["model", "number"])
    op.create_index("runs_by_version", "runs", ["model", "version"], unique=True)


def _make_values() -> None:
    op.create_table(
        "run_values",
        sa.Column("run", number, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("value", real, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("run_values_in_order", "run_values", ["model", "name", "value", "run"])


def _make_versions() -> None:
    op.create_table(
        "version_numbers",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "aliases",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("changed_at", real, nullable=False),
    )
    op.create_table(
        "promotions",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("before", sa.Integer, nullable=False),
        sa.Column("after", sa.Integer, nullable=False),
        sa.Column("at", real, nullable=False),
        sa.Column("report", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("promotions_by_model", "promotions", ["model", "number"])
    op.create_table(
        "traffic",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("plan", sa.LargeBinary, nullable=False),
    )
