"""To whom belongs what is kept under a model's name: the model that had it first, wherever it has moved."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec
from sqlalchemy import select

from modelport.contract.errors import ModelLoadError
from modelport.jobs.rows import plain
from modelport.jobs.states import State
from modelport.sources.origins import Origin, is_same
from modelport.storage.database import Database
from modelport.storage.schema.jobs import jobs
from modelport.storage.schema.runs import aliases, origins, runs, traffic
from modelport.storage.upserts import insert_into
from modelport.storage.writer import Transaction

log = logging.getLogger("modelport.runs")

# What a server would run, by whatever model has its name then.
UNFINISHED = (State.QUEUED.value, State.RUNNING.value, State.INTERRUPTED.value)


async def own_names(
    database: Database, served: Mapping[str, Origin], place: str | Path, *, adopt: bool = False
) -> None:
    """Take the names of these models for them; with `adopt` from whichever models have them.

    Where servers share the database a name stays with its model; in a file of one server it is free again as
    long as nothing is kept under it. `place` says where that is, in errors. Raises `ModelLoadError` with what
    to do if a name is that of another model, and the store's errors; then none is taken.
    """

    def work(tx: Transaction) -> list[str]:
        return [
            line
            for model, origin in sorted(served.items())
            if (line := _own(tx, model, origin, str(place), adopt, shared=tx.postgres))
        ]

    for line in await database.write(work):
        log.info("%s", line)


def _own(tx: Transaction, model: str, origin: Origin, place: str, adopt: bool, *, shared: bool) -> str:
    """Take one name. Returns what the log should say of it."""
    row = {"model": plain(model), "origin": msgspec.msgpack.encode(origin), "noted_at": tx.now}
    insert = insert_into(postgres=tx.postgres)(origins).values(row)
    is_new = tx.connection.execute(insert.on_conflict_do_nothing().returning(origins.c.model)).first()
    if is_new is not None:
        if _has_anything(tx, model):
            return f"{model}: its runs and jobs do not say whose they are: they are those of {origin} now"
        return ""
    mine = origins.c.model == row["model"]
    known = msgspec.msgpack.decode(
        tx.connection.execute(select(origins.c.origin).where(mine).with_for_update()).scalar_one(),
        type=Origin,
    )
    said = ""
    if known == origin:
        return ""
    if is_same(known, origin):
        said = f"{model}: it is at {origin} now, and was at {known}" if known.path != origin.path else ""
    elif adopt:
        said = f"{model}: {origin} goes on with the runs, versions and jobs of {known}"
    elif shared or _has_anything(tx, model):
        raise ModelLoadError(_refusal(model, known, origin, place))
    tx.connection.execute(origins.update().where(mine).values(row))
    return said


def _has_anything(tx: Transaction, model: str) -> bool:
    """True if there are runs, versions or jobs of this name that a server would go on with."""
    name = plain(model)
    waiting = select(jobs.c.number).where(jobs.c.model == name, jobs.c.state.in_(UNFINISHED))
    kept = [select(table.c.model).where(table.c.model == name) for table in (runs, aliases, traffic)]
    return any(tx.connection.execute(query.limit(1)).first() is not None for query in (*kept, waiting))


def _refusal(model: str, known: Origin, origin: Origin, place: str) -> str:
    return (
        f"{origin} is not the model {model!r} whose runs, versions and jobs are in {place}: that is {known}. "
        "Give this one a folder of its own (--data-dir, or make the folder .modelport here), or another name "
        f"(OTHER={origin}); or, if it is the same model in another place, start it once with --adopt"
    )
