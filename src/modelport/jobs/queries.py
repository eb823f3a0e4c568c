"""Reading jobs. Each function takes a connection and returns records."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, func, select, text, union_all

from modelport.jobs.records import KINDS, Event, Job, Metric, News, Page
from modelport.jobs.rows import SUMMARY, WHOLE, events_of, job_of, unpacked
from modelport.jobs.schema import events, jobs
from modelport.jobs.states import State

ROWS_AT_ONCE = 100  # of events, where lines may be among them: some megabytes
EVENT_BYTES = 400  # what an event takes beside its data


@dataclass(frozen=True)
class Filter:
    """Which jobs to list; `None` does not restrict."""

    model: str | None = None
    kind: str | None = None
    state: State | None = None


_BY_ID = select(*WHOLE).where(jobs.c.id == bindparam("job_id"))


def get(connection: Connection, job_id: str) -> Job | None:
    """A job with everything that belongs to it; `None` if there is none."""
    row = connection.execute(_BY_ID, {"job_id": job_id}).mappings().first()
    return None if row is None else job_of(row)


def page(
    connection: Connection,
    fits: Filter,
    limit: int,
    cursor: int | None,
    *,
    with_call: bool,
) -> Page:
    """Jobs, newest first, from below `cursor`. One more is read: is there a next page?"""
    numbers = numbers_of(fits, cursor, limit + 1).subquery()
    query = select(*(WHOLE if with_call else SUMMARY)).where(jobs.c.number.in_(select(numbers.c.number)))
    rows = connection.execute(query.order_by(jobs.c.number.desc())).mappings().all()
    found = [job_of(row) for row in rows[:limit]]
    return Page(jobs=found, cursor=found[-1].number if len(rows) > limit and found else None)


def numbers_of(fits: Filter, cursor: int | None, limit: int) -> Select[tuple[int]]:
    """Numbers of the newest jobs that fit.

    Whatever filter is not given is spelled out, one short walk along an index for each combination: so two
    indexes serve every filter, and no walk passes over jobs that do not fit, however many there are.
    """
    model, kind, state = fits.model, fits.kind, fits.state
    below = [] if cursor is None else [jobs.c.number < cursor]
    if model is None and kind is None and state is None:
        return select(jobs.c.number).where(*below).order_by(jobs.c.number.desc()).limit(limit)
    walks: list[Select[tuple[int]]] = []
    for one_kind in KINDS if kind is None else (kind,):
        for one_state in tuple(State) if state is None else (state,):
            walk = select(jobs.c.number).where(
                jobs.c.kind == one_kind, jobs.c.state == str(one_state), *below
            )
            if model is not None:
                walk = walk.where(jobs.c.model == model)
            inner = walk.order_by(jobs.c.number.desc()).limit(limit).subquery()
            walks.append(select(inner.c.number))
    together = union_all(*walks).subquery()
    return select(together.c.number).order_by(together.c.number.desc()).limit(limit)


def count(connection: Connection, fits: Filter, at_most: int) -> int:
    """How many jobs fit; what is beyond `at_most` is not counted."""
    numbers = numbers_of(fits, None, at_most).subquery()
    return connection.execute(select(func.count()).select_from(numbers)).scalar_one()


_STANDING = select(jobs.c.number, jobs.c.state, jobs.c.last_event).where(jobs.c.id == bindparam("job_id"))
_EVENTS = (
    select(events)
    .where(events.c.job == bindparam("job"), events.c.sequence > bindparam("after"))
    .order_by(events.c.sequence)
    .limit(bindparam("rows"))
)


def read_events(
    connection: Connection,
    job_id: str,
    after: int,
    limit: int,
    types: Collection[str] | None,
    most_bytes: int | None = None,
) -> list[Event]:
    """Events of a job after the sequence number `after`, in order.

    With `most_bytes` no further row is read once so much is in memory: rows are small (see `rows`).
    """
    row = connection.execute(_STANDING, {"job_id": job_id}).first()
    if row is None:
        return []
    query, at_once = _EVENTS, ROWS_AT_ONCE
    if types is not None:
        query = query.where(events.c.type.in_(sorted(types)))
        if "log" not in types:
            query = query.where(text("type <> 'log'"))  # a log may be long: there is an index without it
            at_once = limit
    found: list[Event] = []
    size = 0
    room = sys.maxsize if most_bytes is None else most_bytes
    seen, more = after, limit > 0
    while more:  # a row may hold many lines: as many rows as events would be too much at once
        wanted = min(limit - len(found), at_once)
        count = 0
        with connection.execute(query, {"job": row.number, "after": seen, "rows": wanted}) as rows:
            for one in rows:
                if len(found) >= limit or size >= room:
                    break
                new = [event for event in events_of(job_id, one) if event.sequence > after]
                found += new
                size += len(one.data) + len(new) * EVENT_BYTES
                seen = one.sequence
                count += 1
        more = count == wanted and len(found) < limit and size < room
    return found[:limit]


def news(
    connection: Connection, job_id: str, after: int | None, limit: int, most_bytes: int | None = None
) -> News | None:
    """What has happened to a job since an event, `None` for its last one; `None` if there is no such job."""
    row = connection.execute(_STANDING, {"job_id": job_id}).first()
    if row is None:
        return None
    since = row.last_event if after is None else after
    found = []
    if row.last_event > since:
        found = read_events(connection, job_id, since, limit, None, most_bytes)
    more = bool(found) and found[-1].sequence < row.last_event
    return News(state=State(row.state), since=since, events=found, more=more)


def metrics(connection: Connection, job_id: str) -> list[Metric]:
    """Every value of every metric of a job, as they came."""
    job = select(jobs.c.number).where(jobs.c.id == job_id).scalar_subquery()
    query = select(events).where(events.c.job == job, events.c.type == "metric", text("type <> 'log'"))
    found: list[Metric] = []
    for row in connection.execute(query.order_by(events.c.sequence)):
        data = unpacked(row.data)
        found.append(
            Metric(
                name=str(data.get("name", "")),
                value=data.get("value"),
                step=data.get("step"),
                attempt=row.attempt,
                at=row.at,
            )
        )
    return found


def states(connection: Connection, job_ids: Collection[str]) -> dict[str, State]:
    """The state of each of these jobs that there is."""
    found = connection.execute(select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(job_ids)))
    return {row.id: State(row.state) for row in found}


def counts(connection: Connection) -> dict[State, int]:
    """How many jobs stand in each state."""
    query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    found = {State(row[0]): row[1] for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in State}
