"""What each who asks may use: requests in a time, calls at once, jobs that wait, bytes a day."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from serving import MODELS, Server, serving, wait_until
from user_site import session_name

from modelport.cli.keys_store import DatabaseKeys
from modelport.identity.allowances import MOST_ADDRESSES, Allowances
from modelport.identity.key_text import new_key
from modelport.identity.principals import GRANTED
from modelport.identity.wrong_credentials import MOST, WrongCredentials
from modelport.settings import Settings

PREDICT = "/v2/models/echo/predict"
SERVERS: dict[str, tuple[str, ...]] = {"mlup": (), "lesson": ("--envelope",)}


class Site:
    """A server that asks who one is, and keys of it with quotas of their own."""

    def __init__(self, server: Server, admin: str):
        self.server = server
        self._admin = self.known(admin)
        self.made = 0

    def key(self, **quotas: Any) -> str:
        """A new key, with which one request was answered."""
        self.made += 1
        asked = {"name": f"key {self.made}", "scopes": [*GRANTED], "quotas": quotas}
        return self.known(self.ask(self._admin, path="/v2/keys", json=asked).json()["key"])

    def rotated(self, which: str) -> str:
        """The key in the place of one that has this name, with which one request was answered."""
        made = self.ask(self._admin, path=f"/v2/keys/{which}/rotate", json={"grace": "1h"})
        return self.known(made.json()["key"])

    def known(self, key: str) -> str:
        """The key, once the server knows it."""
        wait_until(lambda: self.ask(key, "GET", "/v2/keys").status_code == 200, lambda: self.server.log)
        return key

    def ask(self, key: str, method: str = "POST", path: str = PREDICT, **sent: Any) -> httpx.Response:
        if method == "POST":
            sent = sent or {"json": {}}
        return self.server.client.request(method, path, headers={"x-api-key": key}, **sent)

    def left(self, key: str, limit: str) -> int:
        """What a key is told to have left of a limit."""
        return self.ask(key, "GET", "/v2/me/limits").json()[limit]["left"]


@pytest.fixture(scope="module", params=SERVERS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    models = (f"echo={MODELS / 'echoes.py'}:Echo", f"slow={MODELS / 'trainable.py'}:Trainable")
    asked = {"name": "admin", "scopes": ["admin"]}
    admin = DatabaseKeys(Settings(data_dir=str(data))).create(asked)["key"]
    with serving(*models, "--auth", "on", "--data-dir", str(data), "--default-model", "echo",
                 "--max-wrong-credentials", "3", *SERVERS[request.param]) as server:  # fmt: skip
        yield Site(server, admin)


def is_exceeded(answer: httpx.Response, policy: str) -> bool:
    """Whether an answer says that this quota is exceeded, and until when."""
    fields = answer.headers
    return (
        answer.status_code == 429
        and int(fields["retry-after"]) >= 1
        and fields["ratelimit"].startswith(f'"{policy}";r=0')
        and fields["ratelimit-policy"].startswith(f'"{policy}";q=')
    )


def test_a_rate_counts_each_way_in_and_says_what_is_left(site: Site) -> None:
    key = site.key(rate="6/h")
    ways: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", PREDICT, {"json": {"number": 1}}),  # the shortest way
        ("POST", PREDICT, {"data": {"number": 1}}),
        ("POST", "/predict", {"json": {"number": 1}}),
        ("GET", "/v2/models/", {}),
        ("GET", "/nowhere", {}),
    ]
    for left, (method, path, sent) in zip((4, 3, 2, 1, 0), ways, strict=True):
        answer = site.ask(key, method, path, **sent)
        assert answer.status_code == (404 if path == "/nowhere" else 200), answer.text
        assert answer.headers["ratelimit-policy"] == '"requests";q=6;w=3600'
        assert answer.headers["ratelimit"].startswith(f'"requests";r={left};t=')
    for method, path, sent in [*ways, ("POST", "/v2/models/slow/train", {"json": {}})]:
        answer = site.ask(key, method, path, **sent)
        assert is_exceeded(answer, "requests"), (path, answer.text)
        assert answer.headers["retry-after"] == answer.headers["ratelimit"].partition("t=")[2]
    assert site.ask(key, "GET", "/v2/health/live").status_code == 200
    assert site.ask(site.key()).status_code == 200, "others are not limited by it"


def test_what_is_refused_has_the_shape_of_its_dialect(site: Site) -> None:
    key = site.key(rate="1/h")
    body = site.ask(key).json()
    at_root = site.ask(key, "POST", "/predict").json()
    assert body["violated-policies"] == ["requests"]
    assert body["type"].endswith("#quota-exceeded")
    said = "1 requests in 3600 s may come from you, and no more; wait"
    assert body["detail"].startswith(said)
    refused = site.ask("none", "POST", "/predict").json()
    assert at_root.keys() == refused.keys()
    assert said in str(at_root)


def test_a_key_in_the_place_of_another_has_used_what_that_one_has(site: Site) -> None:
    key = site.key(rate="3/h")
    new = site.rotated(f"key {site.made}")
    assert site.ask(key).status_code == 200
    assert is_exceeded(site.ask(new), "requests")


def test_calls_at_once_are_those_that_are_not_over(site: Site) -> None:
    key = site.key(calls_at_once=1)
    url = httpx.URL(site.server.url)
    fields = f"host: localhost\r\nx-api-key: {key}\r\nexpect: 100-continue\r\ncontent-length: 100"
    with socket.create_connection((url.host, url.port or 0), timeout=60) as one:
        one.sendall(f"POST {PREDICT} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        assert one.recv(1000).startswith(b"HTTP/1.1 100"), "the call is under way"
        assert is_exceeded(site.ask(key), "calls")
        assert is_exceeded(site.ask(key, "POST", "/predict"), "calls")
        assert site.ask(key, "GET", "/v2/models/").status_code == 200, "what is no call is not counted"
        assert site.left(key, "calls_at_once") == 0
    wait_until(lambda: site.ask(key).status_code == 200, lambda: site.server.log)
    assert [site.ask(key).status_code for _ in range(5)] == [200] * 5


def test_jobs_that_wait_are_counted_for_who_has_asked_for_them(site: Site) -> None:
    train, others = "/v2/models/slow/train", site.key()
    key = site.key(queued_jobs=1)
    assert site.left(key, "queued_jobs") == 1
    accepted = 0  # as many as there are places for: those do not wait
    while (last := site.ask(key, "POST", train, json={"seconds": 60})).status_code == 200:
        accepted += 1
        assert accepted < 20, "the jobs of a key wait without a limit"
    assert accepted > 0, last.text
    assert (last.status_code, last.headers["retry-after"]) == (429, "10")
    assert "1 of your jobs wait already" in last.json()["detail"]
    assert site.left(key, "queued_jobs") == 0
    assert site.ask(others, "POST", train, json={"seconds": 60}).status_code == 200
    for job in site.ask(others, "GET", "/v2/jobs").json()["jobs"]:
        site.ask(others, "DELETE", f"/v2/jobs/{job['id']}")


def test_bytes_of_a_day_are_those_of_both_ways(site: Site) -> None:
    key = site.key(bytes_per_day=50_000)
    left = site.left(key, "bytes_per_day")
    assert 0 < left <= 50_000
    assert site.ask(key, json={"characters": 4000}).status_code == 200
    wait_until(lambda: site.left(key, "bytes_per_day") < left - 4000, lambda: site.server.log)
    assert site.ask(key, json={"characters": 50_000}).status_code == 200
    wait_until(lambda: is_exceeded(site.ask(key), "bytes"), lambda: site.server.log)
    answer = site.ask(key, "GET", "/v2/models/")
    assert is_exceeded(answer, "bytes")
    assert int(answer.headers["retry-after"]) <= 86400


def test_one_is_told_of_ones_limits_and_what_is_left_of_them(site: Site) -> None:
    assert set(site.ask(site.key(), "GET", "/v2/me/limits").json().values()) == {None}
    key = site.key(rate="6/h", calls_at_once=3, queued_jobs=0)
    answer = site.ask(key, "GET", "/v2/me/limits")
    told = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["ratelimit"] == f'"requests";r=4;t={told["rate"].pop("renewed_in")}'
    assert told == {
        "rate": {"most": 6, "left": 4, "seconds": 3600},
        "calls_at_once": {"most": 3, "left": 3, "seconds": None, "renewed_in": None},
        "queued_jobs": None,
        "bytes_per_day": None,
        "rate_per_address": None,
    }
    assert site.left(key, "rate") == 3


def test_wrong_keys_slow_down_themselves_alone(site: Site) -> None:
    """However slow the machine is: each that is looked at nevertheless makes the next wait twice as long."""
    for method, path in (("POST", PREDICT), ("POST", "/predict"), ("GET", "/v2/models/"), ("HEAD", "/info")):
        answer = slowed(site, method, path, {"x-api-key": new_key()})
        assert answer.status_code == 429, (method, path)
        assert int(answer.headers["retry-after"]) >= 1
        assert method == "HEAD" or "too many wrong ones have come from your address" in answer.text
    assert site.ask(new_key(), "GET", "/v2/health/live").status_code == 200
    right = site.key()  # which is new to the server, and comes from the same address
    assert site.ask(right).status_code == 200


def slowed(site: Site, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    """The first answer that is 429: a few of each second are looked at, and answered as ever."""
    for _ in range(200):
        answer = site.server.client.request(method, path, headers=headers)
        if answer.status_code == 429:
            break
    return answer


def test_who_is_slowed_down_is_answered_by_the_quick_way_as_by_the_long_one(site: Site) -> None:
    """What the quick way leaves to the long one are several credentials, and those that come by a cookie."""
    for _ in range(6):
        site.ask("none", "GET", "/v2/models/")
    same = ("title", "message", "method", "url", "status-code", "type")
    for method, path in (("POST", PREDICT), ("POST", "/predict"), ("GET", "/info"), ("GET", "/nowhere"),
                         ("HEAD", "/v2/models/"), ("HEAD", "/info"), ("DELETE", "/v2/keys/a")):  # fmt: skip
        cookie = {"cookie": f"{session_name(site.server)}=a.b.c", "sec-fetch-site": "same-origin"}
        sent = [{"x-api-key": key} for key in ("none", "none", new_key())]
        *quick, token, long = (
            slowed(site, method, path, headers)
            for headers in (*sent, {"authorization": "Bearer a.b.c"}, cookie)
        )
        for answer in (*quick, token):
            assert answer.status_code == long.status_code == 429, (method, path, answer.text, long.text)
            assert answer.headers.keys() - {"connection"} == long.headers.keys() - {"connection"}
            assert answer.headers["content-type"] == long.headers["content-type"]
            assert len(answer.headers["x-request-id"]) > 5
            assert "<" not in answer.text + str(answer.headers)
            assert bool(answer.content) == bool(long.content) == (method != "HEAD")
            if answer.content:
                said, told = answer.json(), long.json()
                assert said.keys() == told.keys()
                assert {name: said[name] for name in same if name in said} == {
                    name: told[name] for name in same if name in told
                }
                assert str(said.get("request_id", "")) in answer.headers["x-request-id"]
                assert str(said.get("predict_id", "")) in answer.headers.get("x-predict-id", "")


@pytest.mark.parametrize(
    ("quotas", "said"),
    [
        ({"rate": "100"}, "rate: '100' is no rate; write for example 100/m"),
        ({"rate": "0/m"}, "is no rate"),
        ({"calls_at_once": -1}, "$.quotas.calls_at_once"),
        ({"calls": 1}, "there is no field 'calls' in quotas, only rate, calls_at_once"),
    ],
)
def test_what_is_no_quota_is_refused(site: Site, quotas: dict[str, Any], said: str) -> None:
    sent = {"name": "odd", "scopes": ["read"], "quotas": quotas}
    answer = site.ask(site.key(), "POST", "/v2/keys", json=sent)
    assert answer.status_code in (400, 422)
    assert said in answer.json()["detail"]


def test_an_address_is_limited_whoever_asks_and_for_whatever_is_open() -> None:
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", "--rate-per-address", "50/h", "--rate", "900/h",
                 "--max-queued-jobs-per-principal", "7") as server:  # fmt: skip
        told = server.client.get("/v2/me/limits").json()
        assert told["rate"]["most"] == 900, "of everybody together, where nobody says who they are"
        assert told["queued_jobs"] == {"most": 7, "left": 7, "seconds": None, "renewed_in": None}
        left, ends = told["rate_per_address"]["left"], told["rate_per_address"]["renewed_in"]
        assert (told["rate_per_address"]["most"], 0 < ends <= 3600) == (50, True)
        answers = [server.client.get("/v2/health/live") for _ in range(left + 1)]
        assert is_exceeded(answers[-1], "address")
        assert is_exceeded(server.client.post(PREDICT, json={}), "address")
        assert "ratelimit" in answers[0].headers


def test_no_more_is_remembered_of_addresses_than_may_be() -> None:
    allowances = Allowances(Settings(rate_per_address="1/m"))
    wrong = WrongCredentials(1)
    for number in range(MOST_ADDRESSES + 10):
        allowances.of_address(str(number))
        wrong.note(str(number))
    assert len(allowances._addresses) == MOST_ADDRESSES
    assert len(wrong._senders) == MOST
