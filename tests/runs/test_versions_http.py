"""Versions and aliases over HTTP: what there is, which answers, and bodies of every wrong kind."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
import pytest
from serving import Server
from version_site import factor, live, promoted, refused, runs, served, train

V2 = "/v2/models/m"
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(made, tmp_path_factory.mktemp("versions") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(site: Server) -> httpx.Client:
    return site.client


@pytest.fixture(autouse=True)
def base_is_live(client: httpx.Client) -> None:
    """Each test begins with the model as its source has it."""
    if live(client) != 0:
        promoted(client, 0, on_regression="warn")


def test_every_run_that_saved_a_model_is_a_version(client: httpx.Client) -> None:
    body = client.get(f"{V2}/versions").json()
    ids = runs(client)
    assert [(one["version"], one["run_id"]) for one in body["versions"]] == [
        (version, ids.get(version) if version else None) for version in range(7, -1, -1)
    ]
    assert body["next_cursor"] is None
    base = body["versions"][-1]
    assert (base["aliases"], base["loaded"], base["created_at"]) == (["live"], True, None)
    for one in body["versions"]:
        assert client.get(f"{V2}/versions/{one['version']}").json()["run_id"] == one["run_id"]


def test_versions_are_paged(client: httpx.Client) -> None:
    found: list[int] = []
    cursor = ""
    while cursor is not None:
        page = client.get(f"{V2}/versions?limit=3&cursor={cursor}").json()
        found += [one["version"] for one in page["versions"]]
        cursor = page["next_cursor"]
    assert found == list(range(7, -1, -1))


def test_a_version_answers_whatever_is_live(client: httpx.Client) -> None:
    for version, its in ((1, 2), (2, 3), (0, 1), (7, 7)):
        assert factor(client, f"{V2}/versions/{version}/predict/") == its
        assert factor(client, f"{V2}/versions/{version}/predict") == its
    assert factor(client, f"{V2}/versions/live/predict/") == 1
    assert factor(client) == 1
    promoted(client, 1)
    assert factor(client, f"{V2}/versions/0/predict/") == 1
    assert factor(client, f"{V2}/versions/live/predict/") == 2
    assert factor(client, "/predict") == factor(client) == 2


def in_one_piece(site: Server, path: str) -> tuple[int, Any]:
    """The answer to a prediction whose head and body come together: the server remembers such heads."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        'Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"x":1}'
    )
    url = httpx.URL(site.url)
    with socket.create_connection((url.host, url.port), timeout=10) as sock:
        sock.sendall(request.encode())
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        return answer.status, json.loads(answer.read())


def test_the_same_bytes_are_answered_by_what_the_path_means_now(site: Server, client: httpx.Client) -> None:
    def its(path: str) -> float:
        status, body = in_one_piece(site, path)
        assert status == 200
        return body["factor"]

    for version, factor_of_live in ((1, 2), (2, 3), (0, 1)):
        promoted(client, version, on_regression="warn")
        client.put(f"{V2}/aliases/known", json={"version": version}).raise_for_status()
        for _ in range(3):
            assert its(f"{V2}/predict") == factor_of_live
            assert its(f"{V2}/versions/live/predict") == factor_of_live
            assert its(f"{V2}/versions/known/predict") == factor_of_live
            assert its(f"{V2}/versions/1/predict") == 2
    client.delete(f"{V2}/aliases/known").raise_for_status()
    assert in_one_piece(site, f"{V2}/versions/known/predict")[0] == 404


@pytest.mark.parametrize("version", ["99", "nothing", "best", "-1", "1.0", "9" * 30, "%00", "%ff", "１"])
def test_a_version_that_is_not_there_is_named(client: httpx.Client, version: str) -> None:
    for answer in (
        client.get(f"{V2}/versions/{version}"),
        client.post(f"{V2}/versions/{version}/predict/", json={"x": 1}),
    ):
        words = refused(answer, 404)
        assert "version" in words or "best" in words
    assert "live" in refused(client.get(f"{V2}/versions/nothing"), 404)


def test_a_version_that_cannot_be_loaded_is_a_503_each_time(client: httpx.Client) -> None:
    for _ in range(2):
        answer = client.post(f"{V2}/versions/4/predict/", json={"x": 1})
        words = refused(answer, 503)
        assert words == "version 4 of 'm' could not be loaded; the log of the server says why"
    assert factor(client) == 1


def test_an_argument_that_is_wrong_is_refused_as_the_live_version_does(client: httpx.Client) -> None:
    one = client.post(f"{V2}/versions/1/predict/", json={"x": "text"})
    other = client.post(f"{V2}/predict/", json={"x": "text"})
    assert one.status_code == other.status_code == 422
    assert client.get(f"{V2}/versions/1/predict/").status_code == 405


def test_a_job_for_a_version_is_done_by_that_version_even_after_a_promotion(client: httpx.Client) -> None:
    asked = {1: 2, 0: 1, 2: 3}
    jobs = {
        version: client.post(f"{V2}/versions/{version}/predict/", json={"x": 2, "delay": 0.5}, headers=ASYNC)
        for version in asked
    }
    promoted(client, 7)
    for version, answer in jobs.items():
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]
        assert job_calls.ended(client, job_id)["state"] == "succeeded"
        assert client.get(f"/v2/jobs/{job_id}/result").json()["factor"] == asked[version]


def test_the_same_key_for_another_version_is_another_request(client: httpx.Client) -> None:
    def ask(version: int) -> httpx.Response:
        headers = {**ASYNC, "Idempotency-Key": "one-key"}
        return client.post(f"{V2}/versions/{version}/predict/", json={"x": 2}, headers=headers)

    first, again, other = ask(1), ask(1), ask(2)
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 422, other.text


def test_trainings_begin_with_the_models_own_code_and_validations_with_the_live_version(
    client: httpx.Client,
) -> None:
    promoted(client, 2)
    validation = client.post(f"{V2}/validate/", json={"x": 2})
    assert validation.status_code == 200, validation.text
    run_id = train(client, factor=11, f1=0.01)
    job_id = validation.json()["uuid"]
    assert job_calls.ended(client, job_id)["state"] == "succeeded"
    assert client.get(f"/v2/jobs/{job_id}/result").json()["factor"] == 3
    version = client.get(f"/runs/{run_id}").json()["version"]
    assert factor(client, f"{V2}/versions/{version}/predict/") == 11
    assert client.delete(f"/runs/{run_id}").status_code == 204


# -- aliases -----------------------------------------------------------------------------------------


def test_an_alias_is_a_name_for_a_version(client: httpx.Client) -> None:
    assert client.get(f"{V2}/aliases").json() == {"aliases": {"live": 0}}
    put = client.put(f"{V2}/aliases/tested", json={"version": 2})
    assert (put.status_code, put.json()) == (200, {"alias": "tested", "version": 2})
    assert client.get(f"{V2}/aliases/tested").json() == {"alias": "tested", "version": 2}
    assert client.get(f"{V2}/versions/tested").json()["version"] == 2
    assert client.get(f"{V2}/versions/2").json()["aliases"] == ["tested"]
    assert factor(client, f"{V2}/versions/tested/predict/") == 3
    assert client.put(f"{V2}/aliases/other", json={"version": "tested"}).json()["version"] == 2
    assert client.put(f"{V2}/aliases/tested", json={"version": "1"}).json()["version"] == 1
    assert factor(client, f"{V2}/versions/tested/predict/") == 2
    assert promoted(client, "tested")["version"] == 1
    for name in ("tested", "other"):
        assert client.delete(f"{V2}/aliases/{name}").status_code == 204
        assert name in refused(client.delete(f"{V2}/aliases/{name}"), 404)
        refused(client.get(f"{V2}/aliases/{name}"), 404)
    assert live(client) == 1


def test_a_model_has_a_hundred_aliases_and_no_more(client: httpx.Client) -> None:
    for number in range(100):
        assert client.put(f"{V2}/aliases/a{number}", json={"version": 1}).status_code == 200
    said = refused(client.put(f"{V2}/aliases/more", json={"version": 1}), 409)
    assert "has 100 aliases, which is the most; remove one" in said
    assert client.put(f"{V2}/aliases/a7", json={"version": 2}).json()["version"] == 2
    assert promoted(client, "a7")["version"] == 2
    assert client.delete(f"{V2}/aliases/a7").status_code == 204
    assert client.put(f"{V2}/aliases/more", json={"version": 1}).status_code == 200
    for name in ("more", *(f"a{number}" for number in range(100) if number != 7)):
        assert client.delete(f"{V2}/aliases/{name}").status_code == 204


def test_the_names_that_are_always_there_stay(client: httpx.Client) -> None:
    for name in ("live", "best"):
        assert "always there" in refused(client.delete(f"{V2}/aliases/{name}"), 409)
    assert "cannot be moved" in refused(client.put(f"{V2}/aliases/best", json={"version": 1}), 422)
    assert "--best-by" in refused(client.get(f"{V2}/aliases/best"), 404)


@pytest.mark.parametrize("name", ["1", "a.b", "-a", "a" * 65, "ä", "%00", "a%20b"])
def test_what_is_no_name_is_no_alias(client: httpx.Client, name: str) -> None:
    assert "cannot be an alias" in refused(client.put(f"{V2}/aliases/{name}", json={"version": 1}), 422)
    refused(client.get(f"{V2}/aliases/{name}"), 404)


@pytest.mark.parametrize("alias", ["live", "tested"])
@pytest.mark.parametrize("version", [99, "nothing", "best", -1, "", 10**30, "\0"])
def test_no_alias_leads_to_a_version_that_is_not_there(
    client: httpx.Client, alias: str, version: Any
) -> None:
    refused(client.put(f"{V2}/aliases/{alias}", json={"version": version}), 404)
    assert client.get(f"{V2}/aliases").json() == {"aliases": {"live": 0}}


NESTED = "[" * 2000 + "]" * 2000
BODIES: list[tuple[int, str]] = [
    (400, ""), (400, "{"), (400, "nonsense"), (400, '{"version": NaN}'), (400, '{"version": 1} x'),
    (400, '{"version": 1, "version": 2}'), (400, '{"version": ' + NESTED + "}"), (422, '{"version": 1e999}'),
    (422, "[]"), (422, "1"), (422, "null"), (422, '"live"'), (422, "{}"), (422, '{"version": null}'),
    (422, '{"version": 1.5}'), (422, '{"version": true}'), (422, '{"version": [1]}'),
    (422, '{"version": 1, "more": 2}'), (422, '{"version": 1, "on_regression": 1}'),
    (422, '{"version": 1, "on_regression": "ask"}'), (422, '{"version": 1, "min_agreement": "1"}'),
    (422, '{"version": 1, "min_agreement": 1.1}'), (422, '{"version": 1, "min_agreement": -0.1}'),
    (422, '{"version": 1, "max_latency_ratio": 0}'), (422, '{"version": 1, "max_latency_ratio": -1}'),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), BODIES, ids=[body[:30] for _, body in BODIES])
def test_a_body_that_does_not_fit_moves_nothing(client: httpx.Client, status: int, body: str) -> None:
    headers = {"content-type": "application/json"}
    answer = client.put(f"{V2}/aliases/live", content=body, headers=headers)
    refused(answer, status)
    assert live(client) == 0


def test_only_json_of_a_small_size_moves_an_alias(client: httpx.Client) -> None:
    url = f"{V2}/aliases/live"
    refused(client.put(url, data={"version": "1"}), 415)
    refused(client.put(url, content=b"{}", headers={"content-type": "text/plain"}), 415)
    large = json.dumps({"version": 1, "more": "x" * 100_000})
    refused(client.put(url, content=large, headers={"content-type": "application/json"}), 413)
    refused(
        client.put(url, content=b'{"version": "\xff"}', headers={"content-type": "application/json"}), 400
    )
    assert live(client) == 0


def test_what_a_promotion_may_say_is_not_for_other_aliases(client: httpx.Client) -> None:
    answer = client.put(f"{V2}/aliases/tested", json={"version": 1, "on_regression": "warn"})
    assert "only the alias 'live'" in refused(answer, 422)


TRAFFIC: list[tuple[int, Any]] = [
    (422, {"weights": {"1": 0}}), (422, {"weights": {"1": -0.5}}), (422, {"weights": {"1": 1.5}}),
    (422, {"weights": {"1": 0.6, "2": 0.6}}), (422, {"weights": {"1": True}}), (422, {"weights": [1]}),
    (422, {"weights": {"1": "0.5"}}), (422, {"weights": {"0": 0.5}}), (422, {"weights": {"live": 0.5}}),
    (422, {"shadow": 0}), (422, {"shadow": "live"}), (422, {"shadow": 1.5}), (422, {"other": 1}),
    (422, {"weights": {"1": 0.1, "2": 0.1, "3": 0.1}}), (422, {"weights": {"1": 0.1, "01": 0.2}}),
    (422, {"weights": {str(n): 0.01 for n in range(1, 8)}}),
    (404, {"weights": {"99": 0.5}}), (404, {"weights": {"nothing": 0.5}}), (404, {"shadow": 99}),
    (404, {"weights": {"": 0.5}}), (503, {"weights": {"4": 0.5}}), (503, {"shadow": 4}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), TRAFFIC, ids=[json.dumps(body)[:40] for _, body in TRAFFIC])
def test_traffic_that_cannot_be_spread_like_that_stays_as_it_was(
    client: httpx.Client, status: int, body: Any
) -> None:
    refused(client.put(f"{V2}/traffic", json=body), status)
    shown = client.get(f"{V2}/traffic").json()
    assert shown == {"live": 0, "weights": {}, "shadow": None, "compared": None}
    assert factor(client) == 1
