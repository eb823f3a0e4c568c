"""Exceptions of a model, as answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from starlette.exceptions import HTTPException as StarletteError
from werkzeug import exceptions as werkzeug

import modelport
from modelport.contract.calls import HIDDEN
from modelport.contract.errors import AnswerInvalid, ArgumentErrors, BadRequest
from modelport.dialects.codecs.failures import MAX_DETAIL, MAX_TRACEBACK, failed_answer, shown_words

CARRYING: list[tuple[BaseException, int, str]] = [
    (modelport.HTTPError(429, "slow down", {"Retry-After": "7"}), 429, "slow down"),
    (modelport.HTTPError(404), 404, "Not Found"),
    (modelport.HTTPError(599), 599, "Error"),
    (web.HTTPForbidden(reason="not you"), 403, "not you"),
    (web.HTTPUnprocessableEntity(), 422, "Unprocessable Entity"),
    (web.HTTPServiceUnavailable(headers={"Retry-After": "7"}), 503, "Service Unavailable"),
    (web.HTTPFound("/there"), 302, "Found"),
    (StarletteError(418, "a teapot", {"Retry-After": "7"}), 418, "a teapot"),
    (StarletteError(409), 409, "Conflict"),
    (werkzeug.Gone("long gone"), 410, "long gone"),
    (werkzeug.TooManyRequests("wait", retry_after=7), 429, "wait"),
]


@pytest.mark.parametrize(("error", "status", "reason"), CARRYING, ids=lambda v: type(v).__name__)
def test_exceptions_that_carry_a_status_keep_it(error: BaseException, status: int, reason: str) -> None:
    answer = failed_answer(7, error)
    assert (answer.id, answer.status, answer.detail) == (7, status, reason)
    assert answer.problem
    assert answer.failure == "", "it is no failure of the model"
    names = [name.lower() for name, _ in answer.headers]
    assert not {"content-type", "content-length", "connection"} & set(names)
    given: Any = getattr(error, "headers", None) or {}
    if "Retry-After" in given or getattr(error, "retry_after", None):
        assert dict(zip(names, [value for _, value in answer.headers], strict=True))["retry-after"] == "7"


def test_headers_that_would_split_a_response_are_dropped() -> None:
    error = modelport.HTTPError(400, "no", {"X-Good": "1", "X-Bad": "a\r\nSet-Cookie: b", "Bad\nName": "1"})
    assert failed_answer(1, error).headers == [("X-Good", "1")]


def test_subclasses_carry_their_status_too() -> None:
    class Own(modelport.HTTPError):
        def __init__(self) -> None:
            super().__init__(451, "the lawyers")

    assert failed_answer(1, Own()).status == 451


class Unrelated(Exception):
    """Means the status of another server."""

    status = 404
    status_code = 404
    code = 404


class BrokenText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


OTHERS: list[tuple[BaseException, int, str]] = [
    (ValueError("bad weights"), 500, "bad weights"),
    (ValueError(), 500, "ValueError"),
    (Unrelated("not found there"), 500, "not found there"),
    (BrokenText(), 500, "BrokenText"),
    (SystemExit("bye"), 500, "bye"),
    (KeyboardInterrupt(), 500, "KeyboardInterrupt"),
    (ValueError("\ud800"), 500, "?"),
    (NotImplementedError(), 501, "Not implemented by underlying model"),
    (NotImplementedError("not yet"), 501, "not yet"),
    (BadRequest("no body", 415), 415, "no body"),
]


@pytest.mark.parametrize(("error", "status", "detail"), OTHERS, ids=lambda v: type(v).__name__)
def test_other_exceptions_are_500_with_their_message(error: BaseException, status: int, detail: str) -> None:
    answer = failed_answer(1, error)
    assert (answer.status, answer.detail, answer.problem) == (status, detail, True)
    assert "Traceback" not in answer.detail
    if status == 500:
        assert type(error).__name__ in answer.failure


def test_a_failure_has_its_traceback_for_the_log() -> None:
    try:
        raise ValueError("deep down")
    except ValueError as error:
        answer = failed_answer(1, error)
    assert "Traceback" in answer.failure
    assert "deep down" in answer.failure


def test_long_messages_and_tracebacks_are_cut() -> None:
    answer = failed_answer(1, ValueError("x" * 10 * MAX_TRACEBACK))
    assert len(answer.detail) == MAX_DETAIL
    assert len(answer.failure) <= MAX_TRACEBACK


def test_argument_errors_are_a_map_with_422() -> None:
    answer = failed_answer(1, ArgumentErrors({"a": ["bad"], "b": {"0": ["worse"]}}))
    assert (answer.status, answer.problem) == (422, False)
    assert json.loads(answer.body) == {"a": ["bad"], "b": {"0": ["worse"]}}


@pytest.mark.parametrize("package", ["marshmallow", "webargs"])
def test_validation_errors_raised_by_a_model_are_422(package: str) -> None:
    error = pytest.importorskip(package).ValidationError({"a": ["refused"], 0: ["first"]})
    answer = failed_answer(1, error)
    assert answer.status == 422
    assert json.loads(answer.body) == {"a": ["refused"], "0": ["first"]}


def test_an_invalid_answer_shows_its_errors_to_the_log_only() -> None:
    answer = failed_answer(1, AnswerInvalid({"label": ["secret"]}))
    assert answer.status == 500
    assert "secret" not in answer.detail
    assert "secret" in answer.failure


def test_an_invalid_answer_tells_the_client_what_is_no_secret() -> None:
    answer = failed_answer(1, AnswerInvalid({"label": ["secret"]}, "label: no label of this model \ud800"))
    assert answer.detail == "label: no label of this model ?"
    assert shown_words(answer, hide=True) == HIDDEN


def test_a_request_with_a_prescribed_body_is_answered_with_it() -> None:
    answer = failed_answer(1, BadRequest("bad", 400, {"json": ["Invalid JSON body."]}))
    assert (answer.status, json.loads(answer.body)) == (400, {"json": ["Invalid JSON body."]})
