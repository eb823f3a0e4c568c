"""Keys, users, and what was done, as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from rich.table import Table

from modelport.cli.tables import console, local_time, safe


def print_keys(keys: Sequence[dict[str, Any]]) -> None:
    """One line for each key."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "key", "name", "scopes", "models", "state", "expires", "last used"):
        table.add_column(column, no_wrap=column in ("id", "key"), overflow="fold")
    for key in keys:
        table.add_row(
            key["id"],
            f"{key['prefix']}…",
            safe(key["name"]),
            ", ".join(key["scopes"]),
            "all" if key["models"] is None else safe(", ".join(key["models"])),
            key["state"],
            local_time(key["expires_at"]),
            local_time(key["last_used_at"]),
        )
    console().print(table)


def print_audit(records: Sequence[dict[str, Any]]) -> None:
    """One line for each thing that was done."""
    table = Table(box=None, pad_edge=False)
    for column in ("at", "who", "what", "to", "with"):
        table.add_column(column, no_wrap=column == "at", overflow="fold")
    for record in records:
        details = ", ".join(
            f"{name}={_detail(name, value)}" for name, value in record["details"].items() if value is not None
        )
        table.add_row(
            local_time(record["at"]), _who(record), record["action"], safe(record["target"]), safe(details)
        )
    console().print(table)


def _who(row: dict[str, Any]) -> str:
    """A name with its id; a server that was not updated yet says none."""
    who, name = row["principal"], row.get("name")
    return safe(f"{name} ({who})" if name else who or "-")


def _detail(name: str, value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in cast("list[Any]", value))
    if name.endswith("_at") and isinstance(value, float):  # seconds since 1970
        return local_time(datetime.fromtimestamp(value, UTC).isoformat())
    return str(value)


def print_users(users: Sequence[dict[str, Any]]) -> None:
    """One line for each user."""
    table = Table(box=None, pad_edge=False)
    for column in ("id", "name", "role", "models", "state", "last login"):
        table.add_column(column, no_wrap=column == "id", overflow="fold")
    for user in users:
        table.add_row(
            user["id"],
            safe(user["name"]),
            user["role"],
            "all" if user["models"] is None else safe(", ".join(user["models"])),
            user["state"],
            local_time(user["last_login_at"]),
        )
    console().print(table)


def print_usage(rows: Sequence[dict[str, Any]]) -> None:
    """One line for each day, who has asked, and model."""
    table = Table(box=None, pad_edge=False)
    for column in ("day", "who", "model"):
        table.add_column(column, no_wrap=column == "day", overflow="fold")
    numbers = (
        "requests", "calls", "errors", "jobs", "bytes_in", "bytes_out", "model_seconds", "prompt_tokens",
        "completion_tokens",
    )  # fmt: skip
    for column in numbers:
        table.add_column(column.replace("_", " "), justify="right", no_wrap=True)
    for row in rows:
        shown = (f"{row[name]:.3f}" if name == "model_seconds" else str(row[name]) for name in numbers)
        table.add_row(row["day"], _who(row), safe(row["model"] or "-"), *shown)
    console().print(table)
