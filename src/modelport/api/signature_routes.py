"""What a model takes and gives, as data: what the page makes its forms from."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.named_models import asked_pool
from modelport.api.resources.models import (
    ModelArgument,
    ModelExample,
    ModelLayout,
    ModelMessages,
    ModelSignature,
    ModelStream,
    ModelVerb,
)
from modelport.contract.signature import VERBS, Messages, Operation
from modelport.engine.ports import Engine
from modelport.jobs.service import JobService
from modelport.problems import Problem


class SignatureRoutes:
    """The handler."""

    def __init__(self, engine: Engine, jobs: JobService):
        self.engine = engine
        self.jobs = jobs

    async def get(self, request: Request) -> Response:
        """`GET /v2/models/{model}/signature`; 503 until it was loaded once."""
        from modelport.api.documents.schemas import plain

        pool = asked_pool(self.engine, request)
        signature = pool.signature
        if signature is None:
            why = pool.error or pool.state
            raise Problem(503, f"what {pool.name!r} takes is not known before it is loaded: {why}")
        fetches = pool.settings.allow_url_inputs and signature.contract == "typed"
        verbs = {verb: signature.operation(verb) for verb in VERBS}
        return json_response(
            ModelSignature(
                name=signature.name,
                contract=signature.contract,
                metadata=plain(signature.metadata),
                verbs={verb: _told(found, fetches) for verb, found in verbs.items() if found.implemented},
                stream=_stream(signature.stream),
                definitions=plain(signature.definitions),
                resumable=signature.resumable,
                has_jobs=not self.jobs.unavailable,
            )
        )


def _told(operation: Operation, fetches_urls: bool) -> ModelVerb:
    from modelport.api.documents.schemas import plain

    return ModelVerb(
        arguments=_arguments(operation),
        answer=None if operation.answer is None else plain(operation.answer),
        wrapped=operation.wrapped,
        media_types=operation.media_types,
        streams=operation.streams,
        takes_base64=operation.takes_base64,
        takes_urls=fetches_urls and bool(operation.uploads),
        layout=None
        if operation.layout is None
        else msgspec.convert(msgspec.to_builtins(operation.layout), ModelLayout),
        examples=[ModelExample(one.title, plain(one.arguments)) for one in operation.examples],
    )


def _arguments(operation: Operation) -> list[ModelArgument]:
    from modelport.api.documents.arguments import described
    from modelport.api.documents.schemas import plain

    return [
        ModelArgument(
            name=argument.name,
            schema_=plain(described(argument)),
            required=argument.required,
            kind=argument.kind,
            location=argument.location,
            delimiter=argument.delimiter,
        )
        for argument in operation.arguments
    ]


def _stream(operation: Operation) -> ModelStream | None:
    if operation.takes is None or operation.gives is None:
        return None
    return ModelStream(_arguments(operation), _messages(operation.takes), _messages(operation.gives))


def _messages(messages: Messages) -> ModelMessages:
    from modelport.api.documents.schemas import plain

    schema = None if messages.schema is None else plain(messages.schema)
    return ModelMessages(messages.binary, messages.text, schema)
