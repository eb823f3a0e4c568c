"""Models that fail to load, or die as soon as they have: named as failed, the others served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_site import Site, harmed
from serving import wait_until

FAILURES = {
    "raises": ("LoadRaises", "no weights here"),
    "leaves": ("LoadLeaves", "LoadLeaves: its process died of loading it: exit status 9"),
    "hangs": ("LoadHangs", "it did not load within 3 s"),
    "cold": ("WarmRaises", "warm() failed: RuntimeError: a cold day"),
    "exits": ("WarmExits", "warm() failed: SystemExit: no licence"),
    "yields": ("WarmYields", "warm() failed: TypeError: it gives a generator"),
    "absent": ("NoSuchClass", "NoSuchClass"),
}


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    models = " ".join(f"{name}={kind}" for name, (kind, _) in FAILURES.items())
    spool = tmp_path_factory.mktemp("spool")
    with harmed(spool, "--load-timeout", "3", models=f"{models} m=Faulty") as site:
        yield site


@pytest.mark.parametrize("model", FAILURES)
def test_a_model_that_cannot_be_loaded_is_named_with_its_reason(partly: Site, model: str) -> None:
    answer = partly.client.get("/v2/health/ready")
    assert answer.status_code == 503
    state = answer.json()["models"][model]
    assert state["state"] == "failed"
    assert FAILURES[model][1] in state["error"]
    refused = partly.predict(model=model)
    assert refused.status_code == 503
    assert refused.json()["detail"] == f"the model {model!r} could not be loaded"


def test_the_other_models_are_served(partly: Site) -> None:
    assert partly.predict(model="m").status_code == 200
    assert partly.client.get("/v2/models/m/ready").status_code == 200
    assert partly.health()["models"]["m"]["state"] == "ready"


def test_nothing_of_a_failed_model_is_left(partly: Site) -> None:
    wait_until(lambda: len(partly.children()) == 1, lambda: str(partly.children()))
    wait_until(
        lambda: len(list(partly.spool.glob("modelport-*/*"))) == 1, lambda: str(list(partly.spool.rglob("*")))
    )


def test_live_is_answered_while_every_model_still_loads(tmp_path_factory: pytest.TempPathFactory) -> None:
    from fault_site import MODELS
    from serving import serving

    spool = tmp_path_factory.mktemp("spool")
    with serving("--spool-dir", str(spool), f"h={MODELS}:LoadHangs", wait=False) as server:
        assert server.client.get("/v2/health/live").status_code == 200
        ready = server.client.get("/v2/health/ready")
        assert ready.status_code == 503
        assert ready.json()["models"]["h"]["state"] in ("waiting", "loading")
        refused = server.client.post("/v2/models/h/predict/", json={})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


@pytest.mark.slow
def test_a_crash_loop_backs_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each replacement comes later than the one before; the neighbour does not notice."""
    with harmed(tmp_path_factory.mktemp("spool"), models="loop=DiesOnceReady m=Faulty") as site:
        for delay in ("0.1", "0.2", "0.4", "0.8"):
            site.server.wait_for_log(rf"loop: a worker ended \(exit status 5\); .* in {delay} s")
        before = site.pid("m")
        assert site.client.get("/v2/health/ready").status_code in (200, 503)
        assert site.pid("m") == before
