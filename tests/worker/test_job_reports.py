"""Whatever a training says of itself and its world, and whatever it returns, it has its result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
import pytest
from serving import Server, serving

import modelport

LONG = json.dumps({"report": {c: {"precision": 0.9, "recall": 0.8, "f1": 0.85} for c in "abcdef"}})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("reports=odd_reports:Reports") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> httpx.Client:
    return server.client


def trained(client: httpx.Client, do: str, text: str = "") -> tuple[str, Any]:
    """The id and the result of a training that has succeeded."""
    job_id = job_calls.train(client, do, "reports", text=text)
    job = job_calls.ended(client, job_id)
    assert job["state"] == "succeeded", (job, job_calls.log(client, job_id))
    return job_id, client.get(f"/v2/jobs/{job_id}/result").json()


def run(client: httpx.Client, job_id: str) -> dict[str, Any]:
    return client.get(f"/v2/models/reports/runs/{job_id}").json()


def test_a_package_whose_version_is_no_plain_text_fails_no_training(client: httpx.Client) -> None:
    job_id, _ = trained(client, "nothing")
    assert run(client, job_id)["environment"]["packages"]["torchish"] == "2.13.0+cpu"


def test_modules_that_are_none_fail_no_training(client: httpx.Client) -> None:
    job_id, result = trained(client, "has_odd_modules")
    assert result == {"f1": 0.5}
    assert run(client, job_id)["environment"]["packages"]["torchish"] == "2.13.0+cpu"


def test_reports_of_any_kind_are_made_plain(client: httpx.Client) -> None:
    job_id, result = trained(client, "odd")
    assert result == ["2.13.0+cpu", "same"]
    said = run(client, job_id)
    assert said["metrics"] == {"loss": 0.25}
    plain = {"text": "a", "number": 0.9, "large": str(10**30), "odd": "(Odd)", "half": "?"}
    assert said["performance"] == {"overall": plain, "deep": ["…", "…"], "5": ["/p"]}
    job = job_calls.job(client, job_id)
    assert job["progress"] == {"done": 1.0, "total": 2.0, "message": "(Odd)"}


def test_artifacts_of_any_name_can_be_fetched_as_they_are_listed(client: httpx.Client) -> None:
    job_id, _ = trained(client, "odd")
    listed = client.get(f"/v2/jobs/{job_id}/artifacts/").json()["artifacts"]
    assert [one["name"] for one in listed] == ["folder/named.txt", "named.txt", "of ?.txt"]
    assert [client.get(one["href"]).text for one in listed] == ["kept"] * 3


def test_what_a_model_says_of_itself_and_answers_is_made_plain_too(client: httpx.Client) -> None:
    shown = client.get("/v2/models/reports/").json()
    assert (shown["version"], shown["made of"]) == ("2.13.0+cpu", ["2.13.0+cpu", "(Odd)"])
    assert client.post("/v2/models/reports/predict/").json() == ["2.13.0+cpu", "same", 3, 0.5]


def test_metrics_come_in_pages_and_the_client_turns_them(server: Server) -> None:
    client = server.client
    job_id, _ = trained(client, "many")
    place = f"/v2/jobs/{job_id}/metrics"
    sizes: list[int] = []
    found: dict[str, list[int]] = {}
    cursor: int | None = 0
    while cursor is not None:
        page = client.get(place, params={"limit": 1000, "cursor": cursor}).json()
        sizes.append(sum(map(len, page["metrics"].values())))
        for name, points in page["metrics"].items():
            found.setdefault(name, []).extend(point["step"] for point in points)
        cursor = page["next_cursor"]
    assert sizes == [1000, 1000, 504, 1]  # of those with large names there are only some on a page
    assert found["accuracy"] == list(range(0, 2500, 5))
    assert found["loss"] == [step for step in range(2500) if step % 5]
    assert found["x" * (1 << 20)] == list(range(5))
    table = client.get(place, headers={"Accept": "text/csv"}).text.splitlines()
    assert (table[0], len(table)) == ("name,step,value,at", 1 + 2505)
    with modelport.Client(server.url) as theirs:
        series = theirs.job(job_id).metrics()
    assert {name: [point.step for point in points] for name, points in series.items()} == found
    for query in ("limit=0", "limit=10001", "cursor=x", "cursor=-1", "format=xml", "format="):
        assert client.get(f"{place}?{query}").status_code == 422


def test_a_report_that_is_too_large_costs_a_line_in_the_log(client: httpx.Client) -> None:
    job_id, result = trained(client, "too_large")
    assert result == {"f1": 0.5}
    assert "what the job said of its performance is left out" in client.get(f"/v2/jobs/{job_id}/log").text


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        "x" * 255,
        "x" * 256,
        "x" * 4097,
        "a/" * 3000,
        "a(NUL)b",
        "",
        ".",
        "/",
        "..",
        "~",
        "/dev/zero",
        "\n",
    ],
    ids=lambda text: repr(text[:9]),
)
def test_a_text_that_a_training_returns_is_its_result(client: httpx.Client, text: str) -> None:
    job_id, result = trained(client, "returns", text)
    assert result == text.replace("(NUL)", "\0")
    assert run(client, job_id)["version"] is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("half", r"\udcff"),
        ("inside", r"{'file': '\udcff'}"),
        ("odd", "(Odd)"),
        ("digits", ["(int)", 1]),
        ("deep", None),
    ],
)
def test_what_has_no_form_in_json_fails_no_training_that_is_done(
    client: httpx.Client, kind: str, expected: Any
) -> None:
    job_id, result = trained(client, "returns_a_kind", kind)
    assert "its result is kept as text" in client.get(f"/v2/jobs/{job_id}/log").text
    while expected is None and isinstance(result, list):
        (result,) = result
    assert result == (expected or "…")


def test_a_training_that_closes_its_streams_has_its_result(client: httpx.Client) -> None:
    job_id, result = trained(client, "closes_its_streams")
    assert result == {"f1": 0.5}
    assert "the last words" in client.get(f"/v2/jobs/{job_id}/log").text


@pytest.mark.parametrize(("how", "status"), [("returns", 0), ("raises", 1)])
def test_what_a_training_has_forked_does_not_answer_for_it(
    client: httpx.Client, how: str, status: int
) -> None:
    job_id, result = trained(client, "forks", how)
    assert result == status
    assert ("ValueError: in the child" in client.get(f"/v2/jobs/{job_id}/log").text) is bool(status)


def test_a_device_is_no_artifact(client: httpx.Client) -> None:
    _, result = trained(client, "keeps_a_device")
    assert result == ["refused", {}]


def test_a_returned_model_that_cannot_be_kept_costs_a_line_in_the_log(client: httpx.Client) -> None:
    job_id = job_calls.train(client, "returns_what_cannot_be_copied", "reports")
    assert job_calls.ended(client, job_id)["state"] == "succeeded"
    assert "could not be kept as its model" in client.get(f"/v2/jobs/{job_id}/log").text
    assert client.get(f"/v2/jobs/{job_id}/artifacts/").json() == {"artifacts": []}
    job_id, result = trained(client, "returns_a_pipe")
    assert result.endswith("/pipe")
    assert run(client, job_id)["version"] is None


def test_of_a_folder_that_cannot_be_kept_nothing_is_there(client: httpx.Client) -> None:
    job_id, (half, whole, half_again, whole_again) = trained(client, "keeps_half_a_folder")
    first = {f"report/{name}": "first" for name in "abyz"}
    assert half == ["refused", {}]
    assert whole == ["kept", first]
    assert half_again == ["refused", first]
    assert whole_again == ["kept", first | {"report/a": "second", "report/z": "second"}]
    listed = client.get(f"/v2/jobs/{job_id}/artifacts/").json()["artifacts"]
    assert [one["name"] for one in listed] == ["report/a", "report/b", "report/y", "report/z"]
    assert client.get(f"/v2/jobs/{job_id}/artifacts/.of a killed one.partial/file").status_code == 404


def test_what_a_job_was_copying_when_it_ended_goes_with_it(server: Server, client: httpx.Client) -> None:
    start = len(server.lines)
    job_id, kept = trained(client, "leaves_halves")
    server.wait_for_log(rf"job {job_id}: succeeded", start=start)
    assert list(Path(kept).rglob("*")) == [Path(kept) / "model"]
