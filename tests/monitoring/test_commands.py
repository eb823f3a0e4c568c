"""Drift, feedback and the payload log from a terminal and from Python."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import MODELS, Server, environment, serving

from modelport.client import AsyncClient, Client

ONE = {"amount": 120.0, "colour": "red"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    with serving(
        f"risk={MODELS / 'monitored.py'}:Risk", "--log-payloads", "1", "--data-dir", str(data)
    ) as made:
        yield made


def modelport(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelport", *arguments]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.slow
def test_feedback_is_told_from_a_terminal_and_seen_there(server: Server, tmp_path: Path) -> None:
    url = ("--url", server.url)
    modelport("payloads", "prune", *url)  # what the tests before have told
    with Client(server.url) as client:
        ids = [client.predict_with_id("risk", ONE).request_id for _ in range(3)]
    assert modelport("feedback", "risk", ids[0], '"low"', *url).stdout == "1 kept, 0 known before\n"
    lines = tmp_path / "truths.jsonl"
    lines.write_text("".join(json.dumps({"request_id": one, "truth": "high"}) + "\n" for one in ids[1:]))
    assert modelport("feedback", "risk", "--file", str(lines), *url).stdout == "2 kept, 0 known before\n"
    table = tmp_path / "truths.csv"
    table.write_text(f"request_id,truth\n{ids[0]},low\nnone,high\n")
    refused = modelport("feedback", "risk", "--file", str(table), *url, status=1)
    assert refused.stdout == "0 kept, 1 known before\n"
    assert "none: the payload log has no prediction" in refused.stderr
    shown = modelport("monitoring", "risk", *url).stdout
    assert "version 0: unknown, " in shown
    assert "too few calls" in shown
    assert "feedback on 3: accuracy 0.667" in shown
    report = json.loads(modelport("monitoring", "risk", "--json", *url).stdout)
    assert report["versions"][0]["feedback"]["count"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("feedback", "risk", "an-id"), "REQUEST_ID and a TRUTH"),
        (("feedback", "risk", "--file", "none.csv"), "none.csv cannot be read"),
        (("monitoring", "risk", "--window", "soon"), "is no duration"),
        (("monitoring", "risk", "--reference", __file__), "is a file, and no file is read"),
        (("payloads", "prune", "--url", "http://127.0.0.1:1", "--data-dir", "d"), "give one of them"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    assert words in modelport(*arguments, status=2).stderr


@pytest.mark.slow
def test_payloads_are_pruned_by_the_server_that_keeps_them(server: Server, data: Path) -> None:
    with Client(server.url) as client:
        kept = client.feedback({client.predict_with_id("risk", ONE).request_id: "low"}, "risk")
        assert kept == {"kept": 1, "known": 0, "waiting": 0, "refused": []}
    assert "ask it, with --url" in modelport("payloads", "prune", "--data-dir", str(data), status=1).stderr
    said = modelport("payloads", "prune", "--url", server.url, "--older-than", "1d").stdout
    assert said == "0 files are removed, 0 bytes\n"
    assert modelport("payloads", "prune", "--url", server.url).stdout.startswith("1 files are removed")


def test_a_client_that_awaits_does_the_same(server: Server) -> None:
    async def told() -> tuple[dict[str, Any], dict[str, Any]]:
        async with AsyncClient(server.url) as client:
            made = await client.predict_with_id("risk", ONE)
            assert made.value == {"risk": "high", "score": 0.6}
            kept = await client.feedback({made.request_id: {"risk": "high"}, "none": 1})
            return kept, await client.monitoring(window="1h", version=0)

    kept, report = asyncio.run(told())
    assert (kept["kept"], kept["known"]) == (1, 0)
    assert [(one["request_id"], one["reason"]) for one in kept["refused"]] == [("none", "unknown")]
    assert report["model"] == "risk"
