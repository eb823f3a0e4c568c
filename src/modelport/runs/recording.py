"""A training has succeeded: what it said becomes a run, in the transaction that ends it."""

from __future__ import annotations

import math
from typing import Any, cast

import msgspec
from sqlalchemy import RowMapping, select, text, update

from modelport.jobs.records import FOR_EVER, Outcome
from modelport.jobs.rows import unpacked
from modelport.runs.records import NewRun
from modelport.runs.rows import insert_run
from modelport.runs.values import seed_of
from modelport.storage.schema.jobs import events, jobs
from modelport.storage.writer import Transaction

MAX_METRICS = 20_000  # of the newest values that are looked through for the last one of each metric


def record_run(tx: Transaction, row: RowMapping, outcome: Outcome) -> None:
    """Write the run of a training; its job is kept for as long as the run."""
    model = _last(tx, row, "model")
    environment = _last(tx, row, "environment")
    params: dict[str, Any] = unpacked(row["arguments"])
    commit = str(environment.get("commit") or "")
    new = NewRun(
        id=row["id"],
        model=row["model"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        params=params,
        metrics=_metrics(tx, row),
        performance=_performance(_last(tx, row, "performance"), outcome),
        saved=str(model.get("path") or ""),
        environment=environment,
        code_version=commit or row["model_version"],
        seed=seed_of(params),
    )
    insert_run(tx, new)
    kept = update(jobs).where(jobs.c.number == row["number"]).values(keep_seconds=FOR_EVER)
    tx.connection.execute(kept)


def _last(tx: Transaction, row: RowMapping, kind: str) -> dict[str, Any]:
    """What the job said last of this kind; empty if it said nothing."""
    said = events.c.job == row["number"], events.c.type == kind, text("type <> 'log'")
    query = select(events.c.data).where(*said).order_by(events.c.sequence.desc()).limit(1)
    data = tx.connection.execute(query).scalar()
    return unpacked(data) if data is not None else {}


def _metrics(tx: Transaction, row: RowMapping) -> dict[str, float]:
    """The last value of each metric, but for those that are no numbers."""
    said = events.c.job == row["number"], events.c.type == "metric", text("type <> 'log'")
    query = select(events.c.data).where(*said).order_by(events.c.sequence.desc()).limit(MAX_METRICS)
    found: dict[str, float] = {}
    for data in tx.connection.execute(query).scalars():
        metric = unpacked(data)
        value = metric.get("value")
        if isinstance(value, int | float):
            found.setdefault(str(metric.get("name", "")), float(value))
    return {name: value for name, value in reversed(found.items()) if math.isfinite(value)}


def _performance(logged: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """What the code has logged as its performance, or else what it has returned, if that is a dictionary."""
    said = logged.get("performance")
    if isinstance(said, dict):
        return cast("dict[str, Any]", said)
    if not outcome.result or not outcome.result_type.startswith("application/json"):
        return {}
    try:
        returned = msgspec.json.decode(outcome.result)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    if not isinstance(returned, dict):
        return {}
    whole = cast("dict[str, Any]", returned)
    inner = whole.get("performance")
    return cast("dict[str, Any]", inner) if isinstance(inner, dict) else whole
