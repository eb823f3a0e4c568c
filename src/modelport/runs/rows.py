"""Between rows of the tables of runs and records; and inserting runs, inside a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, bindparam, insert, update

from modelport.jobs.rows import packed, plain, unpacked
from modelport.runs.performance import numbers_of
from modelport.runs.records import NewRun, Run
from modelport.storage.schema.runs import runs, values, version_numbers
from modelport.storage.upserts import InsertInto, made_once
from modelport.storage.writer import Transaction

MAX_NAME = 500
DATA = ("params", "metrics", "performance", "environment")
SUMMARY = [column for column in runs.c if column.name != "environment"]


def _counted(insert_into: InsertInto) -> Any:
    up = {"last": version_numbers.c.last + 1}
    counted = insert_into(version_numbers).on_conflict_do_update(index_elements=["model"], set_=up)
    return counted.returning(version_numbers.c.last)


insert_new = made_once(
    lambda insert_into: insert_into(runs).on_conflict_do_nothing().returning(runs.c.number)
)
count_version = made_once(_counted)
SET_VERSION = (
    update(runs).where(runs.c.number == bindparam("its_number")).values(version=bindparam("its_version"))
)


def run_of(row: RowMapping | Mapping[str, Any]) -> Run:
    """The run of a row; an environment that was not read is empty."""
    fields = dict(row)
    for name in DATA:
        fields[name] = unpacked(fields[name]) if name in fields else {}
    fields["seed"] = int(fields["seed"]) if fields["seed"] else None
    return Run(**fields)


def column_name(name: str) -> str:
    """The name of a number as the table has it."""
    return plain(name)[:MAX_NAME]


def insert_run(tx: Transaction, new: NewRun) -> int | None:
    """Write a run with its numbers; `None` if the model has one of this id already."""
    row = {
        "id": plain(new.id),
        "model": plain(new.model),
        "version": None,
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
    number: int | None = tx.connection.execute(insert_new(tx.postgres), row).scalar()
    if number is None:
        return None
    if new.saved:  # now that it is certain to be new: no number is used up for nothing
        version = next_version(tx, new.model)
        tx.connection.execute(SET_VERSION, {"its_number": number, "its_version": version})
    named = {column_name(name): value for name, value in numbers_of(new.performance, new.metrics).items()}
    if named:
        rows = [{"run": number, "name": n, "model": row["model"], "value": v} for n, v in named.items()]
        tx.connection.execute(insert(values), rows)
    return number


def next_version(tx: Transaction, model: str) -> int:
    """A number that no version of the model has had. Other servers wait for it until the commit."""
    return tx.connection.execute(count_version(tx.postgres), {"model": plain(model), "last": 1}).scalar_one()
