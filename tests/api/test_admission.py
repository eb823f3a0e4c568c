"""Who may come in: the names of the server, and pages of other origins, at every way in."""

from __future__ import annotations

import http.client
import itertools
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from serving import MODELS, Server, serving

from modelport.api.admission import Admission
from modelport.settings import Settings

GOOD = "https://good.example"
EVIL = "http://evil.example"
MODEL = "/v2/models/echo"
# Every way in: one request for each piece of code that answers requests.
CHANGES = {
    "a short prediction": ("POST", f"{MODEL}/predict", {"number": 1}),
    "a short prediction at the root": ("POST", "/predict", {"number": 1}),
    "a prediction by a form": ("POST", f"{MODEL}/predict/", b"number=1"),
    "a prediction at the root by a form": ("POST", "/predict/", b"number=1"),
    "a prediction of no model": ("POST", "/v2/models/none/predict", {}),
    "a training": ("POST", f"{MODEL}/train", {}),
    "a validation": ("POST", f"{MODEL}/validate", {}),
    "the end of a training": ("DELETE", f"{MODEL}/train/a", None),
    "the end of a job": ("DELETE", "/v2/jobs/a", None),
    "a job again": ("POST", "/v2/jobs/a/retry", {}),
    "a version": ("POST", f"{MODEL}/versions/1/predict", {}),
    "a promotion": ("PUT", f"{MODEL}/versions/live", {}),
    "a run": ("DELETE", "/runs/a", None),
    "nothing": ("PATCH", "/nowhere", {}),
    "a page": ("POST", "/docs", {}),
    "an asset": ("POST", "/static/swagger-ui.css", {}),
}
READS = (
    "/", "/health", "/info", "/runs", "/params", "/performance", "/docs", "/redoc", "/openapi.json",
    "/nowhere", "/swagger.json", "/static/swagger-ui.css", "/v2", "/v2/models", MODEL, f"{MODEL}/train",
    f"{MODEL}/runs", f"{MODEL}/versions", "/v2/jobs", "/v2/jobs/a/log", "/v2/health/live", "/v2/debug",
    "/get-predict/a", "/predict",
)  # fmt: skip


@pytest.fixture(scope="module", params=[(), ("--allow-origins", GOOD)], ids=["no origins", "one origin"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", "--debug-endpoint", *request.param) as running:
        yield running


def ask(server: Server, method: str, path: str, body: Any, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return server.client.request(
            method,
            path,
            content=body,
            headers={"content-type": "application/x-www-form-urlencoded", **fields},
        )
    return server.client.request(method, path, json=body, headers=fields)


@pytest.mark.parametrize("way", CHANGES)
def test_pages_of_other_origins_get_in_nowhere(server: Server, way: str) -> None:
    method, path, body = CHANGES[way]
    assert ask(server, method, path, body).status_code not in (403, 421)
    for origin in (
        EVIL,
        "null",
        "",
        "https://good.example.evil.example",
        f"{server.url}.evil.example",
        "good.example",
    ):
        answer = ask(server, method, path, body, origin=origin)
        assert answer.status_code == 403, (origin, answer.text)
        assert "--allow-origins" in answer.text
        assert "access-control-allow-origin" not in answer.headers
    for site in ("cross-site", "same-site", "new-site"):
        assert ask(server, method, path, body, sec_fetch_site=site).status_code == 403
        assert ask(server, method, path, body, sec_fetch_site=site, origin=server.url).status_code == 403
    own = ask(server, method, path, body, sec_fetch_site="same-origin", origin=server.url)
    assert own.status_code == ask(server, method, path, body, sec_fetch_site="none").status_code
    assert own.status_code not in (403, 421)


@pytest.mark.parametrize("way", CHANGES)
def test_an_allowed_origin_gets_in_everywhere(server: Server, way: str) -> None:
    is_allowed = bool(
        server.client.get("/", headers={"origin": GOOD}).headers.get("access-control-allow-origin")
    )
    answer = ask(server, *CHANGES[way], origin=GOOD, sec_fetch_site="cross-site")
    assert (answer.status_code == 403) is not is_allowed
    assert answer.headers.get("access-control-allow-origin") == (GOOD if is_allowed else None)


@pytest.mark.parametrize("way", CHANGES)
def test_a_name_of_another_server_changes_nothing(server: Server, way: str) -> None:
    method, path, body = CHANGES[way]
    answer = ask(server, method, path, body, host="evil.example:5000", origin="http://evil.example:5000")
    assert answer.status_code == 421
    assert "--allow-hosts" in answer.text
    assert "evil" not in answer.text
    assert ask(server, method, path, body, host="evil.example", origin=GOOD).status_code == 421


@pytest.mark.parametrize(("method", "path"), [*itertools.product(("GET", "HEAD", "OPTIONS"), READS)])
def test_a_name_of_another_server_reads_nothing(server: Server, method: str, path: str) -> None:
    assert server.client.request(method, path, headers={"host": "evil.example"}).status_code == 421


def test_refusals_have_the_shape_of_their_dialect(server: Server) -> None:
    for headers, status in (({"origin": EVIL}, 403), ({"host": "evil.example"}, 421)):
        ours = server.client.post(f"{MODEL}/predict", json={"number": 1}, headers=headers)
        assert ours.headers["content-type"] == "application/problem+json"
        assert ours.json()["status"] == status
        theirs = server.client.post("/predict", json={"number": 1}, headers=headers)
        assert theirs.status_code == status
        assert theirs.json()["predict_id"] == theirs.headers["x-predict-id"]


def test_a_preflight_tells_which_origins_may_call(server: Server) -> None:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    answers = [server.client.options("/predict", headers={"origin": page, **asking}) for page in (GOOD, EVIL)]
    allowed = [answer.headers.get("access-control-allow-origin") for answer in answers]
    assert allowed[1] is None
    assert (allowed[0] == GOOD) is (answers[0].status_code == 200)


def said(server: Server, *lines: str) -> int:
    """The status of a request as it is on the wire; `NAME` is the server's address."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1"))
        return int(sock.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET / HTTP/1.1", "Host: LocalHost.:1"], 200),
        (["GET / HTTP/1.1", "Host: localhost:"], 200),
        (["GET / HTTP/1.1", "Host: [::1]:5000"], 200),
        (["GET / HTTP/1.1", "Host: 192.168.1.7"], 200),
        (["GET / HTTP/1.1", f"Host: {socket.gethostname()}"], 200),
        (["GET / HTTP/1.1", "Host: a.localhost"], 200),
        (["GET / HTTP/1.0"], 200),
        (["GET / HTTP/1.0", "Host: evil.example"], 421),
        (["GET / HTTP/1.1", "Host: localhost.evil.example"], 421),
        (["GET / HTTP/1.1", "Host: evillocalhost"], 421),
        (["GET / HTTP/1.1", "Host: 127.0.0.1.nip.example"], 421),
        (["GET / HTTP/1.1", "Host: 0x7f.1"], 421),
        (["GET / HTTP/1.1", "Host: 2130706433"], 421),
        (["GET / HTTP/1.1", "Host: [:::]"], 421),
        (["GET / HTTP/1.1", "Host: xn--lcalhost-0zb"], 421),
        (["GET / HTTP/1.1", "Host: ."], 421),
        (["GET http://evil.example/ HTTP/1.1", "Host: localhost"], 421),
        (["GET http://localhost/ HTTP/1.1", "Host: evil.example"], 200),
        (["GET http://evil.example/ HTTP/1.0"], 421),
        (["GET / HTTP/1.1", "Host: localhost", "Host: evil.example"], 400),
        (["GET / HTTP/1.1", "Host: localhost@evil.example"], 400),
        (["GET / HTTP/1.1", "Host: l\xf6calhost"], 400),
        (["DELETE /v2/jobs/a HTTP/1.0", "Origin: null"], 403),
        (["DELETE /v2/jobs/a HTTP/1.1", "Host: localhost:80", "Origin: http://localhost"], 404),
        (["DELETE /v2/jobs/a HTTP/1.1", "Host: localhost", "Origin: https://LOCALHOST:443"], 404),
        (["DELETE /v2/jobs/a HTTP/1.1", "Host: localhost", "Origin: http://localhost", "Origin: null"], 403),
        (["DELETE /v2/jobs/a HTTP/1.1", "Host: localhost", "Origin: http://localhost:81"], 403),
    ],
    ids=str,
)  # fmt: skip
def test_what_stands_on_the_wire(server: Server, lines: list[str], status: int) -> None:
    assert said(server, *lines) == status


def at_the_door() -> list[tuple[bytes, int]]:
    """Requests as they are on the wire, and the status of each: by short ways and long, welcome and not."""
    found: list[tuple[bytes, int]] = []
    for path in (f"{MODEL}/predict", "/predict", f"{MODEL}/versions/0/predict", "/v2/jobs/a/retry"):
        usual, body = (404, b"") if "jobs" in path else (200, b'{"number": 1}')
        ways = (("localhost", "", usual), ("evil.example", "", 421), ("localhost", EVIL, 403))
        for name, origin, status in (*ways, *ways):  # the second time the good name is known
            lines = [f"POST {path} HTTP/1.1", f"Host: {name}", f"Content-Length: {len(body)}"]
            lines += ["Content-Type: application/json", *([f"Origin: {origin}"] if origin else []), "", ""]
            found.append(("\r\n".join(lines).encode() + body, status))
    return found


def test_each_request_of_a_pipeline_passes_the_door(server: Server) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    asked = at_the_door()
    last = b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as sock, sock.makefile("rb") as answers:
        sock.sendall(b"".join(request for request, _ in asked) + last)
        found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answers.read())]
    assert found == [*(status for _, status in asked), 421]


def test_each_request_whose_head_is_known_passes_the_door(server: Server) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        for request, status in at_the_door() * 2:
            sock.sendall(request)
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            answer.read()
            assert answer.status == status, request


def test_short_ways_are_taken_by_known_names_only(server: Server) -> None:
    for path in (f"{MODEL}/predict", "/predict", f"{MODEL}/versions/0/predict"):
        for _ in range(2):  # the second time the name is known
            body = server.client.post(path, json={"number": 7}, headers={"host": "short.localhost"})
            assert body.status_code == 200
            assert "7" in body.text
            refused = server.client.post(path, json={"number": 7}, headers={"host": "evil.example"})
            assert refused.status_code == 421


def scope(server: Any = ("127.0.0.1", 5000), method: str = "POST", **fields: str) -> dict[str, Any]:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return {"server": server, "method": method, "headers": headers}


def status(admission: Admission, **of_scope: Any) -> int:
    problem = admission.refusal(scope(**of_scope))
    return problem.status if problem else 200


def test_names_that_are_allowed() -> None:
    names = Admission(Settings(allow_hosts=["Models.example", "*.corp.example", "bücher.example"]))
    for host in ("models.example:1", "a.b.corp.example", "XN--bcher-kva.example", "localhost", "[::1]"):
        assert status(names, host=host) == 200, host
    for host in ("corp.example", "evil-corp.example", "amodels.example", "models.example.evil"):
        assert status(names, host=host) == 421, host
        assert status(names, host=host, server=("10.0.0.1", 80)) == 421, host
    assert status(Admission(Settings(allow_hosts=["*"])), host="evil.example") == 200


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (("127.0.0.1", 80), 421), (("127.9.9.9", 80), 421), (("::1", 80), 421),
        (("::ffff:127.0.0.1", 80), 421),
        (("localhost", 80), 421), (("10.0.0.1", 80), 200),
        (("::ffff:10.0.0.1", 80), 200), (("/run/a.sock", None), 200),
        (None, 200), (["127.0.0.1", 80], 421),
    ],
)  # fmt: skip
def test_names_are_judged_where_others_cannot_reach_the_server(server: Any, expected: int) -> None:
    admission = Admission(Settings())
    assert [status(admission, server=server, host="named.example") for _ in range(2)] == [expected] * 2


def test_what_is_remembered_is_bounded() -> None:
    admission = Admission(Settings())
    for port in range(1000):
        assert status(admission, host=f"localhost:{port}") == 200
        assert status(admission, host="localhost", server=(f"127.0.0.{port}", port)) == 200
    assert len(admission.known_hosts(("127.0.0.1", 5000))) < 300
    assert admission.known_hosts(("9.9.9.9", 1)) == set()


def test_any_origin_and_origins_as_people_write_them() -> None:
    every = Admission(Settings(allow_origins=["*"]))
    assert status(every, host="localhost", origin="null", sec_fetch_site="cross-site") == 200
    some = Admission(Settings(allow_origins=["HTTP://Good.example:80/", "https://bücher.example"]))
    for origin in ("http://good.example", "https://xn--bcher-kva.example"):
        assert status(some, host="localhost", origin=origin) == 200
    for origin in ("http://good.example:81", "https://good.example", "null"):
        assert status(some, host="localhost", origin=origin) == 403
    assert json.dumps(some.origins) == '["http://good.example", "https://xn--bcher-kva.example"]'
