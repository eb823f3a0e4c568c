"""Exceptions as data: what a client is told, and what only the log gets."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, cast

import msgspec

from modelport.contract.calls import HIDDEN, Answer
from modelport.contract.errors import (
    AnswerInvalid,
    ArgumentErrors,
    BadRequest,
    HTTPError,
    ModelError,
    flat_messages,
    text_keys,
)
from modelport.problems import PHRASES, standard_reason

MAX_DETAIL = 2000
LATE_OR_BUSY = (503, 504)  # what a model hands on to its client where another one is, which it has asked
# What a header may consist of (RFC 9110, 5.1 and 5.5); a response with anything else cannot be sent.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
MAX_TRACEBACK = 20_000
# Headers that belong to the connection or the body; an exception must not set them.
OWN_HEADERS = frozenset(
    {
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "trailer",
        "te",
    }
)


def failed_answer(call_id: int, error: BaseException) -> Answer:
    """The answer to a call that ended with `error`, raised by modelport or by the model."""
    if isinstance(error, ArgumentErrors):
        return json_answer(call_id, 422, error.messages)
    if isinstance(error, BadRequest):
        if error.body is not None:
            return json_answer(call_id, error.status, error.body)
        return Answer(call_id, error.status, problem=True, detail=error.detail)
    if isinstance(error, AnswerInvalid):
        detail = words_of(error.told) or "ERROR validating model response, check server logs."
        return Answer(
            call_id, 500, problem=True, detail=detail, failure=f"AnswerInvalid: {error}"[:MAX_TRACEBACK]
        )
    if _is_from("marshmallow", "ValidationError", error) or _is_from("webargs", "ValidationError", error):
        return json_answer(call_id, 422, text_keys(cast("Any", error).normalized_messages()))
    carried = http_status(error)
    if carried is not None:
        status, reason, headers = carried
        detail = _own_text(error) or reason
        return Answer(call_id, status, headers=headers, reason=reason, problem=True, detail=detail)
    if isinstance(error, ModelError) and error.status in LATE_OR_BUSY:
        headers = [("retry-after", "1")] if error.status == 503 else []
        return Answer(call_id, error.status, headers=headers, problem=True, detail=words(error))
    if isinstance(error, NotImplementedError):
        return Answer(
            call_id, 501, problem=True, detail=words(error) or "Not implemented by underlying model"
        )
    return Answer(call_id, 500, problem=True, detail=described(error), failure=trace(error))


def failed(call_id: int, error: BaseException) -> Answer:
    """`failed_answer`, also for errors whose own words cannot be encoded."""
    try:
        return failed_answer(call_id, error)
    except Exception as second:  # a message map of the model's own, for one
        return Answer(call_id, 500, problem=True, detail=HIDDEN, failure=trace(second))


def failed_in_words(call_id: int, error: BaseException, hide: bool) -> Answer:
    """The answer to a call that ended with `error`, for dialects that say it in one text: its `detail`.

    Arguments that do not fit are a 400 there. With `hide` a client never reads a model's words.
    """
    if isinstance(error, ArgumentErrors):
        return Answer(call_id, 400, detail=_flat(error.messages))
    if isinstance(error, BadRequest):
        return Answer(call_id, error.status, detail=error.detail)
    answer = failed(call_id, error)
    if not answer.problem:  # the errors of marshmallow, raised by the model: a map of messages
        return Answer(call_id, answer.status, detail=_flat(msgspec.json.decode(answer.body)))
    answer.problem, answer.detail = False, shown_words(answer, hide=hide)
    return answer


def _flat(messages: Any) -> str:
    return "; ".join(flat_messages(messages))[:MAX_DETAIL]


def shown_words(answer: Answer, *, hide: bool) -> str:
    """What a client reads of a failure; with `hide` no words of a model that failed are left in it."""
    if hide and answer.status == 500:
        answer.detail, answer.reason = HIDDEN, ""
    return answer.detail


def json_answer(call_id: int, status: int, value: Any) -> Answer:
    """A JSON answer of our own making."""
    return Answer(call_id, status, body=msgspec.json.encode(value))


def http_status(error: BaseException) -> tuple[int, str, list[tuple[str, str]]] | None:
    """Status, reason and headers of an exception that carries them, or `None`.

    Known are those of aiohttp (`status`, `reason`), Starlette and FastAPI (`status_code`, `detail`),
    Werkzeug (`code`, `description`) and our own; others may mean a status of another server.
    """
    found: Any = error
    headers: Any
    if isinstance(error, HTTPError) or _is_from("aiohttp", "HTTPException", error):
        status, reason, headers = found.status, found.reason, found.headers.items()
    elif _is_from("starlette", "HTTPException", error):
        status, reason, headers = found.status_code, found.detail, cast("Any", found.headers or {}).items()
    elif _is_from("werkzeug", "HTTPException", error):
        status, reason, headers = found.code, found.description or found.name, found.get_headers()
    else:
        return None
    if not isinstance(status, int) or not 300 <= status <= 599:
        return None
    if status in PHRASES and reason == HTTPStatus(status).phrase:  # nobody has chosen it
        reason = ""
    return status, str(reason or standard_reason(status))[:MAX_DETAIL], _safe_headers(headers)


def _own_text(error: Any) -> str:
    """The text that the model gave an aiohttp exception for a body; empty if it gave none."""
    if not _is_from("aiohttp", "HTTPException", error):
        return ""
    text: Any = error.text
    return str(text)[:MAX_DETAIL] if text and text != f"{error.status}: {error.reason}" else ""


def _safe_headers(headers: Iterable[tuple[Any, Any]]) -> list[tuple[str, str]]:
    pairs = [(str(name), str(value)) for name, value in headers]
    return [
        (name, value)
        for name, value in pairs
        if name.lower() not in OWN_HEADERS and TOKEN.fullmatch(name) and not CONTROL.search(value)
    ]


def _is_from(package: str, name: str, error: BaseException) -> bool:
    """True if a class of this name out of this package is among the error's classes (no import needed)."""
    return any(
        cls.__name__ == name and cls.__module__.partition(".")[0] == package for cls in type(error).__mro__
    )


def described(error: BaseException) -> str:
    """The exception's message, or its class where it has none."""
    return words(error) or type(error).__name__


def words(error: BaseException) -> str:
    """What the exception says, as text that UTF-8 has; empty if it says nothing."""
    try:
        said = str(error)
    except Exception:  # a broken __str__ of the model's own
        said = type(error).__name__
    return words_of(said)


def words_of(text: str) -> str:
    """`text` as UTF-8 has it, no longer than a client is told."""
    return text.encode("utf-8", "replace").decode()[:MAX_DETAIL]


def trace(error: BaseException) -> str:
    """The traceback, for the log."""
    return formatted(error, traceback.TracebackException.from_exception)


def formatted(
    error: BaseException, read: Callable[[BaseException], traceback.TracebackException | None]
) -> str:
    """What `read` makes of the error, as text that UTF-8 has; empty if it finds nothing."""
    try:
        found = read(error)
        text = "".join(found.format()) if found is not None else ""
    except Exception:  # a broken exception class of the model's own
        text = f"{type(error).__name__} (it cannot be formatted)"
    return text.encode("utf-8", "replace").decode()[-MAX_TRACEBACK:]
