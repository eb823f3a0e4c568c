"""What a server tells of its models in numbers, and the log of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from scraped import scraped
from serving import MODELS, Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

SOURCES = (f"talks={MODELS / 'talking.py'}:Talking", f"echo={MODELS / 'echoes.py'}:Echo")
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*SOURCES) as started:
        yield started


def statistics(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/v2/statistics")
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(client: httpx.Client, text: str) -> None:
    answer = client.post("/v2/models/talks/predict", json={"text": text})
    assert answer.status_code == 200, answer.text


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and data of each event."""
    number = ""
    for line in answer.iter_lines():
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        if line.startswith("data: "):
            yield number, json.loads(line.removeprefix("data: "))


def followed(client: httpx.Client, last: str, query: str = "") -> tuple[str, list[str]]:
    """What is followed of the log until a line has come; the id of the last event, and the texts."""
    texts: list[str] = []
    with client.stream("GET", f"/v2/models/talks/log{query}", headers=EVENTS) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for number, data in events(answer):
            texts += [line["text"] for line in data["lines"]]
            if last in texts:
                return number, texts
    raise AssertionError(f"{last!r} is not among {texts}")


def test_it_counts_what_metrics_count(server: Server) -> None:
    client = server.client
    before = statistics(client)["models"]["talks"]
    for number in range(3):
        said(client, f"counted {number}")
    assert client.post("/v2/models/talks/predict", json={"fail": "on purpose"}).status_code == 500
    assert client.post("/v2/models/talks/predict", json={"text": {"no": "text"}}).status_code == 422
    of_before = before["requests"]["answers"]

    def answers() -> dict[str, int]:
        return statistics(client)["models"]["talks"]["requests"]["answers"]

    # What does not go the shortest way may be counted when its client has its answer already.
    wait_until(lambda: sum(answers().values()) == sum(of_before.values()) + 5, lambda: str(answers()))
    found = statistics(client)
    after = found["models"]["talks"]
    rises = {name: count - of_before.get(name, 0) for name, count in after["requests"]["answers"].items()}
    assert rises == {"2xx": 3, "4xx": 1, "5xx": 1}
    spread = after["requests"]["seconds"]
    name = "request_duration_seconds_count"
    shown = scraped(client)(name, model="talks", verb="predict")
    assert sum(spread["counts"]) == sum(after["requests"]["answers"].values())
    assert sum(spread["counts"]) == shown
    assert len(spread["counts"]) == len(spread["bounds"]) + 1
    assert after["versions"][0]["answers"] == after["requests"]["answers"]
    assert found["at"] > found["began"]


def test_it_tells_of_workers_and_of_their_memory(server: Server) -> None:
    found = statistics(server.client)
    one = found["models"]["echo"]
    assert (one["live"], one["state"], one["workers_wanted"]) == (0, "ready", 1)
    [worker] = one["workers"]
    assert (worker["number"], worker["state"]) == (0, "free")
    assert worker["memory"] > 1_000_000
    assert one["versions"] == [
        {"version": 0, "state": "ready", "share": 1.0, "waiting": 0, "running": 0, "answers": {}}
    ]
    assert (one["jobs"], one["ends"], found["unread"]) == ([], {}, [])


def test_the_last_lines_of_a_log_are_text(server: Server) -> None:
    said(server.client, "first")
    followed(server.client, "written first")
    answer = server.client.get("/v2/models/talks/log?lines=2")
    assert answer.headers["content-type"].startswith("text/plain")
    assert len(answer.text.splitlines()) == 2
    assert "written first" in server.client.get("/v2/models/talks/log").text.splitlines()
    assert server.client.get("/v2/models/talks/log?lines=0").status_code == 422
    assert server.client.get("/v2/models/none/log").status_code == 404


def test_a_log_is_followed_and_goes_on_where_it_was(server: Server) -> None:
    client = server.client
    said(client, "before")
    number, texts = followed(client, "written before")
    assert "threaded before" in texts
    said(client, "after")
    _, rest = followed(client, "written after", f"?after={number}")
    assert not [text for text in rest if "before" in text]
    _, whole = followed(client, "written after", "?after=00000000-7&lines=2000")  # of another server
    assert "written before" in whole
    answer = client.get("/v2/models/talks/log?after=nonsense", headers=EVENTS)
    assert answer.status_code == 422
    assert "nonsense" in answer.json()["detail"]


def test_a_log_that_is_followed_ends_with_the_server() -> None:
    with serving(f"talks={MODELS / 'talking.py'}:Talking") as server:
        said(server.client, "last words")
        with httpx.stream("GET", f"{server.url}/v2/models/talks/log", headers=EVENTS, timeout=30) as answer:
            came = events(answer)
            next(came)
            server.process.terminate()
            for _ in came:
                pass
        assert server.process.wait(30) == 0


def test_one_sees_what_one_may_read_and_logs_need_more(tmp_path: Path) -> None:
    store = DatabaseKeys(Settings(data_dir=str(tmp_path)))

    def headers(scope: str, models: list[str] | None) -> dict[str, str]:
        key = store.create({"name": scope, "scopes": [scope], "models": models, "expires": None})["key"]
        return {"authorization": f"Bearer {key}"}

    by = {
        "read": headers("read", ["talks"]),
        "predict": headers("predict", None),
        "admin": headers("admin", None),
    }
    with serving(*SOURCES, "--auth", "on", "--data-dir", str(tmp_path)) as server:
        client = server.client
        wait_until(lambda: client.get("/v2/me", headers=by["admin"]).status_code == 200, lambda: server.log)
        assert client.get("/v2/statistics").status_code == 401
        assert client.get("/v2/statistics", headers=by["predict"]).status_code == 403
        assert set(client.get("/v2/statistics", headers=by["read"]).json()["models"]) == {"talks"}
        assert set(client.get("/v2/statistics", headers=by["admin"]).json()["models"]) == {"talks", "echo"}
        assert client.get("/v2/models/talks/log", headers=by["read"]).status_code == 403
        assert client.get("/v2/models/talks/log", headers=by["admin"]).status_code == 200
