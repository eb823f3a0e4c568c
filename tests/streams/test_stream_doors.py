"""Streams come in by the door of all requests, and end when who has come in may not any longer."""

from __future__ import annotations

import http.cookies
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import MODELS, Server, wait_until
from stream_clients import closed, opened, refused
from user_site import Site, client_of, serving_users
from websockets.exceptions import InvalidStatus

from modelport.api.standing import REVOKED

CHAT = f"chat={MODELS / 'streaming_both_ways.py'}:Chat"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving_users(tmp_path_factory.mktemp("data"), CHAT) as site:
        yield site


def key_of(site: Site, name: str, *scopes: str, **asked: Any) -> str:
    made = site.admin.post("/v2/keys", json={"name": name, "scopes": [*scopes], **asked})
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    with client_of(site.server, key) as client:
        wait_until(lambda: client.get("/v2/me/limits").status_code == 200, lambda: site.server.log)
    return key


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def status(server: Server, path: str = "chat/stream", **options: Any) -> tuple[int, str]:
    """With which status a handshake is refused, and why."""
    with pytest.raises(InvalidStatus) as refused:
        opened(server, path, **options).close()
    answer = refused.value.response
    return answer.status_code, httpx.Response(200, content=bytes(answer.body or b"")).json()["detail"]


def test_who_may_predict_may_stream_and_nobody_else(site: Site) -> None:
    assert status(site.server)[0] == 401
    assert status(site.server, additional_headers=bearer("mpk_nonsense"))[0] == 401
    reader = key_of(site, "reader", "read")
    found = status(site.server, additional_headers=bearer(reader))
    assert found[0] == 403
    assert "it needs predict on the model 'chat'" in found[1]
    caller = key_of(site, "caller", "predict")
    for headers in (bearer(caller), {"X-API-Key": caller}):
        with opened(site.server, "chat/stream", additional_headers=headers) as socket:
            socket.send(b"abc")
            assert socket.recv() == '{"size":3}'


def test_a_key_that_is_revoked_ends_its_streams(site: Site) -> None:
    gone = key_of(site, "gone", "predict")
    with opened(site.server, "chat/stream", additional_headers=bearer(gone)) as socket:
        socket.send(b"abc")
        socket.recv()
        assert site.admin.delete("/v2/keys/gone").status_code == 200
        assert closed(socket)[0] == []
        assert (socket.close_code, socket.close_reason) == (1008, REVOKED)


def test_a_page_is_let_in_by_its_cookie_and_one_of_another_origin_never_is(site: Site) -> None:
    jar = http.cookies.SimpleCookie(dict(site.page.cookies))
    cookie = {"Cookie": jar.output(attrs=[], header="", sep=";").strip()}
    with opened(site.server, "chat/stream", additional_headers=cookie, origin=site.server.url) as socket:
        socket.send(b"abc")
        assert socket.recv() == '{"size":3}'
    foreign: Any = "http://elsewhere.example"
    assert status(site.server, additional_headers=cookie, origin=foreign)[0] == 403
    assert status(site.server, additional_headers=cookie)[0] == 403  # no browser leaves it out
    caller = key_of(site, "page of others", "predict")
    assert status(site.server, additional_headers=bearer(caller), origin=foreign)[0] == 403
    host = {**bearer(caller), "Host": "rebound.example"}
    with pytest.raises(InvalidStatus) as refused:
        opened(site.server, "chat/stream", additional_headers=host).close()
    assert refused.value.response.status_code in (400, 421)


def test_streams_are_limited_and_counted_as_calls(site: Site) -> None:
    limits = {"calls_at_once": 1}
    one = key_of(site, "one at a time", "predict", "read", quotas=limits)
    with opened(site.server, "chat/stream", additional_headers=bearer(one)) as socket:
        socket.send(b"abcde")
        socket.recv()
        found = status(site.server, additional_headers=bearer(one))
        assert found[0] == 429
        assert "1 calls of yours may be under way at once" in found[1]
    with client_of(site.server, one) as client:
        wait_until(lambda: client.get("/v2/me/limits").json()["calls_at_once"]["left"] == 1, lambda: "still")


def test_the_bytes_of_a_stream_count_and_end_it_when_there_are_none_left(site: Site) -> None:
    few = key_of(site, "few", "predict", "read", quotas={"bytes_per_day": 3000})
    with opened(site.server, "chat/stream", additional_headers=bearer(few)) as socket:
        socket.send(b"x" * 1000)
        socket.recv()
        socket.send(b"x" * 2500)
        status, code, words = refused(socket)
        assert (status, code) == (429, 1008)
        assert "as may be in a day" in words
    with client_of(site.server, few) as client:
        wait_until(lambda: client.get("/v2/me/limits").status_code == 429, lambda: site.server.log)


def test_models_and_versions_that_there_are_not_have_no_streams(site: Site, tmp_path: Path) -> None:
    caller = key_of(site, "finder", "predict", "read")
    found = status(site.server, "chatt/stream", additional_headers=bearer(caller))
    assert found == (404, "there is no model 'chatt'; there is: chat; did you mean 'chat'?")
    assert status(site.server, "chat/versions/7/stream", additional_headers=bearer(caller))[0] == 404
