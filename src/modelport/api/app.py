"""The ASGI application: the hot path by one look-up, everything else by Starlette."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, Match

from modelport.api.admission import SAFE_METHODS, Admission
from modelport.api.answers import Listings
from modelport.api.batch_routes import BatchRoutes
from modelport.api.calls import CallHandler
from modelport.api.credentials import (
    CREDENTIALS,
    NOBODY,
    PRINCIPAL,
    Credentials,
    as_sent,
    check,
    principal_of,
)
from modelport.api.dialect_ports import DialectPorts
from modelport.api.dialects import Parts, root_dialect, servers
from modelport.api.direct import DirectCalls, Door
from modelport.api.direct_dialect import DirectDialect
from modelport.api.documents_routes import DocumentRoutes
from modelport.api.endpoints.root import PREDICT_ROOT
from modelport.api.endpoints.table import ENDPOINTS
from modelport.api.exchanges import exchange_of, note_principal, noted_answer, request_number
from modelport.api.handlers import Handlers
from modelport.api.health import Health
from modelport.api.identity_routes import IdentityRoutes
from modelport.api.job_answers import JobAnswers
from modelport.api.job_routes import JobRoutes
from modelport.api.job_submission import JobSubmission
from modelport.api.limiting import TURN, Limiter, begin_call
from modelport.api.metrics.readings import Readings
from modelport.api.metrics.routes import MetricsRoutes
from modelport.api.metrics.statistics import StatisticsRoutes
from modelport.api.model_log_routes import ModelLogRoutes
from modelport.api.model_reports import ModelReports
from modelport.api.monitoring_routes import MonitoringRoutes
from modelport.api.named_models import asked_pool
from modelport.api.oidc_routes import OidcRoutes
from modelport.api.own_limits import OwnLimitRoutes
from modelport.api.page_routes import HOME, PageRoutes
from modelport.api.quick_refusals import QuickRefusals, Wrap
from modelport.api.refusal_form import PROBLEM_DETAILS, RefusalForm
from modelport.api.repository_routes import RepositoryRoutes
from modelport.api.root.root import Root
from modelport.api.route_errors import RouteErrors
from modelport.api.routing import gets_that_run, open_rows, paths_of, routes_of
from modelport.api.runs.predictions import RunPredictions
from modelport.api.runs.run_routes import RunRoutes
from modelport.api.runs.version_routes import VersionRoutes
from modelport.api.session_routes import SessionRoutes
from modelport.api.signature_routes import SignatureRoutes
from modelport.api.sockets import as_request
from modelport.api.standing import send_while_standing
from modelport.api.stream_calls import StreamCalls
from modelport.api.taken import Taken
from modelport.api.usage_routes import UsageRoutes
from modelport.api.user_routes import UserRoutes
from modelport.engine.ports import Engine
from modelport.http.asgi import Headers, Receive, Scope, Send, header, send_problem
from modelport.identity.accounting import Accounting
from modelport.identity.principals import AccessScope
from modelport.identity.service import Identity
from modelport.jobs.service import JobService
from modelport.problems import Problem
from modelport.runs.service import RunService
from modelport.settings import Settings, outer_path
from modelport.siblings import Siblings
from modelport.telemetry.exchanges import Exchanges
from modelport.telemetry.metrics.requests import RequestCounts
from modelport.telemetry.metrics.scrapes import Metrics

log = logging.getLogger("modelport.api")


class Services(NamedTuple):
    """What an application answers from. It lives elsewhere (`serving.life`), and several may share it."""

    engine: Engine
    jobs: JobService
    runs: RunService
    identity: Identity
    accounting: Accounting
    exchanges: Exchanges
    metrics: Metrics
    readings: Readings
    requests: RequestCounts | None  # what is counted of them, if that is wanted
    reports: ModelReports
    siblings: Siblings | None = None  # other processes of the server


class Application:
    """modelport as an ASGI application.

    `routes` are somebody else's, relative to the base path; they come before those of the same paths here.
    `configurations` has by a dialect's name what a file of the original system says.
    """

    def __init__(
        self,
        services: Services,
        settings: Settings,
        routes: Sequence[BaseRoute] = (),
        configurations: Mapping[str, Any] | None = None,
    ):
        self.engine, self.jobs, self.runs = services.engine, services.jobs, services.runs
        self._exchanges, self._metrics = services.exchanges, services.metrics
        self._statistics = StatisticsRoutes(services.readings, services.requests)
        self._reports, identity, accounting = services.reports, services.identity, services.accounting
        engine, jobs, runs = self.engine, self.jobs, self.runs
        self.settings = settings
        self.base_path = outer_path(settings.root_path, settings.base_path)
        self.health = Health(engine, jobs.storage, services.siblings)
        self._own_routes = list(routes)
        self._calls = CallHandler(engine, settings)
        self._metrics.bodies.add(self._calls.memory)
        self.admission = Admission(settings)
        self._identity, self._accounting = identity, accounting
        self.credentials = Credentials(identity)
        self.limiter = Limiter(identity.allowances)
        self._runs_by_get = paths_of(gets_that_run(ENDPOINTS), self.base_path)
        self._open = {
            method: paths_of(rows, self.base_path) for method, rows in open_rows(ENDPOINTS, settings).items()
        }
        self._unlimited = paths_of((row for row in ENDPOINTS if row.is_unlimited), self.base_path)
        self._listings = Listings()
        self.page = PageRoutes(settings, self.base_path)
        self._job_routes = JobRoutes(jobs, self._listings, self.base_path)
        self._submission = JobSubmission(engine, jobs, settings, self._calls.memory)
        self._job_answers = JobAnswers(self._submission, self._job_routes, self._calls, self.base_path)
        self._root = Root(
            root_dialect(settings), self._calls, self._submission, self._job_answers, self.base_path
        )
        self._run_predictions = RunPredictions(
            runs, self._calls, self._job_answers, self._root.predictions.predict
        )
        parts = self._parts(configurations or {}, services)
        self._dialects = {server: server(parts) for server in servers()}
        self.direct = self._direct_calls()
        self._others: Any = self._cold_routes()
        self._admitted: Any = self._with_cors(self._route)
        self._answer = self._http
        for dialect in self._dialects.values():
            self._answer = dialect.around(self._answer)

    def _parts(self, configurations: Mapping[str, Any], services: Services) -> Parts:
        """What the dialects build on."""
        return Parts(
            self._calls,
            self._job_answers,
            self.jobs,
            self.runs,
            self._run_predictions,
            self._listings,
            self._root,
            self.base_path,
            self._own_routes,
            self._is_replaced,
            configurations,
            services.readings,
            services.requests,
            self,
        )

    def _direct_calls(self) -> DirectCalls:
        dialects: list[DirectDialect] = []
        if not self._is_replaced(PREDICT_ROOT.route):
            dialects.append(self._root.predictions.direct(self._root.path))
        for dialect in self._dialects.values():
            dialects += dialect.direct()
        # Their own routes may be where a version answers.
        version_of = _of_no_version if self._own_routes else self.runs.versions.ready_pool
        refusals = QuickRefusals(
            self.form_at, self._may_be_open, self.credentials, (self.engine, self._exchanges)
        )
        door = Door(self.admission, self.credentials, self.limiter, refusals)
        return DirectCalls(self._calls, door, dialects, version_of, self._exchanges)

    def _is_replaced(self, path: str, method: str = "POST") -> bool:
        """True if a route of somebody else takes the predictions at this path."""
        scope = {"type": "http", "method": method, "path": path, "root_path": ""}
        return any(route.matches(scope)[0] is Match.FULL for route in self._own_routes)

    def _cold_routes(self) -> Starlette:
        routes = [*self._own_routes, *routes_of(ENDPOINTS, self._handlers(), self.settings)]
        errors = RouteErrors(self.engine, routes, self.base_path)
        app = Starlette(routes=routes, exception_handlers=errors.handlers())
        app.router.redirect_slashes = False
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await as_request(self, scope, receive, send)
            return
        if scope["type"] != "http":
            return
        if self.page.belongs_to(scope) and not self._is_replaced(scope["path"], "GET"):
            scope = dict(scope) | {"path": self.base_path + HOME}
        await noted_answer(self._exchanges, self.engine, self._answer, scope, receive, send)

    def _with_cors(self, app: Any) -> Any:
        """`app`, with what browsers must be told before pages of other origins may read its answers."""
        if not self.settings.allow_origins:
            return app
        origins = ["*"] if "*" in self.settings.allow_origins else self.admission.origins
        return CORSMiddleware(app, allow_origins=origins, allow_methods=["*"])

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        runs_model = scope["method"] == "GET" and self._runs_by_get.fullmatch(scope["path"]) is not None
        refused = self.admission.refusal(scope, runs_model=runs_model)
        if refused is None:
            refused, send = await self._unwelcome(scope, send, runs_model=runs_model)
        if refused is None:
            answer = partial(self._admitted, scope, receive)
            form = partial(self._form_at, scope)
            await send_while_standing(self.credentials.open_answers, principal_of(scope), send, answer, form)
        else:
            await self._form_at(scope).send(send, refused, self._request_id())

    def _form_at(self, scope: Scope) -> RefusalForm:
        """In which form somebody is told that they may not ask this: by the dialect whose path it is."""
        path = _without_slashes(scope["path"])
        taken = self._taken(path, scope["method"])
        if taken is not None:
            return taken.form
        forms = (dialect.form_at(path) for dialect in self._dialects.values())
        return next((form for form in forms if form is not None), PROBLEM_DETAILS)

    def form_at(self, scope: Scope) -> tuple[RefusalForm, Wrap | None]:
        """The same, with what is put around it on its way out."""
        wraps = (dialect.around_refusal(scope) for dialect in self._dialects.values())
        return self._form_at(scope), next((wrap for wrap in wraps if wrap is not None), None)

    async def _unwelcome(self, scope: Scope, send: Send, *, runs_model: bool) -> tuple[Problem | None, Send]:
        """Why somebody may not come in now, if it is so; and how they are answered."""
        client = scope.get("client")
        if self.limiter.by_address and (turn := self.limiter.turn(None, client)) is not None:
            try:
                await turn.check()
            except Problem as problem:
                return problem, send
        refused = await self._unidentified(scope, runs_model=runs_model)
        is_free = refused is not None or self._is_open(scope) or self._is_unlimited(scope)
        by = None if is_free else principal_of(scope)
        turn = self.limiter.turn(by, client)
        if turn is None:
            return refused, send
        if refused is None:
            try:
                await turn.check()
            except Problem as problem:
                return problem, send
        turn.count()
        scope[TURN] = turn
        return refused, turn.told(send)

    async def _unidentified(self, scope: Scope, *, runs_model: bool) -> Problem | None:
        """Note who asks; why they may not come in, if nobody knows them and this is not open to all."""
        try:
            scope[PRINCIPAL] = await self.credentials.identify(scope, runs_model=runs_model)
        except Problem as problem:
            if not self._is_open(scope):
                return problem
            scope[PRINCIPAL] = NOBODY
        note_principal(scope, principal_of(scope))
        return None

    def _is_open(self, scope: Scope) -> bool:
        """Whether anybody may ask: for what says so in the table, and what browsers ask before they ask."""
        if scope["method"] == "OPTIONS" and self.settings.allow_origins:
            return bool(header(scope, b"access-control-request-method"))
        return self._may_be_open(scope["method"], scope["path"])

    def _is_unlimited(self, scope: Scope) -> bool:
        """Whether somebody may ask whose limits are used up."""
        return scope["method"] == "POST" and self._unlimited.fullmatch(scope["path"]) is not None

    def _may_be_open(self, method: str, path: str) -> bool:
        method = "GET" if method in SAFE_METHODS else method
        return method in self._open and self._open[method].fullmatch(path) is not None

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _without_slashes(scope["path"])
        taken = self._taken(path, scope["method"])
        if taken is not None:
            noted = exchange_of(scope)
            if noted is not None:
                noted.route, noted.model = taken.route, taken.model or ""
            try:
                check(principal_of(scope), AccessScope.PREDICT, taken.model)
                ending = begin_call(scope)
            except Problem as problem:
                await taken.form.send(send, problem, self._request_id())
                return
            with ending:
                await taken.answer(scope, receive, send)
            return
        await self._cold(scope, receive, send, path)

    def _taken(self, path: str, method: str) -> Taken | None:
        """What answers such a request without a route."""
        taken = self._root.taken(path, method)
        for dialect in self._dialects.values():
            if taken is not None:
                break
            taken = dialect.taken(path, method)
        return taken

    def _request_id(self) -> str:
        return self.engine.request_id(request_number(self.engine))

    async def _cold(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        if self.base_path:
            if path != self.base_path and not path.startswith(self.base_path + "/"):
                await send_problem(
                    send, Problem(404, f"everything is under {self.base_path}"), self._request_id()
                )
                return
            path = path[len(self.base_path) :] or "/"
        scope = dict(scope) | {"path": self.base_path + path, "root_path": self.base_path}
        await self._others(scope, receive, send)

    def ports(self) -> DialectPorts:
        """The ports of dialects that are spoken at their own; whoever serves binds and opens them."""
        found = (dialect.port(self) for dialect in self._dialects.values())
        return DialectPorts([port for port in found if port is not None])

    def is_known(self, headers: Headers) -> bool:
        """Whether somebody may send the body of a request at once: nobody is asked, or who it is is known.

        It tells nothing of what they may do, and may be asked in any thread.
        """
        if not self.credentials.is_asked:
            return True
        found = [as_sent(name, value) for name, value in headers if name in CREDENTIALS]
        return len(found) == 1 and self.credentials.known(found[0]) is not None

    def _handlers(self) -> Handlers:
        predictions = self._run_predictions

        def of_path(request: Request) -> str:
            return asked_pool(self.engine, request).name

        listings = self._listings
        return Handlers(
            health=self.health,
            runs=RunRoutes(self.runs, predictions, listings, of_path, self.base_path),
            versions=VersionRoutes(self.runs, predictions, listings, self.base_path),
            repository=RepositoryRoutes(self.runs.repository),
            signatures=SignatureRoutes(self.engine, self.jobs),
            streams=StreamCalls(self._calls, self.runs),
            jobs=self._job_routes,
            monitoring=MonitoringRoutes(self.runs, self._reports),
            batches=BatchRoutes(self.engine, self._job_answers),
            documents=DocumentRoutes(self.engine, self.settings, self.base_path),
            page=self.page,
            identity=IdentityRoutes(self._identity, self.base_path),
            users=UserRoutes(self._identity.accounts),
            sessions=SessionRoutes(
                self._identity.accounts, self.base_path, has_page=self.settings.page_endpoint
            ),
            oidc=OidcRoutes(self._identity, self.settings.public_url, self.base_path),
            usage=UsageRoutes(self._accounting),
            own_limits=OwnLimitRoutes(self.jobs),
            metrics=MetricsRoutes(self._metrics, is_open=self.settings.open_metrics),
            statistics=self._statistics,
            model_logs=ModelLogRoutes(self.engine, self.jobs.storage.siblings),
            root=self._root,
            dialects=self._dialects,
        )


def _without_slashes(path: str) -> str:
    return path.rstrip("/") or "/" if len(path) > 1 and path[-1] == "/" else path


def _of_no_version(model: str, version: int) -> None:
    """Every version goes the long way."""
