"""Everything that the server answers: one row an endpoint.

Routing, `Allow`, the fast paths and the checks of requests read this table. Of two rows that a path fits, the
first counts. `is_lenient` are the endpoints that DEEPaaS, mlup or the Open Inference Protocol have, and the
pages: what their clients send besides was always passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from modelport.api import parameters as of
from modelport.api.endpoint import AccessScope, Endpoint, Handler
from modelport.api.handlers import Handlers
from modelport.api.runs.run_routes import RunRoutes
from modelport.api.runs.version_routes import AliasBody, TrafficBody
from modelport.api.training import Trainings

ADMIN, OPEN, PREDICT = AccessScope.ADMIN, AccessScope.OPEN, AccessScope.PREDICT
PROMOTE, READ, TRAIN = AccessScope.PROMOTE, AccessScope.READ, AccessScope.TRAIN
MODEL = "/v2/models/{model}"
VERSION = f"{MODEL}/versions/{{version}}"
ALIAS = f"{MODEL}/aliases/{{alias}}"
TRAFFIC = f"{MODEL}/traffic"
JOB = "/v2/jobs/{job}"

# The predictions, by which the fast paths are made.
PREDICT_MODEL = Endpoint("POST", f"{MODEL}/predict/", lambda on: on.calls.predict, PREDICT, calls="predict")
PREDICT_VERSION = Endpoint(
    "POST", f"{VERSION}/predict/", lambda on: on.versions.predict, PREDICT, calls="predict",
    parameters=(of.VERSION,),
)  # fmt: skip
PREDICT_ROOT = Endpoint("POST", "/predict", lambda on: on.mlup.predict, PREDICT, calls="predict")


def _server() -> Iterable[Endpoint]:
    yield Endpoint("GET", "/", lambda on: on.v2.versions, READ, is_lenient=True)
    for method in ("GET", "OPTIONS"):
        yield Endpoint(method, "/health", lambda on: on.health.health, OPEN, is_lenient=True)
    yield Endpoint("GET", "/v2/", lambda on: on.v2.version, READ, is_lenient=True)
    yield Endpoint("GET", "/v2/health/live", lambda on: on.health.live, OPEN, is_lenient=True)
    yield Endpoint("GET", "/v2/health/ready", lambda on: on.health.ready, OPEN, is_lenient=True)
    yield Endpoint("GET", "/v2/models/", lambda on: on.v2.models, READ, is_lenient=True)
    yield Endpoint("GET", "/v2/debug/", lambda on: on.v2.debug, ADMIN, is_lenient=True)


def _root() -> Iterable[Endpoint]:
    """The model that answers at the root."""
    yield Endpoint("GET", "/info", lambda on: on.mlup.info.info, READ, is_lenient=True)
    yield PREDICT_ROOT
    yield Endpoint(
        "GET", "/get-predict/{predict_id}", lambda on: on.mlup.long.get, PREDICT,
        parameters=(of.PREDICTION,), is_lenient=True,
    )  # fmt: skip


def _model() -> Iterable[Endpoint]:
    yield Endpoint("GET", f"{MODEL}/", lambda on: on.v2.model, READ, is_lenient=True)
    yield Endpoint("GET", f"{MODEL}/ready", lambda on: on.health.model_ready, OPEN, is_lenient=True)
    yield PREDICT_MODEL
    yield replace(PREDICT_MODEL, method="GET")
    yield Endpoint(
        "POST", f"{MODEL}/train/", lambda on: on.calls.train, TRAIN, calls="train", parameters=of.SUBMIT
    )
    yield Endpoint(
        "POST", f"{MODEL}/validate/", lambda on: on.calls.validate, TRAIN, calls="validate",
        parameters=of.SUBMIT,
    )  # fmt: skip
    yield from _trainings(f"{MODEL}/train/", lambda on: on.trainings)
    yield from _trainings(f"{MODEL}/validate/", lambda on: on.validations)


def _trainings(path: str, theirs: Callable[[Handlers], Trainings]) -> Iterable[Endpoint]:
    one, which = f"{path}{{uuid}}", (of.TRAINING,)
    yield Endpoint("GET", path, lambda on: theirs(on).list, READ, is_lenient=True)
    yield Endpoint("GET", one, lambda on: theirs(on).show, READ, parameters=which, is_lenient=True)
    yield Endpoint("DELETE", one, lambda on: theirs(on).cancel, TRAIN, parameters=which, is_lenient=True)


def _jobs() -> Iterable[Endpoint]:
    yield Endpoint("GET", "/v2/jobs", lambda on: on.jobs.list, READ, parameters=of.OF_JOBS)
    yield Endpoint("GET", JOB, lambda on: on.jobs.job, READ, parameters=(of.JOB,))
    yield Endpoint("DELETE", JOB, lambda on: on.jobs.cancel, TRAIN, parameters=(of.JOB,))
    yield Endpoint("POST", f"{JOB}/retry", lambda on: on.jobs.retry, TRAIN, parameters=(of.JOB,))
    yield Endpoint(
        "GET", f"{JOB}/events", lambda on: on.jobs.events, READ, parameters=(of.JOB, *of.LAST_EVENT)
    )
    yield Endpoint("GET", f"{JOB}/log", lambda on: on.jobs.log, READ, parameters=(of.JOB, of.FOLLOW))
    yield Endpoint(
        "GET", f"{JOB}/metrics", lambda on: on.jobs.metrics, READ, parameters=(of.JOB, *of.OF_METRICS)
    )
    yield Endpoint("GET", f"{JOB}/artifacts/", lambda on: on.jobs.artifacts, READ, parameters=(of.JOB,))
    yield Endpoint(
        "GET", f"{JOB}/artifacts/{{name:path}}", lambda on: on.jobs.artifact, READ,
        parameters=(of.JOB, of.ARTIFACT),
    )  # fmt: skip
    yield Endpoint("GET", f"{JOB}/result", lambda on: on.jobs.result, READ, parameters=(of.JOB,))


def _runs(prefix: str, theirs: Callable[[Handlers], RunRoutes]) -> Iterable[Endpoint]:
    run = f"{prefix}/runs/{{run_id}}"
    yield Endpoint("GET", f"{prefix}/runs", lambda on: theirs(on).list, READ, parameters=of.OF_RUNS)
    yield Endpoint("GET", run, lambda on: theirs(on).run, READ, parameters=(of.RUN,))
    yield Endpoint("DELETE", run, lambda on: theirs(on).remove, ADMIN, parameters=(of.RUN,))
    yield Endpoint(
        "POST", f"{run}/predict", lambda on: theirs(on).predict, PREDICT, calls="predict",
        parameters=(of.RUN,),
    )  # fmt: skip
    yield Endpoint("GET", f"{prefix}/params", lambda on: theirs(on).params, READ, parameters=(of.OF_RUN,))
    yield Endpoint(
        "GET", f"{prefix}/params/{{param:path}}", lambda on: theirs(on).param, READ,
        parameters=(of.PARAM, of.OF_RUN),
    )  # fmt: skip
    yield Endpoint(
        "GET", f"{prefix}/performance", lambda on: theirs(on).performance, READ,
        parameters=(of.FILTER, of.OF_RUN),
    )  # fmt: skip


def _versions() -> Iterable[Endpoint]:
    yield Endpoint(
        "GET", f"{MODEL}/versions", lambda on: on.versions.list, READ, parameters=(of.LIMIT, of.CURSOR)
    )
    yield Endpoint("GET", VERSION, lambda on: on.versions.version, READ, parameters=(of.VERSION,))
    yield PREDICT_VERSION
    yield replace(PREDICT_VERSION, method="GET")
    yield Endpoint("GET", f"{MODEL}/aliases", lambda on: on.versions.aliases, READ)
    yield Endpoint("GET", ALIAS, lambda on: on.versions.alias, READ, parameters=(of.ALIAS,))
    yield Endpoint("PUT", ALIAS, lambda on: on.versions.move, PROMOTE, body=AliasBody, parameters=(of.ALIAS,))
    yield Endpoint("DELETE", ALIAS, lambda on: on.versions.remove, PROMOTE, parameters=(of.ALIAS,))
    yield Endpoint("POST", f"{MODEL}/rollback", lambda on: on.versions.roll_back, PROMOTE)
    yield Endpoint(
        "GET", f"{MODEL}/promotions", lambda on: on.versions.promotions, READ, parameters=(of.LIMIT,)
    )
    yield Endpoint("GET", TRAFFIC, lambda on: on.versions.traffic, READ)
    yield Endpoint("PUT", TRAFFIC, lambda on: on.versions.spread, PROMOTE, body=TrafficBody)
    yield Endpoint("DELETE", TRAFFIC, lambda on: on.versions.spread_no_more, PROMOTE)


def _documents() -> Iterable[Endpoint]:
    """The API documents always, the pages unless they are switched off."""
    yield Endpoint("GET", "/openapi.json", lambda on: on.documents.openapi, READ, is_lenient=True)
    yield Endpoint("GET", "/swagger.json", lambda on: on.documents.swagger, READ, is_lenient=True)
    for path in ("/docs", "/api", "/ui"):
        yield _page(path, lambda on: on.documents.swagger_page)
    yield _page("/redoc", lambda on: on.documents.redoc_page)
    yield _page("/static/{path:path}", lambda on: on.documents.asset)


def _page(path: str, handler: Callable[[Handlers], Handler]) -> Endpoint:
    return Endpoint("GET", path, handler, READ, is_lenient=True, setting="doc_endpoint")


ENDPOINTS: tuple[Endpoint, ...] = (
    *_server(),
    *_root(),
    *_runs("", lambda on: on.root_runs),
    *_model(),
    *_runs(MODEL, lambda on: on.runs),
    *_versions(),
    *_jobs(),
    *_documents(),
)
