"""Which runs stand on a page of a listing, and in which order.

First their sizes are looked at, and only then those rows are read that fit: a run may hold hundreds of
thousands of numbers, and a page of such runs would fill the memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from modelport.jobs.pages import PAGE_BYTES, fitting, keys_and_sizes, size_of
from modelport.runs.records import Run
from modelport.runs.rows import SUMMARY, column_name, run_of
from modelport.settings.written import Order
from modelport.storage.schema.runs import runs, values

Sizes = list[tuple[int, int]]  # of runs in their order: the number and the bytes of each
SIZES = runs.c.number, size_of(runs.c.params, runs.c.metrics, runs.c.performance)


def sizes(connection: Connection, model: str, order: Order | None, limit: int, cursor: int | None) -> Sizes:
    """Runs newest first, from below the number `cursor`; or in order from there on, those without it last."""
    if order is None:
        below = [runs.c.number < cursor] if cursor is not None else []
        query = select(*SIZES).where(runs.c.model == model, *below)
        return keys_and_sizes(connection, query.order_by(runs.c.number.desc()).limit(limit))
    skip = cursor or 0
    found = _ordered(connection, model, order, limit, skip)
    if len(found) < limit:
        found += _without(connection, model, order, limit - len(found), skip + len(found))
    return found


def best(connection: Connection, model: str, order: Order, *, served: bool) -> Sizes:
    """The best run, of those that have a version if it is to be served; none if there is none."""
    conditions = [runs.c.version.is_not(None)] if served else []
    return _ordered(connection, model, order, 1, 0, *conditions)


def version_sizes(connection: Connection, model: str, limit: int, below: int | None) -> Sizes:
    """The runs that have a version, the newest version first."""
    fits = [runs.c.model == model, runs.c.version.is_not(None)]
    if below is not None:
        fits.append(runs.c.version < below)
    return keys_and_sizes(
        connection, select(*SIZES).where(*fits).order_by(runs.c.version.desc()).limit(limit)
    )


def page_of(connection: Connection, there: Sequence[tuple[int, int]], limit: int) -> list[Run]:
    """The first of these runs, without their environments, that make a page."""
    chosen = fitting(there, limit, PAGE_BYTES)
    rows = connection.execute(select(*SUMMARY).where(runs.c.number.in_(chosen))).mappings()
    found = {row["number"]: run_of(row) for row in rows}
    return [found[number] for number in chosen if number in found]


def _ordered(
    connection: Connection,
    model: str,
    order: Order,
    limit: int,
    skip: int,
    *conditions: ColumnElement[bool],
) -> Sizes:
    if order.highest:
        by = values.c.value.desc(), values.c.run.desc()
    else:
        by = values.c.value.asc(), values.c.run.asc()
    query = select(*SIZES).select_from(values).join(runs, runs.c.number == values.c.run)
    fits = values.c.model == model, values.c.name == column_name(order.name), *conditions
    return keys_and_sizes(connection, query.where(*fits).order_by(*by).limit(limit).offset(skip))


def _without(connection: Connection, model: str, order: Order, limit: int, skip: int) -> Sizes:
    """Runs that lack the number which the others are ordered by, newest first."""
    has = select(values.c.run).where(values.c.model == model, values.c.name == column_name(order.name))
    before = connection.execute(select(func.count()).select_from(has.subquery())).scalar_one()
    query = select(*SIZES).where(runs.c.model == model, runs.c.number.not_in(has))
    query = query.order_by(runs.c.number.desc()).limit(limit).offset(max(0, skip - before))
    return keys_and_sizes(connection, query)
