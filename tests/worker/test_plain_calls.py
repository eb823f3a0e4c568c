"""The short way of plain calls answers what the long way does, and calls the model as often: once.

A body that lies in a file is read in the long way, and is otherwise the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

import marshmallow
import msgspec
import numpy
import pytest
from pydantic import BaseModel, Field
from webargs import fields, validate

import modelport
from modelport.cli.local_run import run_call
from modelport.contract.calls import Answer, Call, Chunk
from modelport.contract.served import ServedModel
from modelport.sources.load import served_model
from modelport.sources.source import Source
from modelport.worker.cancellation import RunningCall
from modelport.worker.frames import Kind, Load
from modelport.worker.host import Host
from modelport.worker.loop import run_calls
from modelport.worker.plain_calls import MAX_HEADERS, PlainCalls

DEEP = 64


class Said(BaseModel):
    label: str
    score: float


async def later(value: Any) -> Any:
    return value


def by_and_by(value: Any) -> Any:
    yield value
    yield value


def failing(error: BaseException) -> Any:
    raise error


# What the models answer to an argument `how`, out of a score.
ANSWERS: dict[str, Callable[[float], Any]] = {
    "said": lambda score: Said(label="many", score=score),
    "changed": lambda score: Said.model_construct(label=3, score=score),
    "dict": lambda score: {"label": "many", "score": score},
    "nothing": lambda score: None,
    "text": str,
    "bytes": lambda score: b"\x89PNG\r\n\x1a\n",
    "numpy": lambda score: {"label": "many", "score": numpy.float32(score)},
    "numpy text": lambda score: numpy.str_(score),
    "nan": lambda score: {"label": "many", "score": float("nan")},
    "later": lambda score: later({"label": "many", "score": score}),
    "stream": lambda score: by_and_by({"label": "many", "score": score}),
    "wrong": lambda score: {"label": ["many"], "score": "x"},
    "no form": lambda score: {"label": object(), "score": score},
    "failing": lambda score: failing(RuntimeError("it broke")),
    "refusing": lambda score: failing(modelport.HTTPError(409, "not now", {"x-why": "busy"})),
    "ending": lambda score: failing(SystemExit("it ended")),
}


class Counting:
    calls = 0

    def said(self, values: list[float], threshold: float, how: str) -> Any:
        self.calls += 1
        return ANSWERS[how](sum(values) - threshold)


class Typed(Counting, modelport.Model):
    def predict(
        self,
        values: list[float],
        threshold: Annotated[float, Field(ge=0, le=100)] = 10.0,
        how: str = "said",
        note: str | None = None,
    ) -> Said:
        return self.said(values, threshold, how)


class Open(Counting, modelport.Model):
    """Says nothing of its answers."""

    def predict(self, values: list[float], threshold: float = 10.0, how: str = "dict", note: Any = None):
        return self.said(values, threshold, how)


class Streaming(Counting, modelport.Model):
    """Says that it streams, and answers text otherwise than as JSON."""

    def predict(
        self, values: list[float], threshold: float = 10.0, how: str = "stream", note: Any = None
    ) -> Iterator[Any]:
        return self.said(values, threshold, how)


class Deepaas(Counting):
    def get_predict_args(self) -> dict[str, Any]:
        return {
            "values": fields.List(fields.Float(), required=True),
            "threshold": fields.Float(load_default=10.0, validate=validate.Range(min=0, max=100)),
            "how": fields.Str(load_default="dict"),
            "note": fields.DelimitedList(fields.Str(), allow_none=True),
        }

    def predict(self, **arguments: Any) -> Any:
        arguments.pop("note", None)
        return self.said(**arguments)


class Checked(Deepaas):
    """Has a schema of its answers."""

    schema: ClassVar = {"label": fields.Str(required=True), "score": fields.Float(required=True)}


class Arguments(marshmallow.Schema):
    values = fields.List(fields.Float(), required=True)
    threshold = fields.Float(load_default=10.0, validate=validate.Range(min=0, max=100))
    how = fields.Str(load_default="dict")
    note = fields.Raw()

    @marshmallow.pre_load
    def look(self, data: dict[str, Any], **options: Any) -> dict[str, Any]:
        if data.get("note") == "x":  # in which order it sees them
            raise marshmallow.ValidationError(f"not these: {list(data)}")
        return data

    @marshmallow.validates_schema
    def check(self, data: dict[str, Any], **options: Any) -> None:
        if len(data["values"]) == 2:
            raise marshmallow.ValidationError("two are too few")


class Hooked(Deepaas):
    """Its arguments are a schema with hooks."""

    def get_predict_args(self) -> Any:
        return Arguments


MODELS = {
    "typed": Typed,
    "open": Open,
    "streaming": Streaming,
    "deepaas": Deepaas,
    "checked": Checked,
    "hooked": Hooked,
}
GOOD = b'{"values": [1.5, 20, 3], "threshold": 0.5}'
BODIES = [
    GOOD,
    b'{"values": [1]}',
    b'{"note": "x", "threshold": 1, "values": [1]}',
    b' \n{"values" : [1, 2.5e1]}\r\n',
    b'{"values": []}',
    b"{}",
    b'{"values": [1], "note": "a: b"}',
    b'{"values": [1], "note": "\\u0041\\n\\ud83d\\ude00"}',
    '{"values": [1], "note": "ä😀"}'.encode(),
    b'{"values": [1], "note": null}',
    b'{"values": [1], "note": {"a": {"b": [1]}}}',
    b'{"values": [1], "note": ["a", "b"]}',
    b'{"values": [1], "threshold": null}',
    b'{"values": null}',
    b'{"values": 5}',
    b'{"values": "5"}',
    b'{"values": ["5", true, null, {}]}',
    b'{"values": [1], "threshold": "7"}',
    b'{"values": [1], "threshold": -1}',
    b'{"values": [1], "threshold": 101}',
    b'{"threshold": 101}',
    b'{"values": [1], "treshold": 1}',
    b'{"values": [1], "a": 1, "b": 2}',
    b'{"values": [1], "accept": "text/csv"}',
    b'{"values": [1], "values": [2]}',
    b'{"values": [1], "note": {"a": 1, "a": 2}}',
    b'{"values": [1], "note": ":", "note": ""}',
    b'{"values": [NaN]}',
    b'{"values": [Infinity], "threshold": -Infinity}',
    b'{"values": [1e400]}',
    b'{"values": [123456789012345678901234567890]}',
    b'{"values": [-0, 1E-400, 1.7976931348623157e308]}',
    b'{"values": [01]}',
    b'{"values": [1.]}',
    b'{"values": [1],}',
    b'{"values": [1]} {}',
    b'{"values": [1]',
    b"{'values': [1]}",
    b'{"values": [1], "note": "\x00"}',
    b'{"values": [1], "note": "\\u0000"}',
    b'{"values": [1], "note": "\\\\u0000"}',
    b'{"values": [1], "no\\u0000te": 1}',
    b'{"values": [1], "note": "\\ud800"}',
    b'{"values": [1], "note": "\xff"}',
    b'\xef\xbb\xbf{"values": [1]}',
    '{"values": [1]}'.encode("utf-16"),
    b'{"values": ' + b"[" * (DEEP - 1) + b"]" * (DEEP - 1) + b"}",
    b'{"values": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"values": [1], "note": "' + b"[" * 100 + b'"}',
    b"[1, 2]",
    b"null",
    b'"values"',
    b"5",
    b" ",
    b"values=1",
]
CONTENT_TYPES = [
    *("", "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"),
    *(
        'application/json; charset="us-ascii"',
        "application/json; charset=latin-1",
        "application/json;",
        "json",
    ),
    *(
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/json",
        "image/png",
    ),
    *("multipart/form-data; boundary=x", "application/jsonl", "application/json, application/json"),
]
ACCEPTS = [
    *("", "*/*", "application/json", "application/*;q=0.5", "text/html, application/json;q=0.1", "text/html"),
    *("application/json;q=0", "text/event-stream", "application/x-ndjson", "nonsense", "image/png"),
]
QUERIES = [b"", b"threshold=3", b"threshold=x", b"how=text", b"unknown=1", b"accept=text/csv", b"%zz"]


def answered(model: ServedModel, call: Call, folder: Path) -> list[Any]:
    """All that a host says to one call, without what differs from time to time."""
    said: list[Any] = []

    def on_answer(answer: Answer) -> None:
        answer.micros = 0
        if answer.failure:
            answer.failure = answer.failure.splitlines()[-1]
        said.append(msgspec.structs.asdict(answer))

    def on_chunk(chunk: Chunk) -> None:
        said.append(msgspec.structs.asdict(chunk))

    run_call(model, Source("model", "file", "model.py"), call, folder, on_answer, on_chunk)
    return said


def served(name: str) -> ServedModel:
    return served_model(MODELS[name](), name)


def is_plain(model: ServedModel, call: Call) -> bool:
    """Whether this call, which is a good one, goes the short way."""
    return PlainCalls(model, Load("model", "file", "model.py", "", "")).bound(call) is not None


def check_both_ways(model: Any, call: Call, folder: Path) -> list[Any]:
    path = folder / "body"
    path.write_bytes(call.body)
    before = model.model.calls
    short = answered(model, call, folder)
    between = model.model.calls
    other = msgspec.structs.replace(call, body=b"", body_path=str(path))
    assert not is_plain(model, other)
    assert short == answered(model, other, folder)
    assert between - before == model.model.calls - between <= 1
    return short


@pytest.mark.parametrize("name", MODELS)
def test_every_body_is_answered_as_in_the_long_way(name: str, tmp_path: Path) -> None:
    model = served(name)
    statuses: set[int] = set()
    for body in BODIES:
        call = Call(1, content_type="application/json", body=body)
        statuses.add(check_both_ways(model, call, tmp_path)[0]["status"])
    assert is_plain(model, Call(1, content_type="application/json", body=GOOD))
    assert statuses >= {200, 400, 422}


@pytest.mark.parametrize("name", MODELS)
def test_and_whatever_headers_and_query_come_with_it(name: str, tmp_path: Path) -> None:
    model = served(name)
    statuses: set[int] = set()
    for content_type in CONTENT_TYPES:
        for accept in ACCEPTS:
            call = Call(1, content_type=content_type, accept=accept, body=GOOD)
            statuses.add(check_both_ways(model, call, tmp_path)[0]["status"])
    for query in QUERIES:
        call = Call(1, content_type="application/json", query=query, body=GOOD)
        statuses.add(check_both_ways(model, call, tmp_path)[0]["status"])
        assert is_plain(model, call) == (not query)
    assert statuses >= {200, 400, 406, 415, 422}


@pytest.mark.parametrize("how", ANSWERS)
@pytest.mark.parametrize("name", MODELS)
def test_and_whatever_the_model_answers(name: str, how: str, tmp_path: Path) -> None:
    model = served(name)
    body = msgspec.json.encode({"values": [1.5], "how": how})
    for collect in (False, True):
        call = Call(1, content_type="application/json", body=body, collect=collect)
        assert is_plain(model, call)
        check_both_ways(model, call, tmp_path)
        assert model.model.calls == (4 if collect else 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", MODELS)
def test_and_other_verbs_dialects_and_checks(name: str, tmp_path: Path) -> None:
    model = served(name)
    good = Call(1, content_type="application/json", body=GOOD)
    for change in (
        {"verb": "train"},
        {"dialect": "mlup"},
        {"dialect": "lesson"},
        {"only_check": True},
        {"headers": {"threshold": "3", "accept": "text/html"}},
    ):
        call = msgspec.structs.replace(good, **change)
        check_both_ways(model, call, tmp_path)
        assert is_plain(model, call) == (call.verb == "predict" and call.dialect == "v2")


def test_headers_that_are_never_the_same_are_not_kept_for_ever() -> None:
    plain = PlainCalls(served("typed"), Load("model", "file", "model.py", "", ""))
    for number in range(3 * MAX_HEADERS):
        call = Call(1, content_type="application/json", accept=f"*/*;n={number}", body=GOOD)
        assert plain.bound(call) is not None
        assert len(plain._media_types) <= MAX_HEADERS


class Batched(modelport.Model):
    """Remembers the batches that it has predicted."""

    max_batch_size = 100

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []

    def predict(self, values: list[float], threshold: float = 10.0, note: str | None = None) -> Said: ...

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        self.batches.append(calls)
        scores = [sum(call["values"]) for call in calls]
        return [Said(label="many", score=score) if score else ValueError("no sum") for score in scores]


class Channel:
    """What the server sends, all of it at once, and what it gets."""

    def __init__(self, calls: list[Call]):
        self.frames: list[tuple[Kind, Any]] = [(Kind.CALLS, calls)]
        self.answers: list[Answer] = []

    def receive(self) -> tuple[Kind, Any] | None:
        return self.frames.pop() if self.frames else None

    def send(self, kind: Kind, message: list[Answer]) -> None:
        assert kind == Kind.ANSWERS
        self.answers += message


def test_calls_of_a_batch_go_either_way_to_the_model_together(tmp_path: Path) -> None:
    short = [Call(n, content_type="application/json", body=body) for n, body in enumerate(BODIES, start=1)]
    long: list[Call] = []
    for call in short:
        path = tmp_path / str(call.id)
        path.write_bytes(call.body)
        long.append(msgspec.structs.replace(call, body=b"", body_path=str(path)))
    mixed = [pair[call.id % 2] for call, *pair in zip(short, short, long, strict=True)]
    told: list[Any] = []
    for calls in (short, long, mixed):
        model, channel = Batched(), Channel(calls)
        rules = Load("model", "file", "model.py", "", str(tmp_path))
        running = RunningCall(bytearray(64), None)
        run_calls(Host(served_model(model, "model"), rules, cast("Any", channel), running))
        answers = sorted(channel.answers, key=lambda answer: answer.id)
        told.append((model.batches, [(a.id, a.status, a.body, a.detail) for a in answers]))
        assert len(model.batches) == 1
        assert {answer.status for answer in answers} == {200, 400, 406, 422, 500}
    assert told[0] == told[1] == told[2]


class Forking(modelport.Model):
    """What it forks comes back, too."""

    def predict(self, folder: str) -> int:
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (Path(folder) / "forked").touch()
        return -1


def test_what_a_model_forks_does_not_answer(tmp_path: Path) -> None:
    model = served_model(Forking(), "forking")
    call = Call(1, content_type="application/json", body=msgspec.json.encode({"folder": str(tmp_path)}))
    assert is_plain(model, call)
    said = answered(model, call, tmp_path)
    assert (said[0]["status"], said[0]["body"], len(said)) == (200, b"0", 1)
    assert (tmp_path / "forked").exists()
