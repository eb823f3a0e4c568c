"""What a request asks: read out of its JSON, and made into the arguments of a model."""

from __future__ import annotations

import time
import uuid
from typing import Any, cast

import msgspec

from modelport.contract.errors import BadRequest
from modelport.contract.signature import Signature
from modelport.contract.text_verbs import TEXT_VERBS
from modelport.dialects.openai.chat_of_responses import chat_of
from modelport.dialects.openai.errors import MISSING, refused
from modelport.dialects.openai.parameters import handed
from modelport.dialects.openai.promises import Promises, promises_of
from modelport.dialects.openai.routes import BY_FORM

IDS = {"chat": "chatcmpl-", "complete": "cmpl-", "embed": "embd-", "respond": "resp_"}
# Where what a request is about stands; that of a response has been made one for a chat.
GIVEN = {"chat": "messages", "complete": "prompt", "embed": "input", "respond": "messages"}
ECHOED = (
    "instructions", "metadata", "parallel_tool_calls", "temperature", "text", "tool_choice", "tools", "top_p",
)  # fmt: skip
MOST_TEXTS = 2048  # that are embedded at once, as at OpenAI's
# What clients send of an assistant's message that they have been answered with, and that says nothing.
EMPTY_IN_MESSAGES: dict[str, tuple[Any, ...]] = {"annotations": ([],), "tool_calls": ([],)}


class Asked(msgspec.Struct, array_like=True):
    """What of a request its answer needs.

    `id` and `created` (seconds of the epoch) are of the answer, `model` is as the client has called it.
    `with_usage` says that a stream is to tell of tokens; `is_base64` how vectors are written, and
    `dimensions` how many numbers each has, 0 for any; the `promises` are what has to hold of what the model
    writes. A response has parameters of its request again, as they are `echoed`.
    """

    form: str
    model: str
    id: str
    created: int
    with_usage: bool = False
    is_base64: bool = False
    dimensions: int = 0
    promises: Promises = msgspec.field(default_factory=Promises)
    echoed: dict[str, Any] = {}


class Request(msgspec.Struct):
    """A request: what it is about, its other parameters, and what its answer needs of it."""

    given: Any
    parameters: dict[str, Any]
    asked: Asked


def read_request(body: Any, form: str) -> Request:
    """The request out of its JSON. Raises `BadRequest`."""
    if not isinstance(body, dict):
        raise BadRequest("the body is no JSON object")
    fields = dict(cast("dict[str, Any]", body))
    model = fields.pop("model", None)
    if not isinstance(model, str):
        raise refused("model is missing: say which model is asked", "model", MISSING)
    asked = Asked(form, model, f"{IDS[form]}{uuid.uuid4().hex}", int(time.time()))
    if form == "respond":
        asked.echoed = {name: fields[name] for name in ECHOED if fields.get(name) is not None}
        fields = chat_of(fields)
    name = GIVEN[form]
    given = fields.pop(name, None)
    if given is None:
        raise refused(f"{name} is missing", name, MISSING)
    if form == "embed":
        _take_encoding(fields, asked)
    else:
        _take_streaming(fields, asked)
        asked.promises = promises_of(fields)
    return Request(_READERS[form](given), fields, asked)


def arguments_of(request: Request, signature: Signature) -> tuple[dict[str, Any], list[str]]:
    """The arguments of the model, and words about what was passed over. Raises `BadRequest`."""
    route = BY_FORM[request.asked.form]
    operation = signature.operation(route.verb)
    given = TEXT_VERBS[route.verb].argument
    takes_choice = any(one.name == "tool_choice" for one in operation.arguments)
    if request.parameters.get("tool_choice") == "none" and not takes_choice:
        request.parameters.pop("tools", None)  # which the model then need not see
    arguments, ignored = handed(request.parameters, operation, given)
    return {given: request.given} | arguments, ignored


def _take_streaming(fields: dict[str, Any], asked: Asked) -> None:
    """Whether it streams the server has read; how, is said here."""
    stream = fields.pop("stream", None)
    if stream not in (None, True, False):
        raise refused("stream must be true or false", "stream")
    options = fields.pop("stream_options", None)
    if options is None:
        return
    if not stream:
        raise refused("stream_options are only for a stream", "stream_options")
    if not isinstance(options, dict):
        raise refused("stream_options must be an object", "stream_options")
    for name, value in cast("dict[str, Any]", options).items():
        if name == "include_usage" and isinstance(value, bool):
            asked.with_usage = value
        elif not (name == "include_obfuscation" and value is False):
            words = f"stream_options.{name[:100]}: there is include_usage, which is true or false"
            raise refused(words, f"stream_options.{name[:100]}")


def _take_encoding(fields: dict[str, Any], asked: Asked) -> None:
    encoding = fields.pop("encoding_format", None) or "float"
    if encoding not in ("float", "base64"):
        raise refused("encoding_format must be 'float' or 'base64'", "encoding_format")
    asked.is_base64 = encoding == "base64"
    dimensions = fields.get("dimensions")
    if dimensions is not None:
        if not isinstance(dimensions, int) or isinstance(dimensions, bool) or dimensions < 1:
            raise refused("dimensions must be a whole number of at least 1", "dimensions")
        asked.dimensions = dimensions


def _messages(given: Any) -> list[Any]:
    """Messages without what says nothing: members that are null, and empty lists of what there is not."""
    if not isinstance(given, list) or not given:
        raise refused("messages must be a list of at least one message", "messages")
    return [_message(number, one) for number, one in enumerate(cast("list[Any]", given))]


def _message(number: int, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise refused(f"messages[{number}] must be an object", f"messages[{number}]")
    found = cast("dict[str, Any]", given)
    return {
        name: value
        for name, value in found.items()
        if value is not None and value not in EMPTY_IN_MESSAGES.get(name, ())
    }


def _prompt(given: Any) -> str:
    if isinstance(given, list) and len(cast("list[Any]", given)) == 1:
        given = cast("Any", given[0])
    if not isinstance(given, str):
        words = "prompt must be one text: this server has no tokens of the model, and completes one at a time"
        raise refused(words, "prompt")
    return given


def _texts(given: Any) -> list[str]:
    texts = cast("list[Any]", given if isinstance(given, list) else [given])
    if not texts or not all(isinstance(one, str) for one in texts):
        words = "input must be a text, or a list of texts: this server has no tokens of the model"
        raise refused(words, "input")
    if len(texts) > MOST_TEXTS:
        raise refused(f"input has {len(texts)} texts; at most {MOST_TEXTS} may come at once", "input")
    return texts


_READERS = {"chat": _messages, "complete": _prompt, "embed": _texts, "respond": _messages}
