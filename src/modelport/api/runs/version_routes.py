"""The versions of a model, their aliases, what is live, and how calls are spread over them."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated, Listings, json_response
from modelport.api.dialect_calls import told_in
from modelport.api.endpoints.models import path_of_model
from modelport.api.endpoints.row import ReadBody
from modelport.api.named_models import asked_pool
from modelport.api.query_values import cursor_in, cursor_text, number_in
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.api.resources.server import ModelReady
from modelport.api.resources.versions import (
    Alias,
    Aliases,
    AliasMove,
    ModelVersions,
    Promoted,
    Promotions,
    Traffic,
    TrafficPlan,
)
from modelport.api.runs.bodies import base_version_body, promotion_body, version_body
from modelport.api.runs.predictions import RunPredictions
from modelport.dialects.oip.described import with_tensors
from modelport.problems import Problem
from modelport.runs import records
from modelport.runs.checks import Limits
from modelport.runs.promotion import PromotionRequest
from modelport.runs.records import Run, RunPage
from modelport.runs.service import BEST, RESERVED, RunService
from modelport.runs.store import LIVE, AliasMoved
from modelport.settings.checking import declarations
from modelport.settings.groups.runs import OnRegression

MAX_LISTED = 1000
MAX_VERSION = (1 << 31) - 1  # what the database can compare with
ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class VersionRoutes:
    """The handlers, one method a resource."""

    def __init__(self, runs: RunService, predictions: RunPredictions, listings: Listings, base_path: str):
        self.runs = runs
        self.listings = listings
        self.predictions = predictions
        self.base_path = base_path

    def _model(self, request: Request) -> str:
        return asked_pool(self.runs.engine, request).name

    # -- versions ----------------------------------------------------------------------------------

    async def list(self, request: Request) -> Response:
        """`GET …/versions?limit&cursor`: the newest first; version 0 is the model as its source has it."""
        model = self._model(request)
        query = request.query_params
        limit = number_in(query, "limit", 50, 1, MAX_LISTED)
        below = cursor_in(query)
        below = None if below is None else min(below, MAX_VERSION)
        aliases, loaded = await self.runs.aliases(model), self.runs.versions.loaded(model)
        place = path_of_model(self.base_path, model)

        def body(page: RunPage) -> ModelVersions:
            bodies = [version_body(run, aliases, loaded, place) for run in page.runs]
            if page.cursor is None:
                bodies.append(base_version_body(aliases, loaded, place))
            return ModelVersions(bodies, cursor_text(page.cursor))

        return await self.listings.answer(lambda: self.runs.store.versions(model, limit, below), body)

    async def version(self, request: Request) -> Response:
        """`GET …/versions/{version}`, by number or alias."""
        model = self._model(request)
        number = await self.runs.resolve(model, request.path_params["version"])
        await self.runs.check_version(model, number)
        aliases, loaded = await self.runs.aliases(model), self.runs.versions.loaded(model)
        place = path_of_model(self.base_path, model)
        pool = self.runs.versions.loaded_pool(model, number) or self.runs.engine.pools[model]

        def body(run: Run | None) -> dict[str, Any]:
            found = (
                base_version_body(aliases, loaded, place)
                if run is None
                else version_body(run, aliases, loaded, place)
            )
            known = {**structs.asdict(found), "name": model}
            return known if pool.signature is None else with_tensors(known, pool.signature, [number])

        return await self.listings.answer(lambda: self.runs.store.of_version(model, number), body)

    async def ready(self, request: Request) -> Response:
        """`GET …/versions/{version}/ready` (Open Inference Protocol): 200 if it is loaded."""
        with told_in(INFERENCE_ERROR):
            model = self._model(request)
            number = await self.runs.resolve(model, request.path_params["version"])
            await self.runs.check_version(model, number)
        is_ready = number in self.runs.versions.loaded(model) and not self.runs.engine.draining
        return json_response(ModelReady(model, is_ready), status=200 if is_ready else 503)

    async def predict(self, request: Request) -> Response:
        """`POST …/versions/{version}/predict`: a prediction by this version, whatever is live.

        `GET` streams it, if the model does.
        """
        model = self._model(request)
        version = await self.runs.resolve(model, request.path_params["version"])
        return Delegated(partial(self.predictions.answer, model=model, version=version))

    # -- aliases -----------------------------------------------------------------------------------

    async def aliases(self, request: Request) -> Response:
        """`GET …/aliases`: the version of each."""
        return json_response(Aliases(dict(await self.runs.aliases(self._model(request)))))

    async def alias(self, request: Request) -> Response:
        """`GET …/aliases/{alias}`."""
        name = request.path_params["alias"]
        version = await self.runs.resolve(self._model(request), "" if name.isdecimal() else name)
        return json_response(Alias(name, version))

    async def move(self, request: Request, sent: ReadBody[AliasMove]) -> Response:
        """`PUT …/aliases/{alias}`: moving `live` promotes the version, any other alias is only a name."""
        model, name = self._model(request), request.path_params["alias"]
        if name == BEST or not ALIAS.fullmatch(name):
            raise Problem(422, _no_alias(name))
        body = await sent()
        version = await self.runs.resolve(model, str(body.version))
        await self.runs.check_version(model, version)
        if name == LIVE:
            return json_response(Promoted(**await self.runs.promote(model, self._asked(version, body))))
        if (body.on_regression, body.min_agreement, body.max_latency_ratio) != (None, None, None):
            raise Problem(422, f"only the alias {LIVE!r} is checked when it moves; send the version alone")
        before = (await self.runs.store.aliases(model)).get(name)
        known = None if before is None else before.version
        try:
            moved = await self.runs.store.set_alias(model, name, version, before=known)
        except AliasMoved as error:
            raise Problem(409, str(error)) from None
        return json_response(Alias(name, moved.version))

    def _asked(self, version: int, body: AliasMove) -> PromotionRequest:
        on_regression = body.on_regression or self.runs.settings.on_regression
        wrong = declarations()["on_regression"].out_of_range(on_regression)
        if wrong:
            raise Problem(422, f"on_regression {on_regression[:40]!r} {wrong}")
        limits = Limits()
        if body.min_agreement is not None:
            limits = limits._replace(min_agreement=body.min_agreement)
        if body.max_latency_ratio is not None:
            limits = limits._replace(max_latency_ratio=body.max_latency_ratio)
        if not 0 <= limits.min_agreement <= 1:
            raise Problem(422, "min_agreement must be from 0 to 1")
        if not limits.max_latency_ratio > 0:
            raise Problem(422, "max_latency_ratio must be above 0")
        return PromotionRequest(version, refuse=on_regression == OnRegression.REFUSE, limits=limits)

    async def remove(self, request: Request) -> Response:
        """`DELETE …/aliases/{alias}`: not for those that there always are."""
        model, name = self._model(request), request.path_params["alias"]
        if name in RESERVED:
            raise Problem(409, f"the alias {name!r} is always there; {LIVE!r} can be moved")
        if not await self.runs.store.remove_alias(model, name):
            raise Problem(404, f"the model {model!r} has no alias {name[:100]!r}")
        return Response(status_code=204)

    async def roll_back(self, request: Request) -> Response:
        """`POST …/rollback`: make the version live again that was so before."""
        return json_response(Promoted(**await self.runs.roll_back(self._model(request))))

    async def promotions(self, request: Request) -> Response:
        """`GET …/promotions?limit`: what became live, the newest first, with what the checks found."""
        limit = number_in(request.query_params, "limit", 50, 1, MAX_LISTED)
        found = await self.runs.store.promotions(self._model(request), limit)
        return json_response(Promotions([promotion_body(promotion) for promotion in found]))

    # -- traffic -----------------------------------------------------------------------------------

    async def traffic(self, request: Request) -> Response:
        """`GET …/traffic`: the shares of versions, and how the answers of the shadow compare."""
        return json_response(Traffic(**self.runs.canaries.body(self._model(request))))

    async def spread(self, request: Request, sent: ReadBody[TrafficPlan]) -> Response:
        """`PUT …/traffic`: give versions a share of the calls, or copies of them."""
        model = self._model(request)
        body = await sent()
        weights: dict[str, float] = {}
        for text, weight in body.weights.items():
            version = str(await self._other(model, text))
            if version in weights:
                raise Problem(422, f"weights: version {version} is named twice")
            weights[version] = weight
        shadow = None if body.shadow is None else await self._other(model, str(body.shadow))
        await self.runs.set_traffic(model, records.TrafficPlan(weights=weights, shadow=shadow))
        return json_response(Traffic(**self.runs.canaries.body(model)))

    async def _other(self, model: str, text: str) -> int:
        version = await self.runs.resolve(model, text)
        await self.runs.check_version(model, version)
        if version == self.runs.live(model):
            raise Problem(422, f"version {version} is live: it gets what the others leave, unnamed")
        return version

    async def spread_no_more(self, request: Request) -> Response:
        """`DELETE …/traffic`: all calls go to what is live, and no copies are made."""
        await self.runs.set_traffic(self._model(request), records.TrafficPlan())
        return Response(status_code=204)


def _no_alias(name: str) -> str:
    if name == BEST:
        return f"the alias {BEST!r} follows from the order of runs (best_by) and cannot be moved"
    return (
        f"{name[:100]!r} cannot be an alias: a letter, then letters, digits, '_' and '-', at most 64 in all"
    )
