"""What the server answers to clients of OpenAI's API."""

from __future__ import annotations

from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated, json_response
from modelport.api.credentials import principal_of
from modelport.api.dialects import DialectServer, Parts
from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, BodyHandler, Endpoint, ReadBody, data, with_body
from modelport.api.endpoints.statuses import FOUND, in_own_words
from modelport.api.handlers import Handlers
from modelport.api.refusal_form import RefusalForm
from modelport.api.taken import Taken
from modelport.dialects.openai import bodies
from modelport.dialects.openai.routes import CHAT, COMPLETE, EMBED, RESPOND, ROUTES, Route
from modelport.dialects.openai.server.calls import FORM, OpenAiCalls
from modelport.dialects.openai.server.models import listed, one_model

OPEN, PREDICT = AccessScope.OPEN, AccessScope.PREDICT
TAG = "openai"
MODELS = "/v1/models"
WRITTEN = in_own_words(data("What the model has written", bodies.Written), bodies.OpenAiError)
RESPONDED = in_own_words(data("What the model has written", bodies.Response), bodies.OpenAiError)
EMBEDDED = in_own_words(data("The vectors", bodies.Embeddings), bodies.OpenAiError)


def _asking(route: Route, body: type[msgspec.Struct]) -> BodyHandler:
    async def ask(on: Handlers, request: Request, sent: ReadBody[msgspec.Struct]) -> Response:
        return on.of(OpenAiServer).ask(route)

    return with_body(body, lambda on: partial(ask, on))


CHATS = Endpoint(
    "POST", CHAT.path, _asking(CHAT, bodies.ChatRequest), PREDICT, TAG, "chat_completions",
    "Let a model go on with a chat", WRITTEN, FOUND,
)  # fmt: skip
COMPLETIONS = Endpoint(
    "POST", COMPLETE.path, _asking(COMPLETE, bodies.CompletionRequest), PREDICT, TAG, "completions",
    "Let a model go on with a text", WRITTEN, FOUND,
)  # fmt: skip
EMBEDDINGS = Endpoint(
    "POST", EMBED.path, _asking(EMBED, bodies.EmbeddingRequest), PREDICT, TAG, "embeddings",
    "Vectors of texts", EMBEDDED, FOUND,
)  # fmt: skip
RESPONSES = Endpoint(
    "POST", RESPOND.path, _asking(RESPOND, bodies.ResponseRequest), PREDICT, TAG, "responses",
    "Let a model go on with a chat, in the words of OpenAI's responses", RESPONDED, FOUND,
)  # fmt: skip


class OpenAiServer(DialectServer):
    """OpenAI's API in an application. What KServe and TensorFlow Serving read of models stands there, too."""

    rows = (
        Endpoint(
            "GET", MODELS, lambda on: on.of(OpenAiServer).models, PREDICT,
            TAG, "v1_models", "The models that one may ask (OpenAI, KServe V1)",
            {200: data("They, and the names of all of them", bodies.ListedModels)},
        ),
        Endpoint(
            "GET", f"{MODELS}/{{model}}", lambda on: on.of(OpenAiServer).model, OPEN,
            TAG, "v1_model", "A model, and whether it can answer (OpenAI, KServe V1, TensorFlow Serving)",
            {200: data("It can", bodies.OneModel), 503: data("It cannot", bodies.OneModel)}, FOUND,
            parameters=(of.MODEL,), has_verbs=True,
        ),
        CHATS,
        COMPLETIONS,
        EMBEDDINGS,
        RESPONSES,
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self.calls = OpenAiCalls(parts.calls, parts.runs)
        own = [route for route in ROUTES if not parts.is_replaced(route.path)]
        self._paths = {f"{parts.base_path}{route.path}": route for route in own}
        self._models = parts.base_path + MODELS

    def taken(self, path: str, method: str) -> Taken | None:
        route = self._paths.get(path)
        if route is None or method != "POST" or not self.parts.calls.settings.predict_endpoint:
            return None
        return Taken(partial(self.calls.answer, route=route), FORM, None, route.path)

    def form_at(self, path: str) -> RefusalForm | None:
        return FORM if path == self._models or path in self._paths else None

    def ask(self, route: Route) -> Response:
        """The answer to what is not taken before: on a server that makes no predictions."""
        with self.calls.told():
            self.parts.calls.check_predictions_allowed()
            return Delegated(partial(self.calls.answer, route=route))

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        return json_response(listed(self.parts.calls.engine, principal_of(request.scope)))

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/{model}`."""
        with self.calls.told():
            found = await one_model(self.calls, request.path_params["model"], principal_of(request.scope))
        return json_response(found, status=200 if found.ready else 503)


SERVER = OpenAiServer
