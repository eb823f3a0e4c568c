"""Reading and changing runs, versions and aliases, in the database of the server."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from modelport.jobs.records import FOR_EVER
from modelport.jobs.rows import packed, plain, unpacked
from modelport.runs import listing
from modelport.runs.errors import RunError, no_version
from modelport.runs.records import Alias, NewRun, Promotion, Run, RunPage, TrafficPlan
from modelport.runs.rows import insert_run, run_of
from modelport.settings.written import Order
from modelport.storage.database import Database
from modelport.storage.schema.jobs import jobs
from modelport.storage.schema.runs import aliases, promotions, runs, traffic, values
from modelport.storage.service import Storage
from modelport.storage.upserts import insert_into
from modelport.storage.writer import Transaction

LIVE = "live"
MOST_ALIASES = 100  # of one model, besides `live`: each listing of versions reads them all


class AliasMoved(Exception):
    """An alias is not what it was thought to be: somebody else has moved it."""

    def __init__(self, name: str, version: int):
        self.name = name
        self.version = version
        super().__init__(f"the alias {name!r} was moved meanwhile, to version {version}")


def runs_of(model: str) -> str:
    """The name of a change of a model's aliases or its traffic, or of runs that were removed."""
    return f"runs of {model}"


class RunStore:
    """Runs that outlive the server. Every method raises the store's errors (`StoreUnavailable`, …)."""

    def __init__(self, storage: Storage):
        self._storage = storage

    @property
    def _database(self) -> Database:
        """Raises `StoreUnavailable` with the reason if this server has none."""
        return self._storage.database

    # -- reading -----------------------------------------------------------------------------------

    async def get(self, model: str, run_id: str) -> Run | None:
        """A run with all that is known of it; `None` if there is none."""
        return await self._one(runs.c.model == model, runs.c.id == plain(run_id))

    async def of_version(self, model: str, version: int) -> Run | None:
        """The run that made a version; `None` if there is none."""
        return await self._one(runs.c.model == model, runs.c.version == version)

    async def newest(self, model: str) -> Run | None:
        """The newest run of a model; `None` if it has none."""
        last = select(func.max(runs.c.number)).where(runs.c.model == model).scalar_subquery()
        return await self._one(runs.c.number == last)

    async def best(self, model: str, order: Order, *, served: bool = True) -> Run | None:
        """The best run, of those that have a version if it is to be served; `None` if there is none."""

        def read(connection: Connection) -> Run | None:
            found = listing.page_of(connection, listing.best(connection, model, order, served=served), 1)
            return found[0] if found else None

        return await self._database.read(read)

    async def best_version(self, model: str, order: Order) -> int | None:
        """The version of the best run that has one; `None` if there is none."""

        def read(connection: Connection) -> int | None:
            for number, _ in listing.best(connection, model, order, served=True):
                return connection.execute(select(runs.c.version).where(runs.c.number == number)).scalar()
            return None

        return await self._database.read(read)

    async def version_of(self, model: str, run_id: str) -> int | None:
        """The version that a run has made; `None` if there is none, or no such run."""
        query = select(runs.c.version).where(runs.c.model == model, runs.c.id == plain(run_id))
        return await self._database.read(lambda one: one.execute(query).scalar())

    async def has_version(self, model: str, version: int) -> bool:
        """Whether there is such a version."""
        query = select(runs.c.number).where(runs.c.model == model, runs.c.version == version)
        return await self._database.read(lambda one: one.execute(query).first() is not None)

    async def page(self, model: str, order: Order | None, limit: int, cursor: int | None) -> RunPage:
        """Runs without their environments: in order, those without the number last; or newest first.

        They are fewer than `limit` where they hold more than `PAGE_BYTES`, but one at least.
        """

        def read(connection: Connection) -> RunPage:
            there = listing.sizes(connection, model, order, limit + 1, cursor)
            found = listing.page_of(connection, there, limit)
            if len(there) == len(found):
                return RunPage(runs=found, cursor=None)
            last = there[len(found) - 1][0] if order is None else (cursor or 0) + len(found)
            return RunPage(runs=found, cursor=last)

        return await self._database.read(read)

    async def versions(self, model: str, limit: int, below: int | None = None) -> RunPage:
        """The runs that have a version, the newest version first, in pages as those of `page`.

        The cursor is the last version.
        """

        def read(connection: Connection) -> RunPage:
            there = listing.version_sizes(connection, model, limit + 1, below)
            found = listing.page_of(connection, there, limit)
            return RunPage(
                runs=found, cursor=found[-1].version if found and len(there) > len(found) else None
            )

        return await self._database.read(read)

    async def removed(self, model: str, versions: Collection[int]) -> set[int]:
        """Those of these versions whose run was removed."""
        query = select(runs.c.version).where(runs.c.model == model, runs.c.version.in_(versions))
        return set(versions) - set(await self._database.read(lambda one: one.execute(query).scalars().all()))

    async def names(self, model: str, limit: int = 10) -> list[str]:
        """The ids of the newest runs of a model."""
        query = select(runs.c.id).where(runs.c.model == model).order_by(runs.c.number.desc()).limit(limit)
        return await self._database.read(lambda one: list(one.execute(query).scalars()))

    async def ordered_by(self, model: str, limit: int = 50) -> list[str]:
        """The names of numbers that runs of a model can be ordered by."""
        query = select(values.c.name).distinct().where(values.c.model == model)
        query = query.order_by(values.c.name).limit(limit)
        return await self._database.read(lambda one: list(one.execute(query).scalars()))

    async def aliases(self, model: str) -> dict[str, Alias]:
        """The aliases of a model that somebody has set, by name."""
        query = select(aliases).where(aliases.c.model == model).order_by(aliases.c.name)

        def read(connection: Connection) -> dict[str, Alias]:
            rows = connection.execute(query).mappings()
            return {row["name"]: _alias_of(dict(row)) for row in rows}

        return await self._database.read(read)

    async def promotions(self, model: str, limit: int) -> list[Promotion]:
        """What became live, the newest first."""
        query = select(promotions).where(promotions.c.model == model)
        query = query.order_by(promotions.c.number.desc()).limit(limit)

        def read(connection: Connection) -> list[Promotion]:
            return [_promotion_of(dict(row)) for row in connection.execute(query).mappings()]

        return await self._database.read(read)

    async def plan(self, model: str) -> TrafficPlan | None:
        """How the calls to a model are spread; `None` if all are for what is live."""
        return await self._database.read(lambda one: _plan_of(one, model))

    async def _one(self, *conditions: ColumnElement[bool]) -> Run | None:
        query = select(runs).where(*conditions)
        row = await self._database.read(lambda one: one.execute(query).mappings().first())
        return None if row is None else run_of(row)

    # -- changing ----------------------------------------------------------------------------------

    async def add(self, new: Sequence[NewRun]) -> int:
        """Write runs; those that are there already stay as they are. Returns how many are new."""

        def work(tx: Transaction) -> int:
            return sum(insert_run(tx, run) is not None for run in new)

        return await self._database.write(work)

    async def set_alias(
        self, model: str, name: str, version: int, *, before: int | None, promotion: Promotion | None = None
    ) -> Alias:
        """Move an alias to a version, and write down the promotion; both or none.

        `before` is the version that it has now (`None`: it is not set); raises `AliasMoved` if it has not,
        and `RunError`: 404 if there is no version to move to any more, 409 if there are as many as may be.
        """
        return await self._database.write(lambda tx: _set_alias(tx, model, name, version, before, promotion))

    async def remove_alias(self, model: str, name: str) -> bool:
        """Remove an alias; false if there is none."""
        gone = delete(aliases).where(aliases.c.model == model, aliases.c.name == plain(name))

        def work(tx: Transaction) -> bool:
            tx.touched.add(runs_of(model))
            return tx.connection.execute(gone).rowcount > 0

        return await self._database.write(work)

    async def set_plan(self, model: str, plan: TrafficPlan) -> None:
        """Say how the calls to a model are spread. Raises `RunError` 404 if a version of it is gone."""

        def work(tx: Transaction) -> None:
            tx.touched.add(runs_of(model))
            if not plan.versions:
                tx.connection.execute(delete(traffic).where(traffic.c.model == model))
                return
            for version in plan.versions:
                _check_version(tx, model, version)
            new = insert_into(postgres=tx.postgres)(traffic).values(model=model, plan=_packed_plan(plan))
            moved = {"plan": new.excluded.plan}
            tx.connection.execute(new.on_conflict_do_update(index_elements=["model"], set_=moved))

        await self._database.write(work)

    async def end_plan(self, model: str, plan: TrafficPlan) -> None:
        """Spread the calls to a model no longer like this; another plan that was set meanwhile stays."""
        gone = delete(traffic).where(traffic.c.model == model, traffic.c.plan == _packed_plan(plan))

        def work(tx: Transaction) -> None:
            if tx.connection.execute(gone).rowcount:
                tx.touched.add(runs_of(model))

        await self._database.write(work)

    async def remove(self, model: str, run: Run) -> str:
        """Remove a run; the job that made it is kept as long as any other from now on.

        Returns what has its version and keeps it: an alias, or the traffic; nothing if it was removed.
        """

        def work(tx: Transaction) -> str:
            # Locked, so that no other server gives its version an alias meanwhile.
            tx.connection.execute(select(runs.c.number).where(runs.c.number == run.number).with_for_update())
            held = select(aliases.c.name).where(aliases.c.model == model, aliases.c.version == run.version)
            if run.version is not None and tx.connection.execute(held).first() is not None:
                return "an alias"
            plan = _plan_of(tx.connection, model)
            if run.version is not None and plan is not None and run.version in plan.versions:
                return "the traffic"
            tx.connection.execute(delete(values).where(values.c.run == run.number))
            tx.connection.execute(delete(runs).where(runs.c.number == run.number))
            tx.touched.add(runs_of(model))
            if run.source == "job":
                mine = jobs.c.id == run.id, jobs.c.keep_seconds == FOR_EVER
                tx.connection.execute(update(jobs).where(*mine).values(keep_seconds=None))
            return ""

        return await self._database.write(work)


def _check_version(tx: Transaction, model: str, version: int) -> None:
    """Raise `RunError` 404 if there is no such version. Nobody removes it until the commit."""
    its_run = select(runs.c.number).where(runs.c.model == model, runs.c.version == version)
    if version and tx.connection.execute(its_run.with_for_update(read=True)).first() is None:
        raise no_version(model, version)


def _packed_plan(plan: TrafficPlan) -> bytes:
    return packed({"weights": plan.weights, "shadow": plan.shadow})


def _plan_of(connection: Connection, model: str) -> TrafficPlan | None:
    data = connection.execute(select(traffic.c.plan).where(traffic.c.model == model)).scalar()
    return None if data is None else TrafficPlan(**unpacked(data))


def _set_alias(
    tx: Transaction, model: str, name: str, version: int, before: int | None, promotion: Promotion | None
) -> Alias:
    row = {"model": model, "name": name, "version": version, "revision": 1, "changed_at": tx.now}
    mine = aliases.c.model == model, aliases.c.name == name
    _check_version(tx, model, version)
    if before is None:
        if name != LIVE:
            _check_room(tx, model)
        new = insert_into(postgres=tx.postgres)(aliases).values(row)
        made = new.on_conflict_do_nothing().returning(aliases)
    else:
        moved = {"version": version, "revision": aliases.c.revision + 1, "changed_at": tx.now}
        made = update(aliases).where(*mine, aliases.c.version == before).values(moved).returning(aliases)
    found = tx.connection.execute(made).mappings().first()
    if found is None:
        there = tx.connection.execute(select(aliases.c.version).where(*mine)).scalar()
        raise AliasMoved(name, there if there is not None else 0)
    tx.touched.add(runs_of(model))
    if promotion is not None:
        tx.connection.execute(
            insert(promotions),
            {
                "model": model,
                "kind": promotion.kind,
                "before": promotion.before,
                "after": version,
                "at": tx.now,
                "report": packed(promotion.report),
            },
        )
    return _alias_of(dict(found))


def _check_room(tx: Transaction, model: str) -> None:
    counted = select(func.count()).where(aliases.c.model == model, aliases.c.name != LIVE)
    if tx.connection.execute(counted).scalar_one() >= MOST_ALIASES:
        most = f"{MOST_ALIASES} aliases, which is the most"
        raise RunError(409, f"the model {model!r} has {most}; remove one that is not needed")


def _alias_of(row: dict[str, Any]) -> Alias:
    del row["model"]
    return Alias(**row)


def _promotion_of(row: dict[str, Any]) -> Promotion:
    del row["model"]
    row["report"] = unpacked(row["report"])
    return Promotion(**row)
