"""Lines of a log that stand together in one row: read from anywhere as if each had its own."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from making import line, running
from sqlalchemy import func, insert, select, text

from modelport.jobs.records import NewEvent, Outcome
from modelport.jobs.rows import ROW_CHARACTERS, ROW_LINES, events_of, packed, rows_of_events
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.schema.jobs import events

pytestmark = pytest.mark.anyio
METRIC = NewEvent(type="metric", data={"name": "loss", "value": 0.5, "step": 1})


async def rows_of(store: JobStore) -> int:
    """How many rows of lines there are."""
    query = select(func.count()).select_from(events).where(events.c.type == "log")
    return await store.database.write(lambda tx: tx.connection.execute(query).scalar_one())


async def test_each_line_has_its_number_and_can_be_resumed_from(store: JobStore) -> None:
    claim = await running(store)
    job_id, token = claim.job.id, claim.token
    lines = [line(f"line {number}") for number in range(12)]
    assert await store.append(job_id, token, [*lines[:5], METRIC, *lines[5:6]], after=2) == 9
    assert await store.append(job_id, token, lines[6:], after=9) == 15
    await store.finish(job_id, token, Outcome(state=State.SUCCEEDED))
    assert await rows_of(store) == 3
    whole = list(await store.events(job_id))
    assert [event.sequence for event in whole] == list(range(1, 17))
    assert [event.data for event in whole if event.type == "log"] == [one.data for one in lines]
    assert {event.attempt for event in whole[1:]} == {1}
    for after in range(17):
        for limit in (1, 3, 100):
            assert await store.events(job_id, after=after, limit=limit) == whole[after : after + limit]
        logged = [event for event in whole[after:] if event.type == "log"]
        assert await store.events(job_id, after=after, limit=4, types={"log"}) == logged[:4]
        news = await store.news(job_id, after=after, limit=5)
        assert news is not None
        assert (news.state, news.since, news.events) == (State.SUCCEEDED, after, whole[after : after + 5])
    assert await store.events(job_id, types={"metric"}) == [whole[7]]
    news = await store.news(job_id, after=None)
    assert news is not None
    assert (news.since, news.events) == (16, [])
    assert await store.news("nothing", after=None) is None


async def test_lines_said_twice_are_written_once(store: JobStore) -> None:
    """The answer to the first was lost; before the second, the job was asked to stop."""
    claim = await running(store)
    job_id, token = claim.job.id, claim.token
    lines = [line(f"line {number}") for number in range(10)]
    assert await store.append(job_id, token, lines, after=2) == 12
    assert await store.append(job_id, token, lines, after=2) == 12
    await store.request_cancel(job_id)
    assert await store.append(job_id, token, lines, after=2) == 13
    assert await store.append(job_id, token, lines, after=12) == 23
    found = await store.events(job_id)
    assert [event.sequence for event in found] == list(range(1, 24))
    assert [event.data for event in found if event.type == "log"] == [one.data for one in lines] * 2


async def test_rows_of_one_line_each_are_read_as_before(store: JobStore) -> None:
    """What version 0001 of the tables wrote, and what is written after it."""
    claim = await running(store)
    old = [
        {"job": claim.job.number, "sequence": number, "attempt": 1, "type": "log", "at": 1.0}
        | {"data": packed({"line": f"line {number}"})}
        for number in range(3, 253)
    ]

    def write(tx):  # type: ignore[no-untyped-def]
        tx.connection.execute(insert(events), old)
        tx.connection.execute(text("UPDATE jobs SET last_event = 252"))

    await store.database.write(write)
    new = [line(f"line {number}") for number in range(253, 1400)]
    assert await store.append(claim.job.id, claim.token, new, after=252) == 1399
    for after in (2, 101, 252, 700, 1398, 1399):
        found = await store.events(claim.job.id, after=after, limit=2000)
        assert [event.sequence for event in found] == list(range(after + 1, 1400))
        assert [event.data["line"] for event in found] == [f"line {n}" for n in range(after + 1, 1400)]
    found = await store.events(claim.job.id, after=2, types={"log"})
    assert [event.sequence for event in found] == list(range(3, 1003))


async def test_lines_go_with_their_job(store: JobStore) -> None:
    claim = await running(store)
    await store.append(claim.job.id, claim.token, [line("a"), line("b")])
    await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED))
    assert await store.prune(4e9) == [claim.job.id]
    assert await rows_of(store) == 0


said = st.lists(
    st.one_of(
        st.text(max_size=20).map(line),
        st.just(line("x" * (ROW_CHARACTERS // 3))),
        st.just(METRIC),
        st.builds(lambda at: NewEvent(type="log", data={"line": "timed"}, at=at), st.floats(0, 9)),
        st.just(NewEvent(type="log", data={"line": "named", "stream": "stderr"})),
        st.just(NewEvent(type="log", data={"line": 5})),
        st.just(line("lone \ud800 surrogate")),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said, st.integers(1, 5))
async def test_rows_are_the_events_whatever_they_are(new: list[NewEvent], first: int) -> None:
    class Row:
        def __init__(self, fields: dict[str, object]):
            self.__dict__ = fields

    rows = [Row(row) for row in rows_of_events(1, first, 2, new, 7.0)]
    found = [event for row in rows for event in events_of("a", row)]
    assert [event.sequence for event in found] == list(range(first, first + len(new)))
    plain = [{name: as_stored(value) for name, value in event.data.items()} for event in new]
    assert [(event.type, event.data) for event in found] == [
        (event.type, data) for event, data in zip(new, plain, strict=True)
    ]
    assert [event.at for event in found] == [7.0 if event.at is None else event.at for event in new]


def as_stored(value: object) -> object:
    """Text without what databases do not take."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def test_a_row_holds_only_so_much() -> None:
    short = rows_of_events(1, 1, 1, [line("a")] * (2 * ROW_LINES + 1), 0.0)
    assert [row["sequence"] for row in short] == [ROW_LINES, 2 * ROW_LINES, 2 * ROW_LINES + 1]
    long = rows_of_events(1, 1, 1, [line("a" * 4000)] * 100, 0.0)
    assert all(len(row["data"]) <= ROW_CHARACTERS + 1000 for row in long)
    assert long[-1]["sequence"] == 100
