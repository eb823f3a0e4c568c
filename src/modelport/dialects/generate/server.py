"""What the server answers to clients of the generate extension, below each model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.dialect_calls import DialectCalls, Given, version_of
from modelport.api.dialects import DialectServer, Parts
from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.models import MODEL
from modelport.api.endpoints.row import AccessScope, Answer, BodyHandler, Endpoint, ReadBody, data, with_body
from modelport.api.endpoints.statuses import FOUND, in_own_words
from modelport.api.refusal_form import INFERENCE_ERROR
from modelport.api.taken import Taken
from modelport.dialects.generate.bodies import GenerateRequest, GenerateResponse
from modelport.dialects.oip.bodies import InferError
from modelport.engine.ports import Pool
from modelport.problems import Problem

PREDICT, TAG, DIALECT = AccessScope.PREDICT, "generate", "generate"
WHOLE = in_own_words(data("The answer", GenerateResponse), InferError)
PARTS = in_own_words(
    Answer("Server-sent events, each the JSON of a part of the answer", media_type="text/event-stream"),
    InferError,
)


def _event(problem: Problem) -> bytes:
    return b"data: %b\n\n" % INFERENCE_ERROR.body(problem, "", "")


FORM = replace(INFERENCE_ERROR, event=_event)


def _head(pool: Pool) -> str:
    return json.dumps({"model_name": pool.name, "model_version": version_of(pool)})


def _asks(*, streams: bool) -> BodyHandler:
    return with_body(GenerateRequest, lambda on: partial(on.of(GenerateServer).generate, streams=streams))


def _rows(name: str, summary: str, answers: dict[int, Answer], *, streams: bool) -> Iterable[Endpoint]:
    yield Endpoint(
        "POST", f"{MODEL}/{name}", _asks(streams=streams), PREDICT, TAG, name, summary, answers, FOUND,
    )  # fmt: skip
    yield Endpoint(
        "POST", f"{MODEL}/versions/{{version}}/{name}", _asks(streams=streams), PREDICT,
        TAG, f"version_{name}", f"{summary}, by one version", answers, FOUND, parameters=(of.VERSION,),
    )  # fmt: skip


class GenerateServer(DialectServer):
    """The generate extension in an application."""

    rows_of_models = (
        *_rows("generate", "Answer without tensors (Triton)", WHOLE, streams=False),
        *_rows("generate_stream", "Answer in parts, as they come (Triton)", PARTS, streams=True),
    )

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self._calls = {
            streams: DialectCalls(
                parts.calls, parts.runs, DIALECT, FORM, Given(collect=not streams, told=_head)
            )
            for streams in (False, True)
        }
        self._paths = {
            path: (model, row.path, streams)
            for row, streams in ((self.rows_of_models[0], False), (self.rows_of_models[2], True))
            for path, model in parts.paths_of_models(row).items()
        }

    def taken(self, path: str, method: str) -> Taken | None:
        found = self._paths.get(path)
        if found is None or method != "POST" or not self.parts.calls.settings.predict_endpoint:
            return None
        model, route, streams = found
        return Taken(partial(self._calls[streams].live, model=model), FORM, model, route)

    async def generate(self, request: Request, sent: ReadBody[GenerateRequest], streams: bool) -> Response:
        """Those that are not taken before: of versions, of unknown models, of a server that makes none."""
        calls = self._calls[streams]
        with calls.told():
            model = calls.pool(request).name
            if "version" not in request.path_params:
                return Delegated(partial(calls.live, model=model))
            version = await calls.version(request, model)
            return Delegated(partial(calls.by_version, model=model, version=version))


SERVER = GenerateServer
