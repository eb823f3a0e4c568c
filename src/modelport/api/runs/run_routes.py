"""What was trained and how good it is: runs, parameters and performance, at the root and for each model.

Source of the resources at the root: the API lesson of Made With ML.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated, Listings
from modelport.api.endpoints.models import path_of_model
from modelport.api.query_values import cursor_in, cursor_text, number_in
from modelport.api.resources.runs import Params, Runs
from modelport.api.runs.bodies import run_body, run_summary
from modelport.api.runs.predictions import RunPredictions
from modelport.problems import Problem
from modelport.runs.errors import RunError
from modelport.runs.performance import NoSuchPart, numbers_of, part_of
from modelport.runs.records import Run, RunPage
from modelport.runs.service import RunService
from modelport.settings.written import Order, order_of

MAX_TOP = 1000
MOST_NAMES = 50

FindModel = Callable[[Request], str]


class RunRoutes:
    """The handlers, one method a resource.

    `model_of` says which model a request is about; `at_root`, that predictions are answered in the dialect
    of the root.
    """

    def __init__(
        self,
        runs: RunService,
        predictions: RunPredictions,
        listings: Listings,
        model_of: FindModel,
        base_path: str,
        *,
        at_root: bool = False,
    ):
        self.runs = runs
        self.listings = listings
        self.predictions = predictions
        self.model_of = model_of
        self.base_path = base_path
        self.at_root = at_root

    async def list(self, request: Request) -> Response:
        """`GET …/runs?top&order_by&cursor`: the best first if there is an order, else the newest first."""
        model = self.model_of(request)
        query = request.query_params
        top = number_in(query, "top", 50, 1, MAX_TOP)
        cursor = cursor_in(query)
        order = self._order(query.get("order_by"))
        checked = order if query.get("order_by") and not cursor else None
        aliases = await self.runs.aliases(model)
        place = path_of_model(self.base_path, model)

        async def read() -> RunPage:
            page = await self.runs.store.page(model, order, top, cursor)
            if checked is not None:
                await self._check_order(model, checked, page)
            return page

        def body(page: RunPage) -> Runs:
            listed = [run_summary(run, aliases, place) for run in page.runs]
            return Runs(listed, None if order is None else str(order), cursor_text(page.cursor))

        return await self.listings.answer(read, body)

    async def _check_order(self, model: str, order: Order, page: RunPage) -> None:
        """Raise `Problem` 404 with the names that exist if no run has the number that is asked for."""
        best = page.runs[0] if page.runs else None
        if best is None or order.name in numbers_of(best.performance, best.metrics):
            return
        there = ", ".join(await self.runs.store.ordered_by(model)) or "none"
        raise Problem(404, f"no run of {model!r} has the number {order.name[:100]!r}; there is: {there}")

    def _order(self, asked: str | None) -> Order | None:
        if not asked:
            return self.runs.order
        if asked == "newest":
            return None
        try:
            return order_of(asked)
        except ValueError as error:
            raise Problem(422, f"order_by: {error}") from None

    async def run(self, request: Request) -> Response:
        """`GET …/runs/{run_id}`; `best` and `live` are names of runs, too."""
        model = self.model_of(request)
        aliases = await self.runs.aliases(model)
        return await self.listings.answer(
            lambda: self.runs.run(model, request.path_params["run_id"]),
            lambda run: run_body(run, aliases, path_of_model(self.base_path, model), self.base_path),
        )

    async def remove(self, request: Request) -> Response:
        """`DELETE …/runs/{run_id}`: forget a run that nothing serves."""
        model = self.model_of(request)
        run = await self.runs.run(model, request.path_params["run_id"])
        await self.runs.remove(model, run)
        return Response(status_code=204)

    async def predict(self, request: Request) -> Response:
        """`POST …/runs/{run_id}/predict`: a prediction by the model that the run has saved."""
        model = self.model_of(request)
        version = await self.runs.version_of(model, request.path_params["run_id"])
        answer = partial(self.predictions.answer, model=model, version=version, at_root=self.at_root)
        return Delegated(answer)

    async def params(self, request: Request) -> Response:
        """`GET …/params`: the parameters of the live run, or of `run_id`."""
        return await self.listings.answer(lambda: self._asked(request), lambda run: Params(run.params))

    async def param(self, request: Request) -> Response:
        """`GET …/params/{param}`: one of them, under its own name."""
        name = request.path_params["param"]

        def body(run: Run) -> dict[str, Any]:
            if name not in run.params:
                there = ", ".join(list(run.params)[:MOST_NAMES]) or "none"
                raise Problem(404, f"the run {run.id!r} has no parameter {name[:100]!r}; there is: {there}")
            return {name: run.params[name]}

        return await self.listings.answer(lambda: self._asked(request), body)

    async def performance(self, request: Request) -> Response:
        """`GET …/performance?filter=overall`: how good the live run is, or the part at a dotted path."""
        path = request.query_params.get("filter")

        def body(run: Run) -> dict[str, Any]:
            if path is None:
                return {"performance": run.performance}
            try:
                return {path: part_of(run.performance, path)}
            except NoSuchPart as error:
                raise Problem(404, str(error)) from None

        return await self.listings.answer(lambda: self._asked(request), body)

    async def _asked(self, request: Request) -> Run:
        model = self.model_of(request)
        asked: str | None = request.query_params.get("run_id")
        return await (self.runs.run(model, asked) if asked else self.runs.chosen(model))


def problem_of(error: RunError) -> Problem:
    """The answer to a request about runs that cannot be done."""
    retry = [("Retry-After", str(error.retry_after))] if error.retry_after else []
    extra: dict[str, Any] = {} if error.report is None else {"report": error.report}
    return Problem(error.status, error.detail, retry, extra=extra)
