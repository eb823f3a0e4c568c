"""The recorded exchanges of DEEPaaS 2.6, and how an answer of ours is held against one."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from serving import ROOT

REFERENCE = ROOT.parent / "shared" / "reference"
TRANSCRIPTS = REFERENCE / "deepaas_transcripts.json"
MODELS = REFERENCE / "deepaas_models"
SWAGGER_KEYS = ("name", "type", "in", "enum", "default", "minimum", "maximum", "required", "items")


@dataclass(frozen=True)
class Exchange:
    """One recorded request, what DEEPaaS answered, and the rule by which ours is judged."""

    source: str
    options: tuple[str, ...]
    number: int
    recorded: dict[str, Any]

    @property
    def key(self) -> str:
        """A name that stays the same between runs: model, options, place in the recording, request."""
        request = self.recorded["request"]
        server = " ".join((self.source, *self.options))
        return f"{server} | {self.number} | {request['method']} {request['path']}"

    @property
    def match(self) -> str:
        return self.recorded["match"]


def exchanges() -> list[Exchange]:
    """Every exchange, in order; none where the reference is not beside the repository."""
    if not TRANSCRIPTS.exists():
        return []
    found: list[Exchange] = []
    counts: dict[tuple[str, ...], int] = {}
    for server in json.loads(TRANSCRIPTS.read_text())["servers"]:
        place = (server["source"], *server["options"])
        for recorded in server["exchanges"]:
            counts[place] = counts.get(place, -1) + 1
            found.append(Exchange(place[0], place[1:], counts[place], recorded))
    return found


def send(client: httpx.Client, request: dict[str, Any], path: str = "") -> httpx.Response:
    """Send a recorded request, to another path if one is given."""
    headers = dict(request.get("headers", {}))
    arguments: dict[str, Any] = {"params": request.get("query") or None}
    if "files" in request:
        arguments["files"] = [(f, (n, c.encode("latin-1"), t)) for f, n, t, c in request["files"]]
        arguments["data"] = dict(request.get("form", []))
    elif "form" in request:
        arguments["content"] = urlencode([tuple(pair) for pair in request["form"]])
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif "json" in request:
        arguments["json"] = request["json"]
    elif "content" in request:
        arguments["content"] = request["content"].encode()
    return client.request(request["method"], path or request["path"], headers=headers, **arguments)


def media_type(answer: httpx.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def check_exact(answer: httpx.Response, recorded: dict[str, Any]) -> None:
    assert answer.status_code == recorded["status"], answer.text
    assert media_type(answer) == recorded["headers"].get("content-type", "").partition(";")[0]
    if "json" in recorded:
        assert answer.json() == recorded["json"]
    elif "base64" in recorded:
        assert answer.content == base64.b64decode(recorded["base64"])
    else:
        assert answer.text == recorded["text"]


def shape(value: Any) -> Any:
    """The keys and types of a JSON value; of a list, the different shapes in it."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [s for i, s in enumerate(map(shape, value)) if s not in list(map(shape, value))[:i]]
    return type(value).__name__


def check_better(client: httpx.Client, answer: httpx.Response, exchange: Exchange) -> None:
    expect = exchange.recorded["expect"]
    request = exchange.recorded["request"]
    known = {
        "status", "media_type", "json", "reason", "same_as_with_slash", "same_as_without_slash", "json_has",
    }  # fmt: skip
    assert set(expect) <= known
    if expect["status"] is None:
        check_by_why(client, answer, request)
    else:
        assert answer.status_code == expect["status"], answer.text
    if "media_type" in expect:
        assert media_type(answer) == expect["media_type"]
    if "json" in expect:
        assert answer.json() == expect["json"]
    if "reason" in expect:
        assert answer.reason_phrase == expect["reason"]
    if expect.get("same_as_with_slash"):
        assert answer.json() == send(client, request, request["path"] + "/").json()
    for key, value in expect.get("json_has", {}).items():
        assert answer.json()[key] == value


def check_by_why(client: httpx.Client, answer: httpx.Response, request: dict[str, Any]) -> None:
    """The two exchanges whose better answer is described in words."""
    if request["method"] == "OPTIONS":
        assert answer.status_code in (200, 204)
        assert "POST" in answer.headers["allow"]
    else:
        assert request["path"] == "/ui"
        page = client.get("/ui", follow_redirects=True)
        assert page.status_code == 200
        assert "swagger" in page.text.lower()


def missing_parameters(ours: dict[str, Any], recorded: dict[str, Any]) -> list[str]:
    """What recorded Swagger parameters say and ours do not; trainings aside."""
    missing: list[str] = []
    for path, operations in recorded["paths"].items():
        if "/train/" in path:
            continue
        for method, operation in operations.items():
            here = ours["paths"].get(path, {}).get(method, {}).get("parameters", [])
            by_name = {p["name"]: p for p in here}
            for wanted in operation.get("parameters", []):
                got = by_name.get(wanted["name"], {})
                lost = {k: wanted[k] for k in SWAGGER_KEYS if k in wanted and not _covers(got, wanted, k)}
                if lost:
                    missing.append(f"{method} {path} {wanted['name']}: recorded {lost}, ours {got}")
    return missing


def _covers(got: dict[str, Any], wanted: dict[str, Any], key: str) -> bool:
    if key not in got:
        return False
    if key == "items":
        return got[key].get("type") == wanted[key].get("type")
    if key == "enum":
        return set(wanted[key]) <= set(got[key])
    return got[key] == wanted[key]
