"""Runs, versions and promotions through the client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from client_target import MakeClient
from trained_site import Site, trained

from modelport.client import NotFound, PromotionRefused, RequestRefused


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trained() as site:
        yield site


@pytest.fixture
def client(make_client: MakeClient, site: Site) -> Any:
    """A client of the server, whose model is as its source has it."""
    site.make_live(0)
    return make_client(site.url)


def test_runs_come_in_the_order_that_was_asked_for(client: Any, site: Site) -> None:
    first, second, third = site.runs
    assert [run.run_id for run in client.runs("m")] == [second, first, third]
    assert [run.run_id for run in client.runs("m", order_by="newest")] == [third, second, first]
    (worst,) = client.runs("m", top=1, order_by="class.nlp.f1:min")
    assert (worst.run_id, worst.version, worst.aliases) == (third, None, [])
    assert client.runs("n") == []


def test_a_run_tells_what_was_given_and_measured(client: Any, site: Site) -> None:
    best = client.run("best", model="m")
    assert best == client.run(site.runs[1], "m")
    assert (best.version, best.aliases, best.params["factor"], best.seed) == (2, ["best"], 3, 8)
    assert best.performance["overall"] == {"f1": 0.9, "num_samples": 10}
    assert best.metrics == {"loss": pytest.approx(1 / 3)}
    assert best.environment["python"]
    assert best.started_at < best.finished_at
    with pytest.raises(NotFound, match="no run 'lost'"):
        client.run("lost", "m")
    with pytest.raises(ValueError, match="must not be empty"):
        client.run("", "m")


def test_versions_are_listed_with_that_of_the_source(client: Any, site: Site) -> None:
    newest, older, source = client.versions("m")
    assert (newest.version, newest.run_id, newest.aliases) == (2, site.runs[1], ["best"])
    assert (older.version, older.performance["overall"]["f1"]) == (1, 0.5)
    assert (source.version, source.run_id, source.created_at) == (0, None, None)
    assert (source.aliases, source.loaded) == (["live"], True)


def test_a_prediction_may_name_its_version(client: Any) -> None:
    assert client.predict("m", x=2)["value"] == 2
    assert client.predict("m", x=2, version=1)["value"] == 4
    assert client.predict("m", x=2, version="best")["value"] == 6
    assert [answer["factor"] for answer in client.stream("m", x=2, version=1)] == [2]
    with pytest.raises(NotFound, match="no version 'lost'"):
        client.predict("m", x=2, version="lost")
    with pytest.raises(ValueError, match="a version must not be empty"):
        client.predict("m", x=2, version="")


def test_a_version_becomes_live_and_gives_its_place_back(client: Any, site: Site) -> None:
    site.predict()
    done = client.promote("best", "m")
    assert (done.model, done.version, done.before, done.changed) == ("m", 2, 0, True)
    assert (done.kind, done.regressions, done.checks["agreement"]) == ("promotion", [], 0.0)
    assert client.predict("m", x=2)["value"] == 6
    again = client.promote(2, "m")
    assert (again.changed, again.checks) == (False, None)
    back = client.roll_back("m")
    assert (back.version, back.before, back.kind) == (0, 2, "rollback")
    assert site.live() == 0


def test_a_promotion_that_is_refused_tells_why(client: Any, site: Site) -> None:
    site.predict()
    with pytest.raises(PromotionRefused, match="is worse than 0, which stays live") as refused:
        client.promote(1, "m", min_agreement=0.9)
    assert refused.value.regressions == ["it agrees with the live version in 0%, not 90%"]
    assert refused.value.report["checks"]["agreement"] == 0.0
    assert isinstance(refused.value, RequestRefused)
    assert site.live() == 0
    done = client.promote(1, "m", min_agreement=0.9, on_regression="warn")
    assert (done.changed, done.regressions) == (True, refused.value.regressions)
    assert site.live() == 1


def test_another_refusal_has_no_report(client: Any) -> None:
    with pytest.raises(RequestRefused, match="max_latency_ratio must be above 0") as refused:
        client.promote(1, "m", max_latency_ratio=-1)
    assert not isinstance(refused.value, PromotionRefused)
    with pytest.raises(RequestRefused, match="no other version of 'n' was live") as refused:
        client.roll_back("n")
    assert not isinstance(refused.value, PromotionRefused)
