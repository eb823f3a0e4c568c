"""What a report says of real predictions: nothing where nothing has changed, and what where something has."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any, get_args

import job_calls
import pytest
from serving import MODELS, ROOT, Server, serving, wait_until
from sklearn.datasets import load_iris

sys.path.insert(0, str(MODELS))

from monitored import customers, risk

from modelport.api.metrics.drift import Drift, drift_of
from modelport.monitoring.reports import Feature, Reference, Verdict, VersionReport

CALLS = 150
COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    models = (f"iris={ROOT / 'examples' / 'iris' / 'iris.py'}", f"risk={MODELS / 'monitored.py'}:Risk")
    with serving(*models, "--log-payloads", "1", "--data-dir", str(data)) as running:
        yield running


def flowers(count: int, seed: int, **shift: float) -> list[dict[str, float]]:
    """Flowers of the data that the model is trained on, measured anew; some columns are shifted."""
    measured = load_iris().data
    chosen = random.Random(seed)
    rows = [measured[chosen.randrange(len(measured))] for _ in range(count)]
    return [
        {
            name: max(value + chosen.gauss(0, 0.05) + shift.get(name, 0.0), 0.05)
            for name, value in zip(COLUMNS, map(float, row), strict=True)
        }
        for row in rows
    ]


def report_of(server: Server, model: str, **query: str) -> dict[str, Any]:
    answer = server.client.get(f"/v2/models/{model}/monitoring", params=query, timeout=120.0)
    assert answer.status_code == 200, answer.text
    return answer.json()


def verdicts(features: list[dict[str, Any]]) -> dict[str, str]:
    return {feature["name"]: feature["verdict"] for feature in features}


def predicted(server: Server, rows: list[dict[str, float]]) -> tuple[str, str]:
    """Ask for each flower; returns the times from before to after."""
    begin = datetime.now(UTC)
    for row in rows:
        answer = server.client.post("/v2/models/iris/predict/", json={"flowers": [row]})
        assert answer.status_code == 200, answer.text
    return begin.isoformat(), datetime.now(UTC).isoformat()


@pytest.mark.slow
def test_shifted_inputs_are_a_drift_in_the_columns_that_are_shifted(server: Server) -> None:
    usual = "/".join(predicted(server, flowers(CALLS, 1)))
    predicted(server, flowers(CALLS, 2))
    quiet = report_of(server, "iris", reference=usual)
    [version] = quiet["versions"]
    assert quiet["verdict"] == version["verdict"] == "ok"
    assert verdicts(version["inputs"]) == dict.fromkeys(COLUMNS, "ok")
    assert (version["calls"], version["errors"], version["version"]) == (2 * CALLS, 0, 0)
    assert 0 < version["latency"]["p50"] <= version["latency"]["p99"]
    between = datetime.now(UTC)
    predicted(server, flowers(CALLS, 3, petal_width=0.9))
    seconds = (datetime.now(UTC) - between).total_seconds()
    loud = report_of(server, "iris", reference=usual, window=f"{seconds:.3f}s")
    [version] = loud["versions"]
    found = verdicts(version["inputs"])
    assert loud["verdict"] == "drift"
    assert {name for name, verdict in found.items() if verdict != "ok"} == {"petal_width"}
    assert verdicts(version["answers"])["species"] == "drift"  # and so the answers are others
    shifted = version["inputs"][COLUMNS.index("petal_width")]
    assert shifted["psi"] > 0.25
    assert shifted["out_of_range"] > 0.1
    assert shifted["ks_p_value"] < 0.001
    assert shifted["reference_rows"] == CALLS


@pytest.mark.slow
def test_a_training_records_what_its_version_is_compared_with(server: Server, data: Path) -> None:
    client = server.client
    job = client.post("/v2/models/risk/train/", json={}).json()["uuid"]
    assert job_calls.ended(client, job)["state"] == "succeeded"
    ids: list[tuple[str, dict[str, Any]]] = []
    for row in customers(CALLS, seed=2):
        answer = client.post("/v2/models/risk/versions/1/predict", json=row)
        assert answer.status_code == 200, answer.text
        ids.append((answer.headers["x-request-id"], row))
    few = client.post("/v2/models/risk/predict/", json={"amount": 100.0, "colour": "red"})
    assert few.status_code == 200
    right = [{"request_id": one, "truth": risk(row["amount"])} for one, row in ids[:40]]
    right += [{"request_id": one, "truth": "wrong"} for one, _ in ids[40:50]]
    assert client.post("/v2/models/risk/feedback", json={"feedback": right}).json()["kept"] == 50
    report = report_of(server, "risk")
    first, base = report["versions"]
    assert (first["version"], base["version"]) == (1, 0)
    assert first["reference"]["kind"] == "training"
    assert verdicts(first["inputs"]) == {"amount": "ok", "colour": "ok"}
    assert verdicts(first["answers"]) == {"risk": "ok", "score": "ok"}
    assert first["inputs"][1]["reference_rows"] == 2000
    assert (first["feedback"]["count"], first["feedback"]["accuracy"]) == (50, 0.8)
    assert sum(part["count"] for part in first["feedback"]["over_time"]) == 50
    assert (base["calls"], base["verdict"], base["reference"]["kind"]) == (1, "unknown", "none")
    assert "too few" in base["words"]
    for row in customers(CALLS, seed=3):
        sent = {"amount": row["amount"] * 1.5, "colour": random.Random(row["amount"]).choice(["pink", "red"])}
        assert client.post("/v2/models/risk/versions/1/predict", json=sent).status_code == 200
    [alone] = report_of(server, "risk", version="1")["versions"]
    amount, colour = alone["inputs"]
    assert (amount["verdict"], colour["verdict"]) == ("drift", "drift")
    assert colour["unseen_values"] == ["pink"]
    assert colour["chi_square_p_value"] < 0.001
    see_drift_in_metrics(server, [one["psi"] for one in (*alone["inputs"], *alone["answers"])])
    [recorded] = data.rglob("modelport-reference.json")
    recorded.write_bytes(b"")
    [alone] = report_of(server, "risk", version="1", window="23h")["versions"]
    assert (alone["verdict"], alone["reference"]["kind"]) == ("unknown", "none")
    assert "modelport-reference.json) cannot be read: Input data was truncated" in alone["reference"]["words"]


def test_columns_of_which_nothing_is_said_do_not_count() -> None:
    told: list[tuple[Verdict, float | None]] = [("drift", 0.3), ("ok", 0.4), ("watch", 0.1), ("unknown", 9.0)]
    columns = [
        Feature(name="", kind="number", rows=9, missing=0, verdict=verdict, psi=psi, psi_by_chance=0.35)
        for verdict, psi in told
    ]
    parts: dict[str, Any] = {"version": 1, "calls": 9, "errors": 0, "error_rate": 0.0, "latency": None}
    parts |= {"reference": Reference("training"), "feedback": None, "verdict": "drift"}
    found = drift_of(VersionReport(inputs=columns[:2], answers=columns[2:], **parts))
    assert found == Drift("drift", 1 / 3, 0.4)
    assert drift_of(VersionReport(inputs=columns[3:], answers=[], **parts)) == Drift("drift", None, None)


def see_drift_in_metrics(server: Server, psis: list[float]) -> None:
    """No scrape waits for a report; the one after it shows what that has said."""
    seen: list[dict[str, float]] = [{}]

    def look() -> bool:
        lines = server.client.get("/metrics").text.splitlines()
        found = (line.rpartition(" ") for line in lines if line.startswith("modelport_drift"))
        seen[0] = {name.removeprefix("modelport_"): float(value) for name, _, value in found}
        return bool(seen[0])

    wait_until(look, lambda: server.log)
    first = 'model="risk",version="1"'
    verdicts = {one: seen[0][f'drift_verdict{{{first},verdict="{one}"}}'] for one in get_args(Verdict)}
    assert verdicts == {"ok": 0, "watch": 0, "drift": 1, "unknown": 0}
    assert seen[0][f"drifted_columns_ratio{{{first}}}"] == 1.0
    assert seen[0][f"drift_largest_psi{{{first}}}"] == max(psis) > 0.25
    assert seen[0]['drift_report_timestamp_seconds{model="risk"}'] <= time()
    base = 'model="risk",version="0"'
    assert seen[0][f'drift_verdict{{{base},verdict="unknown"}}'] == 1
    assert f"drifted_columns_ratio{{{base}}}" not in seen[0]


@pytest.mark.parametrize(
    "query",
    [
        {"window": "yesterday"}, {"window": "0"}, {"window": "999d"}, {"reference": "never"},
        {"reference": "2026-01-02/2026-01-01"}, {"reference": "a/b"}, {"version": "none"}, {"reference": "/"},
        {"reference": ""}, {"reference": "customers.csv"}, {"window": ""}, {"reference": "999d"},
    ],
)  # fmt: skip
def test_what_is_no_window_is_refused(server: Server, query: dict[str, str]) -> None:
    answer = server.client.get("/v2/models/iris/monitoring", params=query)
    assert answer.status_code == (404 if "version" in query else 422), answer.text
    assert next(iter(query)) in answer.json()["detail"]
