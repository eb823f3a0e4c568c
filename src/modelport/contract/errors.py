"""The errors that cross from a model to its client.

ModelportError
├── HTTPError          raised by a model: the client gets this status, reason and headers
├── ArgumentErrors     the client's arguments do not fit: 422 with a map of messages
├── BadRequest         the request cannot be read at all: 400 (or the status it names)
├── AnswerInvalid      the model's answer breaks its own schema: 500
├── ModelError         another model, which a model has asked, has not answered
└── ModelLoadError     a source cannot be loaded; `str()` says why and what to do
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from modelport.problems import standard_reason


class ModelportError(Exception):
    """Base of every error that modelport raises itself."""


class HTTPError(ModelportError):
    """Raise it in a model to answer with an HTTP status of your choice.

    `status` is 400 to 599, `reason` the words the client sees (default: the standard phrase),
    `headers` are added to the answer. Raises `ValueError` for another status.
    """

    def __init__(self, status: int, reason: str | None = None, headers: Mapping[str, str] | None = None):
        if not 400 <= status <= 599:
            raise ValueError(f"HTTPError: status must be 400 to 599, not {status!r}")
        self.status = status
        self.reason = reason if reason is not None else standard_reason(status)
        self.headers = dict(headers or {})
        super().__init__(self.reason)


class ArgumentErrors(ModelportError):
    """`messages` maps an argument to its list of messages, nested by index or key, as webargs does.

    `details` says the same as pydantic does, where it is known: dictionaries with `loc`, `msg` and `type`,
    and perhaps with `ctx` and `input`.
    """

    def __init__(self, messages: dict[str, Any], details: list[dict[str, Any]] | None = None):
        self.messages = messages
        self.details = details
        super().__init__(f"invalid arguments: {', '.join(messages)}")


def text_keys(messages: Any) -> Any:
    """Maps of messages with text keys throughout: JSON has no other."""
    if isinstance(messages, dict):
        return {str(k): text_keys(v) for k, v in cast("dict[Any, Any]", messages).items()}
    return messages


def flat_messages(messages: Any, path: str = "") -> Iterator[str]:
    """`{"a": {"0": ["bad"]}}` as `a.0: bad`."""
    if isinstance(messages, dict):
        for key, value in cast("dict[str, Any]", messages).items():
            yield from flat_messages(value, f"{path}.{key}" if path else key)
    elif isinstance(messages, list):
        for item in cast("list[Any]", messages):
            yield from flat_messages(item, path)
    else:
        yield f"{path}: {messages}"


class BadRequest(ModelportError):
    """The request cannot be read. `body` is the JSON answer where a dialect prescribes one."""

    def __init__(self, detail: str, status: int = 400, body: dict[str, Any] | None = None):
        self.status = status
        self.detail = detail
        self.body = body
        super().__init__(detail)


class AnswerInvalid(ModelportError):
    """The model's answer does not fit its schema; `errors` goes to the log, and to the client only `told`.

    Without `told` the client reads what DEEPaaS says, which names no cause.
    """

    def __init__(self, errors: Any, told: str = ""):
        self.errors = errors
        self.told = told
        super().__init__(f"the answer does not fit the model's schema: {errors}")


class ModelError(ModelportError):
    """Another model, which this one has asked, has not answered.

    `model` is its name, `status` the HTTP status that a client of it would have seen, `detail` why, and
    `messages` maps arguments to what is wrong with each, where that is why. The call that lets it pass
    fails by it: it is answered 503 if the other had no room, 504 if it took too long, and 500 otherwise.
    """

    def __init__(self, model: str, status: int, detail: str, messages: Mapping[str, Any] | None = None):
        self.model = model
        self.status = status
        self.detail = detail
        self.messages = dict(messages or {})
        super().__init__(f"the model {model!r}, which was asked, did not answer: {detail}")


class ModelLoadError(ModelportError):
    """A model could not be loaded. The message is one line, whatever a file or its name holds."""

    def __init__(self, message: str = ""):
        shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__("".join(shown))
