"""Runs: what was trained, and how good it is. For each model, and as a dialect has it, at the root."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data
from modelport.api.endpoints.statuses import CHANGED, STORED
from modelport.api.resources.runs import PARAM, PERFORMANCE, Params, Run, Runs

if TYPE_CHECKING:
    from modelport.api.handlers import Handlers
    from modelport.api.runs.run_routes import RunRoutes

ADMIN, PREDICT, READ = AccessScope.ADMIN, AccessScope.PREDICT, AccessScope.READ
TAG = "runs"


def runs_below(prefix: str, theirs: Callable[[Handlers], RunRoutes]) -> Iterable[Endpoint]:
    """The runs of the model at a path, and what answers there."""
    run = f"{prefix}/runs/{{run_id}}"
    page = data("A page of runs, the best first if there is an order, else the newest", Runs)
    yield Endpoint(
        "GET", f"{prefix}/runs", lambda on: theirs(on).list, READ,
        TAG, "runs", "List runs", {200: page}, STORED, parameters=of.OF_RUNS,
    )  # fmt: skip
    yield Endpoint(
        "GET", run, lambda on: theirs(on).run, READ,
        TAG, "run", "One run", {200: data("The run", Run)}, STORED, parameters=(of.RUN,),
    )  # fmt: skip
    yield Endpoint(
        "DELETE", run, lambda on: theirs(on).remove, ADMIN,
        TAG, "remove_run", "Forget a run that nothing serves",
        {204: Answer("It is forgotten")}, (*CHANGED, 409), parameters=(of.RUN,),
        action="runs.remove",
    )  # fmt: skip
    yield Endpoint(
        "POST", f"{run}/predict", lambda on: theirs(on).predict, PREDICT,
        TAG, "run_predict", "Make a prediction by the model that a run has saved", errors=(409,),
        calls="predict", parameters=(of.RUN,),
    )  # fmt: skip
    yield Endpoint(
        "GET", f"{prefix}/params", lambda on: theirs(on).params, READ,
        TAG, "params", "The parameters of a run", {200: data("The parameters", Params)}, STORED,
        parameters=(of.OF_RUN,),
    )  # fmt: skip
    yield Endpoint(
        "GET", f"{prefix}/params/{{param:path}}", lambda on: theirs(on).param, READ,
        TAG, "param", "One parameter of a run", {200: data("The parameter", PARAM)}, STORED,
        parameters=(of.PARAM, of.OF_RUN),
    )  # fmt: skip
    yield Endpoint(
        "GET", f"{prefix}/performance", lambda on: theirs(on).performance, READ,
        TAG, "performance", "How good a run is",
        {200: data("The performance, or a part of it", PERFORMANCE)}, STORED,
        parameters=(of.FILTER, of.OF_RUN),
    )  # fmt: skip


RUNS = tuple(runs_below(MODEL, lambda on: on.runs))
