"""What one server asks of the database costs no more because others have many jobs there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from modelport.jobs import claims, deliveries, endings, queries, retention, transitions
from modelport.jobs.records import NewJob, Outcome, QueueLimits
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.schema.jobs import jobs
from modelport.storage.writer import Transaction

pytestmark = pytest.mark.anyio

MANY = 10_000  # jobs of others that wait, and as many that have ended
FEW_ROWS = 1000  # that PostgreSQL looks at, in tables and indexes
FEW_STEPS = 20_000  # of SQLite's machine, which takes some ten for a row
LIMITS = QueueLimits(of_model=100, in_all=0, of_principal=100)
PLACES = "number, id, state, finished_at"


def new_job(number: int, **fields: Any) -> NewJob:
    given = {"kind": "predict", "model": "ours", "call": b"x", "requested_by": "me"} | fields
    return NewJob(id=f"ours-{number}", **given)


async def crowd(store: JobStore) -> None:
    """Fill the table with jobs of others: of ten models, asked for by ten people."""
    await store.submit(NewJob(id="first", kind="predict", model="m", call=b"x", requested_by="u"))
    own = {*PLACES.split(", "), "model", "requested_by"}
    rest = ", ".join(column.name for column in jobs.c if column.name not in own)

    def fill(tx: Transaction) -> None:
        numbers = f"WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {2 * MANY})"
        other = "'m' || n % 10, 'u' || n % 10"
        state = f"CASE WHEN n <= {MANY} THEN 'queued' ELSE 'succeeded' END"
        ended = f"CASE WHEN n > {MANY} THEN created_at END"
        tx.connection.execute(
            text(
                f"{numbers} INSERT INTO jobs (model, requested_by, {PLACES}, {rest}) "
                f"SELECT {other}, n, 'other-' || n, {state}, {ended}, {rest} FROM n, jobs"
            )
        )
        if tx.postgres:
            highest = select(func.max(jobs.c.number)).scalar_subquery()
            tx.connection.execute(select(func.setval("jobs_number_seq", highest)))
            tx.connection.execute(text("ANALYZE"))

    await store.database.write(fill)


def looked_at(tx: Transaction, act: Callable[[Transaction], Any]) -> int:
    """How much the database does while `act` works: rows that PostgreSQL looks at, or steps of SQLite."""
    if tx.postgres:
        before = _rows(tx.connection)
        act(tx)
        return _rows(tx.connection) - before
    raw: Any = tx.connection.connection.dbapi_connection
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 10
        return 0

    raw.set_progress_handler(count, 10)
    try:
        act(tx)
    finally:
        raw.set_progress_handler(None, 0)
    return steps


def _rows(connection: Connection) -> int:
    own = "relnamespace = 'public'::regnamespace"
    counted = f"SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class WHERE {own}"
    return int(connection.execute(text(counted)).scalar_one() or 0)


async def test_what_is_asked_again_and_again_does_not_look_at_the_jobs_of_others(store: JobStore) -> None:
    await crowd(store)
    for number in range(6):
        await store.submit(new_job(number), LIMITS)
    (held, ended) = await store.claim("me", 2, 60.0, ["ours"])
    models = ["ours", *(f"ours-{place}" for place in range(9))]
    outcome = Outcome(state=State.SUCCEEDED, status=200, result=b"1")
    acts: dict[str, Callable[[Transaction], Any]] = {
        "submit": lambda tx: transitions.submit(tx, new_job(100), LIMITS),
        "claim": lambda tx: claims.claim(tx, "me", 2, 60.0, models),
        "claim of one model": lambda tx: claims.claim(tx, "me", 1, 60.0, ["ours"]),
        "claim nothing": lambda tx: claims.claim(tx, "me", 8, 60.0, ["nobody's", "nor theirs"]),
        "heartbeat": lambda tx: claims.heartbeat(tx, "me", {held.job.id: held.token}, 60.0),
        "finish": lambda tx: transitions.finish(tx, held.job.id, held.token, outcome),
        "finish together": lambda tx: endings.finish_plain(
            tx, [endings.Ending(ended.job.id, ended.token, outcome)]
        ),
        "owners": lambda tx: (queries.runners(tx.connection), deliveries.owners(tx.connection)),
        "rescue": lambda tx: transitions.rescue(tx, {"somebody who is gone"}, 0.0),
        "webhooks": lambda tx: deliveries.due(tx, 10, "me", 60.0),
        "prune": lambda tx: retention.prune(tx, 1.0),
        "a page": lambda tx: queries.page(tx.connection, queries.Filter(), 50, None, with_call=False),
        "my page": lambda tx: queries.page(
            tx.connection, queries.Filter(requested_by="me"), 50, None, with_call=False
        ),
        "a page of a state": lambda tx: queries.page(
            tx.connection, queries.Filter(state=State.RUNNING), 50, None, with_call=False
        ),
        "metrics": lambda tx: queries.unended(tx.connection, ["ours"]),
    }
    few = FEW_ROWS if store.database.is_shared else FEW_STEPS
    found = {
        name: await store.database.write(lambda tx, act=act: looked_at(tx, act)) for name, act in acts.items()
    }
    assert {name: much for name, much in found.items() if much > few} == {}
    everything = await store.database.write(
        lambda tx: looked_at(tx, lambda tx: queries.counts(tx.connection))
    )
    assert everything > few  # so what is counted does count
