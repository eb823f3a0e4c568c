"""The recorded exchanges of DEEPaaS 2.6: how they are kept, sent again and judged.

Each file in `recorded/` is one server: its source, its options, and its exchanges in their order. `match`
says how ours must agree with `expect`:

- `exact`: status, media type and body, whatever the order of keys; what the Open Inference Protocol says of
  models and of the server stands beside it;
- `shape`: the same, but for the values of ids, times and durations, which have the same form;
- `status`: the status alone; the body is in words of its own;
- `parameters`: a Swagger document that tells clients the same of every argument;
- `better`: DEEPaaS answers `deepaas_status`, which is wrong or unkind for the reason in `why`.

In a path, `{uuid}` is the training that was last begun. `until` is the status that the training reaches
before the answer is judged: it is asked for again until then.
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

RECORDED = Path(__file__).parent / "recorded"
UNTIL_SECONDS = 30.0
OF_PROTOCOL = frozenset({"extensions", "inputs", "name", "outputs", "platform", "versions"})
FORMS = {
    "uuid": re.compile(r"[0-9a-f]{32}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?"),
    "finish_date": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?"),
    "duration": re.compile(r"\d+:\d\d:\d\d(\.\d{6})?"),
}


@dataclass(frozen=True)
class Recording:
    """One server that was recorded: what it served, with which options, and all that was asked."""

    name: str
    source: str
    options: tuple[str, ...]
    exchanges: tuple[dict[str, Any], ...]


def recordings() -> dict[str, Recording]:
    """Every recording, by its name."""
    found: dict[str, Recording] = {}
    for path in sorted(RECORDED.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = Recording(
            path.stem, told["source"], tuple(told["options"]), tuple(told["exchanges"])
        )
    return found


class Replay:
    """The exchanges of one recording, sent to a server of ours in their order, each once."""

    def __init__(self, client: httpx.Client, exchanges: tuple[dict[str, Any], ...]):
        self._client = client
        self._exchanges = exchanges
        self._answers: list[httpx.Response] = []
        self._uuid = ""

    def answer(self, number: int) -> httpx.Response:
        """Our answer to the exchange `number`, after what comes before it."""
        while len(self._answers) <= number:
            self._answers.append(self._reach(self._exchanges[len(self._answers)]))
        return self._answers[number]

    def again(self, number: int, path: str) -> httpx.Response:
        """The answer to the same request at another path."""
        return self._send(self._exchanges[number]["request"], path)

    def _reach(self, exchange: dict[str, Any]) -> httpx.Response:
        deadline = time.monotonic() + UNTIL_SECONDS
        while True:
            answer = self._send(exchange["request"], exchange["request"]["path"])
            if "until" not in exchange or answer.json().get("status") == exchange["until"]:
                return answer
            assert time.monotonic() < deadline, f"never {exchange['until']}: {answer.text}"
            time.sleep(0.02)

    def _send(self, request: dict[str, Any], path: str) -> httpx.Response:
        answer = self._client.request(
            request["method"], path.replace("{uuid}", self._uuid), **sent(request), follow_redirects=False
        )
        if request["method"] == "POST" and "/train/" in path and answer.status_code == 200:
            self._uuid = answer.json()["uuid"]
        return answer


def sent(request: dict[str, Any]) -> dict[str, Any]:
    """A recorded request in httpx's words; a content written as `repeat` and `times` is long."""
    headers = dict(request.get("headers", {}))
    arguments: dict[str, Any] = {"params": request.get("query") or None, "headers": headers}
    if "files" in request:
        arguments["files"] = [(field, (name, _content(c), kind)) for field, name, kind, c in request["files"]]
        arguments["data"] = dict(request.get("form", []))
    elif "form" in request:
        arguments["content"] = urlencode([tuple(pair) for pair in request["form"]])
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif "json" in request:
        arguments["json"] = request["json"]
    elif "content" in request:
        arguments["content"] = request["content"].encode()
    return arguments


def _content(told: str | dict[str, Any]) -> bytes:
    text = told if isinstance(told, str) else told["repeat"] * told["times"]
    return text.encode("latin-1")


def judge(replay: Replay, number: int, exchange: dict[str, Any]) -> None:
    """Fail unless our answer agrees with the exchange as its `match` says."""
    answer = replay.answer(number)
    expect = exchange["expect"]
    statuses = expect["status"] if isinstance(expect["status"], list) else [expect["status"]]
    assert answer.status_code in statuses, answer.text
    match exchange["match"]:
        case "exact":
            assert media_type(answer) == expect["media_type"]
            _judge_body(answer, expect)
        case "shape":
            assert media_type(answer) == expect["media_type"]
            assert formed(answer.json()) == formed(expect["json"])
        case "parameters":
            assert lost_parameters(answer.json(), expect) == []
        case "better":
            _judge_better(replay, number, answer, exchange)
        case kind:
            assert kind == "status"


def media_type(answer: httpx.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def _judge_body(answer: httpx.Response, expect: dict[str, Any]) -> None:
    if "json" in expect:
        assert without_protocol(answer.json(), expect["json"]) == expect["json"]
    elif "base64" in expect:
        assert answer.content == base64.b64decode(expect["base64"])
    else:
        assert answer.text == expect["text"]


def without_protocol(answer: Any, expected: Any) -> Any:
    """An answer without the keys of the Open Inference Protocol that are not expected in it."""
    if not isinstance(answer, dict) or not isinstance(expected, dict):
        return answer
    kept = {key: value for key, value in answer.items() if key in expected or key not in OF_PROTOCOL}
    if isinstance(kept.get("models"), list) and isinstance(expected.get("models"), list):
        pairs = zip(kept["models"], expected["models"], strict=True)
        kept["models"] = [without_protocol(one, other) for one, other in pairs]
    return kept


def formed(value: Any, key: str = "") -> Any:
    """A JSON value with the name of its form in the place of every id, time and duration."""
    if isinstance(value, dict):
        return {name: formed(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [formed(item) for item in value]
    if key in FORMS and isinstance(value, str) and FORMS[key].fullmatch(value):
        return f"<{key}>"
    return value


def _judge_better(replay: Replay, number: int, answer: httpx.Response, exchange: dict[str, Any]) -> None:
    path = exchange["request"]["path"]
    for rule, wanted in exchange["expect"].items():
        match rule:
            case "status":
                continue  # judged before
            case "media_type":
                assert media_type(answer) == wanted
            case "json":
                assert answer.json() == wanted
            case "json_has":
                assert answer.json() == answer.json() | wanted
            case "statuses":
                assert [training["status"] for training in answer.json()] == wanted
            case "reason":
                assert answer.reason_phrase == wanted
            case "same_as_with_slash":
                assert answer.json() == replay.again(number, path + "/").json()
            case "same_as_without_slash":
                assert answer.json() == replay.again(number, path.removesuffix("/")).json()
            case "allows":
                assert set(wanted) <= set(re.split(", *", answer.headers["allow"]))
            case "leads_to":
                place = answer.headers.get("location")
                page = replay.again(number, place) if place else answer
                assert page.status_code == 200
                assert wanted in page.text.lower()
            case _:
                raise AssertionError(f"there is no rule {rule!r}")


def lost_parameters(ours: dict[str, Any], expect: dict[str, Any]) -> list[str]:
    """What the recorded Swagger document tells of arguments and media types, and ours does not."""
    lost: list[str] = []
    for place, parameters in expect["parameters"].items():
        here = {given["name"]: given for given in _operation(ours, place).get("parameters", [])}
        for wanted in parameters:
            given = here.get(wanted["name"], {})
            missing = {key: wanted[key] for key in wanted if not _covers(given, wanted, key)}
            if missing:
                lost.append(f"{place} {wanted['name']}: recorded {missing}, ours {given}")
    for place, media_types in expect["produces"].items():
        produced = _operation(ours, place).get("produces", [])
        if not set(media_types) <= set(produced):
            lost.append(f"{place}: recorded {media_types}, ours {produced}")
    return lost


def _operation(document: dict[str, Any], place: str) -> dict[str, Any]:
    method, path = place.split(" ")
    return document["paths"].get(path, {}).get(method, {})


def _covers(given: dict[str, Any], wanted: dict[str, Any], key: str) -> bool:
    if key not in given:
        return False
    if key == "items":
        return given[key].get("type") == wanted[key]["type"]
    if key == "enum":
        return set(wanted[key]) <= set(given[key])
    return given[key] == wanted[key]
