"""Streams end with what has let their clients in; those of others go on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import MODELS, wait_until
from user_site import Site, client_of, logged_in, page_of, serving_users

from modelport.api.standing import REVOKED
from modelport.client import Client, RequestRefused

STREAM = "/v2/models/streams/predict"
ENDLESS = {"pieces": 10**9, "size": 1000}
MODEL_OF_STREAMS = f"streams={MODELS / 'side_by_side.py'}:Streams"
TRAINABLE = f"slow={MODELS / 'trainable.py'}:Trainable"
EVENTS, LINES = {"accept": "text/event-stream"}, {"accept": "application/x-ndjson"}


class Followed:
    """A stream that somebody reads: what has come of it last, and whether it was whole at its end."""

    def __init__(self, client: httpx.Client, method: str, path: str, **sent: Any):
        self.last = b""
        self.pieces = 0
        self.began = threading.Event()
        self._client, self._asked, self._sent = client, (method, path), sent

    def read(self) -> bool:
        try:
            with self._client.stream(*self._asked, **self._sent) as answer:
                assert answer.status_code == 200, answer.read()
                for piece in answer.iter_raw():
                    self.last = (self.last + piece)[-2000:]
                    self.pieces += 1
                    self.began.set()
        except httpx.RemoteProtocolError:
            return False
        return True


class Follower:
    """Reads streams, each in a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor):
        self._pool = pool

    def follow(
        self, client: httpx.Client, method: str, path: str, **sent: Any
    ) -> tuple[Followed, Future[bool]]:
        """A stream of which something has come already."""
        one = Followed(client, method, path, **sent)
        reading = self._pool.submit(one.read)
        assert one.began.wait(30), reading.result(0) if reading.done() else "nothing has come"
        return one, reading


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving_users(tmp_path_factory.mktemp("data"), MODEL_OF_STREAMS, TRAINABLE) as site:
        yield site


@pytest.fixture
def job(site: Site) -> Iterator[str]:
    """The path of a job that has printed something and does not end."""
    asked = site.admin.post("/v2/models/slow/train", json={"mode": "polite", "epochs": 1})
    path = f"/v2/jobs/{asked.json()['uuid']}"
    wait_until(lambda: b"epoch 0" in site.admin.get(f"{path}/log").content, lambda: site.server.log)
    yield path
    site.admin.delete(path)


@pytest.fixture
def follower(site: Site) -> Iterator[Follower]:
    pool = ThreadPoolExecutor(16)
    yield Follower(pool)
    pool.shutdown(wait=False)


def new_client(site: Site, name: str, **asked: Any) -> httpx.Client:
    """A client with a new key that may do all that streams here."""
    made = site.admin.post("/v2/keys", json={"name": name, "scopes": ["predict", "read"], **asked}).json()
    client = client_of(site.server, made["key"])
    wait_until(lambda: client.get("/v2/models/").status_code == 200, lambda: site.server.log)
    return client


def ways_of(job: str) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Every way to a stream."""
    return {
        "events": ("GET", f"{job}/events", {}),
        "log": ("GET", f"{job}/log?follow=true", {}),
        "direct events": ("POST", STREAM, {"json": ENDLESS, "headers": EVENTS}),
        "direct lines": ("POST", STREAM, {"json": ENDLESS, "headers": LINES}),
        "other events": ("POST", STREAM, {"data": ENDLESS, "headers": EVENTS}),
        "get": ("GET", f"{STREAM}?pieces=1000000000&size=1000", {}),
    }


def test_a_revoked_key_ends_its_streams_and_no_other(site: Site, job: str, follower: Follower) -> None:
    with closing(new_client(site, "gone")) as one, closing(new_client(site, "stays")) as two:
        ways = ways_of(job)
        ends = {what: follower.follow(one, way[0], way[1], **way[2]) for what, way in ways.items()}
        goes_on = {what: follower.follow(two, way[0], way[1], **way[2]) for what, way in ways.items()}
        assert site.admin.delete("/v2/keys/gone").status_code == 200
        for what, (stream, reading) in ends.items():
            assert reading.result(30) is ("events" in what or what == "get"), what
            said = f"event: error\ndata: {REVOKED}".encode() if reading.result() else REVOKED.encode()
            assert (said in stream.last) is (what != "log"), (what, stream.last[-200:])
        for what, (stream, reading) in goes_on.items():
            if what not in ("events", "log"):  # of which nothing more comes by itself
                pieces = stream.pieces
                wait_until(lambda: stream.pieces > pieces + 3, lambda: site.server.log)  # noqa: B023
            assert not reading.done(), what
        assert site.admin.delete("/v2/keys/stays").status_code == 200
        for _, reading in goes_on.values():
            reading.result(30)
    told = {"name": "s", "tell": True, "others": 8}
    pieces = site.admin.post(STREAM, json=told, headers=LINES)  # when the model has heard of the end of all
    assert int(pieces.text.strip().strip(chr(34))) > 0, pieces.text


def test_a_key_that_expires_ends_its_streams(site: Site, job: str, follower: Follower) -> None:
    with closing(new_client(site, "short")) as client:
        _, reading = follower.follow(client, "GET", f"{job}/events")
        key = client.headers["authorization"].removeprefix("Bearer ")
        with Client(site.server.url, key=key) as mine:
            events = mine.job(job.rpartition("/")[2]).events()
            assert next(events).type == "state"
            assert site.admin.post("/v2/keys/short/rotate", json={"grace": "1s"}).status_code == 201
            assert reading.result(30)
            with pytest.raises(RequestRefused, match="the key is not valid"):
                list(events)


def test_a_session_ends_its_streams_and_a_user_all_of_theirs(
    site: Site, job: str, follower: Follower
) -> None:
    user = site.user("bob")
    tokens = [logged_in(site.server, "bob")["access_token"] for _ in range(2)]
    with (
        client_of(site.server, tokens[0]) as one,
        client_of(site.server, tokens[1]) as two,
        page_of(site.server, "bob") as page,
    ):
        first, second, third = (follower.follow(who, "GET", f"{job}/events") for who in (one, two, page))
        assert one.post("/v2/logout").status_code == 204
        assert first[1].result(30)
        assert REVOKED.encode() in first[0].last
        assert site.admin.get("/v2/me").status_code == 200
        assert not second[1].done()
        assert not third[1].done()
        assert site.admin.patch(f"/v2/users/{user['id']}", json={"disabled": True}).status_code == 200
        assert second[1].result(30)
        assert third[1].result(30)
    _, mine = follower.follow(site.admin, "GET", f"{job}/events")
    assert not mine.done()
    site.admin.delete(job)
    assert mine.result(30)


def test_a_whole_answer_that_comes_after_the_revocation_is_answered(site: Site, tmp_path: Path) -> None:
    with closing(new_client(site, "waits")) as client, ThreadPoolExecutor(1) as pool:
        mark = tmp_path / "mark"
        sent = {"seconds": 1.5, "mark": str(mark)}
        waiting = pool.submit(client.post, "/v2/models/slow/predict", json=sent)
        wait_until(mark.exists, lambda: site.server.log)
        assert site.admin.delete("/v2/keys/waits").status_code == 200
        wait_until(lambda: client.get("/v2/models/").status_code == 401, lambda: site.server.log)
        assert waiting.result(30).status_code == 200
