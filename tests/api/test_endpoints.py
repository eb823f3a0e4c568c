"""The table of endpoints: each row is answered, and what its endpoint does not read is not passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from msgspec.structs import replace
from serving import MODELS, Server, serving

from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.table import ENDPOINTS
from modelport.api.handlers import Handlers
from modelport.api.routing import routes_of
from modelport.settings import Settings

SERVERS: dict[str, tuple[str, ...]] = {
    "mlup": ("--debug-endpoint",),
    "long predictions of mlup": ("--is-long-predict",),
    "lesson": ("--envelope", "--base-path", "/base"),
}
FILLED = {
    "model": "echo", "job": "0" * 32, "uuid": "0" * 32, "run_id": "live", "version": "0", "alias": "live",
    "param": "a", "name": "a", "predict_id": "a", "path": "swagger/page.js", "room": "models",
    "file": "none.js", "key": "none", "user": "none", "region": "none",
}  # fmt: skip
# OpenWhisk's paths are there for its own platform alone; dialects/test_openwhisk.py asks them.
WALKED = [one for one in ENDPOINTS if one.setting != "openwhisk"]
STRICT = [one for one in WALKED if not one.is_lenient and not one.calls]
LENIENT = [one for one in WALKED if one.is_lenient]
BODILESS = [one for one in WALKED if not one.takes_body and not one.is_lenient]


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", *SERVERS[request.param]) as running:
        yield running


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    with serving(f"echo={MODELS / 'echoes.py'}:Echo") as running:
        yield running


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: Endpoint) -> str:
    return re.sub(r"{(\w+)(:path)?}", lambda found: FILLED[found[1]], endpoint.path)


def ask(server: Server, endpoint: Endpoint, query: str = "", **sent: Any) -> httpx.Response:
    """Ask with a body of JSON where one is needed, and none is given."""
    if endpoint.takes_body and not sent.keys() & {"json", "data", "content"}:
        sent["json"] = {}
    return server.client.request(endpoint.method, path_of(endpoint) + query, **sent)


def words_of(answer: httpx.Response) -> str:
    told = answer.json()
    return str(told["detail"] if "detail" in told else told["error"])


@pytest.mark.parametrize("endpoint", WALKED, ids=named)
def test_every_way_in_leads_through_the_door(server: Server, endpoint: Endpoint) -> None:
    assert ask(server, endpoint).status_code not in (403, 421)
    foreign_name = {"host": "evil.example"}
    assert ask(server, endpoint, headers=foreign_name).status_code == 421
    for method in ("HEAD", "OPTIONS", "PATCH"):
        assert server.client.request(method, path_of(endpoint), headers=foreign_name).status_code == 421
    from_page = ask(server, endpoint, headers={"origin": "http://evil.example"})
    is_harmless = endpoint.method in ("GET", "OPTIONS") and not endpoint.calls
    assert (from_page.status_code == 403) is not is_harmless


@pytest.mark.parametrize("endpoint", STRICT, ids=named)
def test_a_query_option_that_there_is_not_is_refused(plain: Server, endpoint: Endpoint) -> None:
    answer = ask(plain, endpoint, "?nonsense=1")
    assert answer.status_code == 422, answer.text
    assert "there is no query option 'nonsense'" in words_of(answer)
    for option in endpoint.query_options:
        misspelt = option[:-1] + "_" + option[-1]
        assert f"did you mean '{option}'" in words_of(ask(plain, endpoint, f"?{misspelt}=1"))
        twice = ask(plain, endpoint, f"?{option}=1&{option}=2")
        assert twice.status_code == 422
        assert f"the query option '{option}' is there 2 times" in words_of(twice)
    assert ask(plain, endpoint, "?").status_code == ask(plain, endpoint).status_code


@pytest.mark.parametrize("endpoint", LENIENT, ids=named)
def test_what_other_systems_pass_over_is_told_of(server: Server, endpoint: Endpoint) -> None:
    usual = ask(server, endpoint)
    assert "warning" not in usual.headers
    answer = ask(server, endpoint, "?nonsense=1", content=b"[]")
    assert answer.status_code == usual.status_code
    assert "there is no query option 'nonsense'; there are none" in answer.headers["warning"]
    assert f"{endpoint.method} " in answer.headers["warning"]
    assert "takes no body" in answer.headers["warning"]


@pytest.mark.parametrize("endpoint", BODILESS, ids=named)
def test_a_body_that_nobody_reads_is_refused(plain: Server, endpoint: Endpoint) -> None:
    usual = ask(plain, endpoint)
    for body in (
        {"json": []},
        {"json": {"version": 3}},
        {"data": {"a": "1"}},
        {"content": iter([b"", b"a"])},
    ):
        answer = ask(plain, endpoint, **cast("dict[str, Any]", body))
        if (
            endpoint.calls
        ):  # a GET of a model that does not stream, or of a stream, is none with a body, either
            assert answer.status_code == usual.status_code in (405, 426)
        else:
            assert answer.status_code == 400, answer.text
            assert "takes no body" in words_of(answer)
    for empty in (
        {"content": b""},
        {"content": iter([b"", b""])},
        {"headers": {"content-length": "0"}},
        {"json": {}},  # as many clients send by themselves
        {"content": iter([b"{", b"}"])},
    ):
        assert ask(plain, endpoint, **cast("dict[str, Any]", empty)).status_code == usual.status_code


@pytest.mark.parametrize(
    "endpoint", [one for one in WALKED if one.body and one.tag not in ("mcp", "openai")], ids=named
)
def test_a_body_of_our_own_is_of_its_type(plain: Server, endpoint: Endpoint) -> None:
    answer = ask(plain, endpoint, json={"nonsense": 1})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("endpoint", WALKED, ids=named)
def test_each_method_of_a_path_is_told(plain: Server, endpoint: Endpoint) -> None:
    rows = [one for one in ENDPOINTS if one.route == endpoint.route]
    allowed = {one.method for one in rows}
    if any(one.method == "GET" and not one.calls for one in rows):  # where a GET runs a model, a HEAD would
        allowed.add("HEAD")
    if any(one.calls == "predict" for one in rows if one.method == "GET"):
        allowed -= {"GET"}  # this model does not stream
    wrong = "PUT" if "PATCH" in allowed else "PATCH"
    answer = plain.client.request(wrong, path_of(endpoint))
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_an_endpoint_without_a_scope_does_not_start() -> None:
    nobody = cast("Any", None)
    handlers = cast("Handlers", None)
    with pytest.raises(ValueError, match="GET /v2/jobs names no scope"):
        routes_of(
            [replace(one, scope=nobody) for one in ENDPOINTS if one.path == "/v2/jobs"], handlers, Settings()
        )


def test_rows_have_each_method_of_a_path_once() -> None:
    rows = [(one.method, one.route) for one in ENDPOINTS]
    assert len(set(rows)) == len(rows)
