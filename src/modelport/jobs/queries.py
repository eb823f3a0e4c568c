"""Reading jobs. Each function takes a connection and returns records."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select, text, union_all

from modelport.jobs.errors import QueueFull
from modelport.jobs.pages import fitting, keys_and_sizes, size_of
from modelport.jobs.records import KINDS, Event, Job, Metric, News, Page, QueueLimits
from modelport.jobs.rows import SUMMARY, WHOLE, events_of, job_of, unpacked
from modelport.jobs.states import State
from modelport.storage.schema.jobs import events, jobs
from modelport.storage.schema.shared_files import shared_files

METRICS_AT_ONCE = 1000
METRICS_BYTES = 4 << 20  # of a page of them, as they are stored
ROWS_AT_ONCE = 100  # of events, where lines may be among them: some megabytes
EVENT_BYTES = 400  # what an event takes beside its data


@dataclass(frozen=True)
class Filter:
    """Which jobs to list; `None` does not restrict."""

    model: str | None = None
    kind: str | None = None
    state: State | None = None
    requested_by: str | None = None


class Unended(NamedTuple):
    """How many jobs of a model and kind stand in a state; if they wait, since when the `oldest` does."""

    model: str
    kind: str
    state: str
    jobs: int
    oldest: float | None


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
    most_bytes: int | None = None,
) -> Page:
    """Jobs, newest first, from below `cursor`; no more than `most_bytes` of them hold, but one at least.

    One more is looked at: is there a next page?
    """
    numbers = numbers_of(fits, cursor, limit + 1).subquery()
    size = size_of(jobs.c.arguments, *([jobs.c.call, jobs.c.result] if with_call else []))
    query = select(jobs.c.number, size).where(jobs.c.number.in_(select(numbers.c.number)))
    there = keys_and_sizes(connection, query.order_by(jobs.c.number.desc()))
    chosen = fitting(there, limit, most_bytes)
    whole = select(*(WHOLE if with_call else SUMMARY)).where(jobs.c.number.in_(chosen))
    rows = connection.execute(whole.order_by(jobs.c.number.desc())).mappings()
    found = [job_of(row) for row in rows]
    return Page(jobs=found, cursor=chosen[-1] if len(there) > len(chosen) else None)


def results(connection: Connection, newest_first: Sequence[int], most_bytes: int) -> dict[int, bytes]:
    """The results of the first of these jobs, by number, up to so many bytes together."""
    query = select(jobs.c.number, size_of(jobs.c.result)).where(jobs.c.number.in_(newest_first))
    there = keys_and_sizes(connection, query.order_by(jobs.c.number.desc()))
    chosen = fitting(there, len(newest_first), most_bytes)
    rows = connection.execute(select(jobs.c.number, jobs.c.result).where(jobs.c.number.in_(chosen)))
    return {row.number: row.result for row in rows}


def numbers_of(fits: Filter, cursor: int | None, limit: int) -> Select[tuple[int]]:
    """Numbers of the newest jobs that fit.

    Whatever filter is not given is spelled out, one short walk along an index for each combination: so two
    indexes serve every filter, and no walk passes over jobs that do not fit, however many there are.
    """
    model, kind, state = fits.model, fits.kind, fits.state
    below = [] if cursor is None else [jobs.c.number < cursor]
    if fits.requested_by is not None:
        return _of_one(fits, below).order_by(jobs.c.number.desc()).limit(limit)
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


def _of_one(fits: Filter, below: Sequence[ColumnElement[bool]]) -> Select[tuple[int]]:
    """Numbers of the jobs that one has asked for: a walk along the index of those, over what does not fit."""
    query = select(jobs.c.number).where(jobs.c.requested_by == fits.requested_by, *below)
    query = query.where(text("requested_by <> ''"))
    for column, wanted in ((jobs.c.model, fits.model), (jobs.c.kind, fits.kind), (jobs.c.state, fits.state)):
        if wanted is not None:
            query = query.where(column == str(wanted))
    return query


def count(connection: Connection, fits: Filter, at_most: int) -> int:
    """How many jobs fit; what is beyond `at_most` is not counted."""
    numbers = numbers_of(fits, None, at_most).subquery()
    return connection.execute(select(func.count()).select_from(numbers)).scalar_one()


def check_room(connection: Connection, model: str, by: str, limits: QueueLimits) -> None:
    """Raise `QueueFull` if as many jobs wait as may: none is to be added for who asks by this id."""
    own = limits.of_principal
    if own and waiting_of(connection, by, own) >= own:
        raise QueueFull(
            f"{own} of your jobs wait already, and no more may (queued jobs of who asks): "
            "try again later, or cancel some"
        )
    if limits.of_model and _waiting(connection, limits.of_model, jobs.c.model == model) >= limits.of_model:
        raise QueueFull(
            f"{limits.of_model} jobs of {model!r} wait already, and no more may (max_queued_jobs): "
            "try again later, or cancel some"
        )
    if limits.in_all and _waiting(connection, limits.in_all) >= limits.in_all:
        raise QueueFull(
            f"{limits.in_all} jobs wait already, and no more may (max_queued_jobs_in_all): "
            "try again later, or cancel some"
        )


def waiting_of(connection: Connection, by: str, at_most: int) -> int:
    """How many jobs of who asks by this id wait; what is beyond `at_most` is not counted."""
    theirs = select(jobs.c.number).where(text("state = 'queued'"), jobs.c.requested_by == by)
    return _counted(connection, theirs.order_by(jobs.c.number).limit(at_most))


def _waiting(connection: Connection, at_most: int, *conditions: ColumnElement[bool]) -> int:
    """How many jobs wait; what is beyond `at_most` is not counted."""
    query = select(jobs.c.number).where(text("state = 'queued'"), *conditions)
    # In this order, else SQLite counts along an index of all jobs, the ended ones among them.
    return _counted(connection, query.order_by(jobs.c.priority.desc(), jobs.c.number).limit(at_most))


def _counted(connection: Connection, query: Select[tuple[int]]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def runners(connection: Connection) -> set[str]:
    """The servers that hold a job which runs."""
    query = select(jobs.c.owner).distinct().where(text("state = 'running'"))
    return set(connection.execute(query).scalars())


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


_METRICS = (
    select(events.c.sequence, events.c.attempt, events.c.at, events.c.data)
    .where(events.c.job == bindparam("job"), events.c.sequence > bindparam("after"))
    .where(events.c.type == "metric", text("type <> 'log'"))
    .order_by(events.c.sequence)
    .limit(bindparam("rows"))
)


def metrics(
    connection: Connection, job_id: str, after: int, limit: int, max_bytes: int = METRICS_BYTES
) -> tuple[list[Metric], int | None]:
    """Values of metrics of a job, as they came, from behind the event `after`.

    They are up to `limit`, and at most one beyond so many bytes. With them comes the number of the last one,
    if there are more; `None` at the end.
    """
    number = connection.execute(select(jobs.c.number).where(jobs.c.id == job_id)).scalar()
    found: list[Metric] = []
    seen, size = after, 0
    while number is not None:
        rows = connection.execute(_METRICS, {"job": number, "after": seen, "rows": METRICS_AT_ONCE}).all()
        for row in rows:
            if len(found) >= limit or size >= max_bytes:
                return found, seen
            data = unpacked(row.data)
            name = str(data.get("name", ""))
            found.append(Metric(name, data.get("value"), data.get("step"), row.attempt, row.at))
            seen = row.sequence
            size += len(row.data)
        if len(rows) < METRICS_AT_ONCE:
            break
    return found, None


def states(connection: Connection, job_ids: Collection[str]) -> dict[str, State]:
    """The state of each of these jobs that there is."""
    found = connection.execute(select(jobs.c.id, jobs.c.state).where(jobs.c.id.in_(job_ids)))
    return {row.id: State(row.state) for row in found}


def files_of(connection: Connection, job_id: str) -> str | None:
    """The list of what a job has at the place of shared files; `None` if it has nothing there."""
    return connection.execute(select(shared_files.c.list).where(shared_files.c.job == job_id)).scalar()


def requested_by(connection: Connection, job_id: str) -> str | None:
    """Who has asked for a job; `None` if there is none."""
    return connection.execute(select(jobs.c.requested_by).where(jobs.c.id == job_id)).scalar()


def unended(connection: Connection, models: Collection[str]) -> list[Unended]:
    """The jobs of these models that have not ended, by kind and state, without those that there are none of.
    What has ended is not looked at, however much that is.
    """
    states = [state.value for state in (State.QUEUED, State.RUNNING, State.INTERRUPTED)]
    fits = jobs.c.model.in_(models), jobs.c.kind.in_(KINDS), jobs.c.state.in_(states)
    by = jobs.c.model, jobs.c.kind, jobs.c.state
    # All of it stands in an index. The oldest one is looked up by its number, which grows with time.
    groups = select(*by, func.count().label("found"), func.min(jobs.c.number).label("first"))
    group = groups.where(*fits).group_by(*by).subquery()
    oldest = select(jobs.c.created_at).where(jobs.c.number == group.c.first).scalar_subquery()
    rows = connection.execute(select(group.c.model, group.c.kind, group.c.state, group.c.found, oldest))
    return [
        Unended(model, kind, state, found, oldest if state == State.QUEUED else None)
        for model, kind, state, found, oldest in rows
    ]


def counts(connection: Connection) -> dict[State, int]:
    """How many jobs stand in each state."""
    query = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    found = {State(row[0]): row[1] for row in connection.execute(query)}
    return {state: found.get(state, 0) for state in State}
