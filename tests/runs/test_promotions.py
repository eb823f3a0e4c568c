"""A promotion over HTTP: checked beside the live version, moved in one step, or refused with the reasons."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from serving import Server, wait_until
from version_site import factor, leaving, live, promote, promoted, refused, served

V2 = "/v2/models/m"
SLOW_TO_LOAD = 5


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(made, tmp_path_factory.mktemp("promotions") / "data", "--loaded-versions", "3") as server:
        yield server


@pytest.fixture
def client(site: Server) -> httpx.Client:
    """Version 1 is live, and has had a call that versions are checked with."""
    if live(site.client) != 1:
        back = [promote(site.client, 1, on_regression="warn")]
        while back[-1].status_code == 409:  # the last one is live, and still being made known
            back.append(promote(site.client, 1, on_regression="warn"))
        assert back[-1].status_code == 200, back[-1].text
    return site.client


def asked_before(client: httpx.Client, x: float) -> None:
    """Have the live version answer until the call is among those that are kept for checks."""
    with contextlib.suppress(httpx.HTTPError):
        for _ in range(40):  # one call in a fifth of a second is kept, of the last twenty
            factor(client, x=x)
            threading.Event().wait(0.01)


def unload_the_slow_one(client: httpx.Client) -> None:
    """Use other versions, so that there is no place left for it."""
    for version in (0, 2, 7):
        factor(client, f"{V2}/versions/{version}/predict/")
    assert client.get(f"{V2}/versions/{SLOW_TO_LOAD}").json()["loaded"] is False


def promotions(client: httpx.Client) -> list[tuple[str, int, int]]:
    found = client.get(f"{V2}/promotions").json()["promotions"]
    return [(one["kind"], one["before"], one["after"]) for one in found]


def test_a_promotion_says_what_it_found_and_moves_everything(client: httpx.Client) -> None:
    factor(client)  # which is what it is checked with
    body = promoted(client, 2)
    assert (body["model"], body["version"], body["before"], body["changed"]) == ("m", 2, 1, True)
    assert (body["kind"], body["regressions"]) == ("promotion", [])
    checks = body["checks"]
    assert checks["checked"] >= 1
    assert (checks["new_errors"], checks["not_checked"], checks["agreement"]) == (0, 0, 0.0)
    assert factor(client) == factor(client, "/predict") == factor(client, "/runs/live/predict") == 3
    assert client.get("/params/factor").json() == {"factor": 3}
    assert client.get(f"{V2}/aliases").json() == {"aliases": {"live": 2}}
    newest = client.get(f"{V2}/promotions?limit=1").json()["promotions"]
    assert [(one["before"], one["after"], one["checks"]) for one in newest] == [(1, 2, checks)]


def test_the_version_that_is_live_is_not_promoted_again(client: httpx.Client) -> None:
    before = promotions(client)
    body = promoted(client, 1)
    assert body == {"model": "m", "version": 1, "before": 1, "changed": False}
    assert promoted(client, "live")["changed"] is False
    assert promotions(client) == before


def test_a_version_that_fails_where_the_live_one_does_not_is_refused(client: httpx.Client) -> None:
    asked_before(client, x=20)
    answer = promote(client, 3)
    words = refused(answer, 409)
    assert "version 3 of 'm' is worse than 1, which stays live" in words
    assert "too much for this version" in words
    assert "on_regression: warn" in words
    report = answer.json()["report"]
    assert report["checks"]["new_errors"] > 0
    assert len(report["regressions"]) == 1
    assert live(client) == 1
    assert factor(client) == 2
    warned = promoted(client, 3, on_regression="warn")
    assert warned["changed"] is True
    assert "too much for this version" in warned["regressions"][0]
    assert factor(client) == 4


def test_a_version_must_agree_as_often_as_is_asked(client: httpx.Client) -> None:
    words = refused(promote(client, 2, min_agreement=0.5), 409)
    assert "it agrees with the live version in 0%, not 50%" in words
    body = promoted(client, SLOW_TO_LOAD, min_agreement=1)
    assert body["checks"]["agreement"] == 1.0
    assert live(client) == SLOW_TO_LOAD


def test_a_version_must_be_as_fast_as_is_asked(client: httpx.Client) -> None:
    words = refused(promote(client, 6), 409)
    assert "times as long, more than 3" in words
    assert promoted(client, 6, max_latency_ratio=1e9)["changed"] is True


def test_a_version_that_cannot_be_loaded_leaves_the_live_one_alone(client: httpx.Client) -> None:
    for how in ({}, {"on_regression": "warn"}):
        words = refused(promote(client, 4, **how), 503)
        assert words == "version 4 of 'm' could not be loaded; the log of the server says why"
        assert live(client) == 1
        assert factor(client) == 2
    assert client.get("/v2/health/ready").status_code == 200


def test_one_version_at_a_time_becomes_live(client: httpx.Client, site: Server) -> None:
    unload_the_slow_one(client)
    seen = len(site.lines)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(promote, client, SLOW_TO_LOAD)
        site.wait_for_log("loading version 5", start=seen)
        second = promote(client, 2)
        third = client.post(f"{V2}/rollback")
        assert first.result().status_code == 200
    assert "becoming live" in refused(second, 409)
    assert "becoming live" in refused(third, 409)
    assert live(client) == SLOW_TO_LOAD
    assert promoted(client, 2)["before"] == SLOW_TO_LOAD


def test_a_promotion_goes_on_when_its_client_has_left(client: httpx.Client, site: Server) -> None:
    unload_the_slow_one(client)
    seen = len(site.lines)
    client.put(f"{V2}/traffic", json={"weights": {"2": 0.5}, "shadow": 7}).raise_for_status()
    with leaving(site, SLOW_TO_LOAD):
        site.wait_for_log(f"loading version {SLOW_TO_LOAD}", start=seen)
    site.wait_for_log(rf"version {SLOW_TO_LOAD} is live", start=seen)
    assert live(client) == SLOW_TO_LOAD
    leaving(site, 2).close()
    wait_until(lambda: live(client) == 2, lambda: site.log)
    wait_until(lambda: client.get(f"{V2}/traffic").json()["weights"] == {}, lambda: site.log)
    client.delete(f"{V2}/traffic")


def test_rollbacks_lead_back_step_by_step(client: httpx.Client) -> None:
    for version in (2, SLOW_TO_LOAD, 7):
        promoted(client, version)
    for version, its in ((SLOW_TO_LOAD, 2), (2, 3), (1, 2)):
        answer = client.post(f"{V2}/rollback")
        body = answer.json()
        assert (answer.status_code, body["version"], body["kind"]) == (200, version, "rollback")
        assert (body["checks"], body["changed"]) == (None, True)
        assert live(client) == version
        assert factor(client) == its
    assert promotions(client)[0] == ("rollback", 2, 1)
    promoted(client, 7)
    assert client.post(f"{V2}/rollback").json()["version"] == 1


def test_a_rollback_asks_nothing_of_the_version_that_it_leads_to(client: httpx.Client) -> None:
    promoted(client, 3, on_regression="warn")
    promoted(client, 2)
    asked_before(client, x=20)
    assert client.post(f"{V2}/rollback").json()["version"] == 3
    assert factor(client) == 4


@pytest.mark.parametrize("path", ["aliases/live", "rollback", "traffic"])
def test_a_page_of_another_site_changes_nothing(client: httpx.Client, path: str) -> None:
    method = "POST" if path == "rollback" else "PUT"
    headers = {"origin": "https://elsewhere.example"}
    answer = client.request(method, f"{V2}/{path}", json={"version": 2}, headers=headers)
    assert answer.status_code == 403
    assert live(client) == 1
