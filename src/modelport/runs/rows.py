"""Between rows of the tables of runs and records; and inserting runs, inside a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from modelport.jobs.rows import packed, plain, unpacked
from modelport.jobs.writer import Transaction
from modelport.runs.performance import numbers_of
from modelport.runs.records import NewRun, Run
from modelport.runs.schema import runs, values, version_numbers

MAX_NAME = 500
DATA = ("params", "metrics", "performance", "environment")
SUMMARY = [column for column in runs.c if column.name != "environment"]


def run_of(row: RowMapping | Mapping[str, Any]) -> Run:
    """The run of a row; an environment that was not read is empty."""
    fields = dict(row)
    for name in DATA:
        fields[name] = unpacked(fields[name]) if name in fields else {}
    fields["seed"] = int(fields["seed"]) if fields["seed"] else None
    return Run(**fields)


def insert_run(tx: Transaction, new: NewRun) -> int | None:
    """Write a run with its numbers; `None` if the model has one of this id already."""
    same = select(runs.c.number).where(runs.c.model == new.model, runs.c.id == new.id)
    if tx.connection.execute(same).first() is not None:
        return None
    row = {
        "id": plain(new.id),
        "model": plain(new.model),
        "version": next_version(tx, new.model) if new.saved else None,
        "source": new.source,
        "name": plain(new.name),
        "started_at": new.started_at,
        "finished_at": new.finished_at,
        "code_version": plain(new.code_version),
        "seed": "" if new.seed is None else str(new.seed),
        "saved": plain(new.saved),
        "params": packed(new.params),
        "metrics": packed(new.metrics),
        "performance": packed(new.performance),
        "environment": packed(new.environment),
    }
    number: int = tx.connection.execute(insert(runs).returning(runs.c.number), row).scalar_one()
    named: dict[str, float] = {}
    for name, value in numbers_of(new.performance, new.metrics).items():
        named[plain(name)[:MAX_NAME]] = value
    if named:
        rows = [{"run": number, "name": n, "model": row["model"], "value": v} for n, v in named.items()]
        tx.connection.execute(insert(values), rows)
    return number


def next_version(tx: Transaction, model: str) -> int:
    """A number that no version of the model has had. Other servers wait for it until the commit."""
    dialect: Any = postgresql if tx.postgres else sqlite
    first = dialect.insert(version_numbers).values(model=plain(model), last=1)
    counted = first.on_conflict_do_update(
        index_elements=["model"], set_={"last": version_numbers.c.last + 1}
    ).returning(version_numbers.c.last)
    return tx.connection.execute(counted).scalar_one()
