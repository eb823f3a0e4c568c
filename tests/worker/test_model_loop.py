"""What a model starts in `async def setup` or `warm` lives in the event loop of its calls."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import job_calls
import pytest
from serving import MODELS, Server, serving

SOURCES = ("SetUp", "Yields", "Batches", "Beats", "Trains", "CannotStart", "other")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("engines")
    os.mkfifo(place / "fifo")
    return place


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    sources = [f"{name.lower()}=engines:{name}" for name in SOURCES]
    with serving(*sources, cwd=place, MODELPORT_DATA_DIR=str(place / "data")) as running:
        yield running


def asked(server: Server, path: str, **arguments: Any) -> str:
    answer = server.client.post(f"/v2/models/{path}/predict", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_engine_that_setup_has_started_answers_warm_and_calls(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: asked(server, "setup", question=f"n{n}"), range(8)))
    found = [re.fullmatch(r'"(\w+) in (\d+), WARM in \2"', answer) for answer in answers]
    assert [match and match[1] for match in found] == [f"N{number}" for number in range(8)]


def test_one_that_warm_has_started_answers_a_stream_of_a_model_that_takes_one_call(server: Server) -> None:
    assert re.fullmatch(r"data: PIECE 0 in \d+\n\ndata: PIECE 1 in \d+\n\n", asked(server, "yields"))


def test_a_batch_may_ask_one(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: asked(server, "batches", question=f"n{n}"), range(8)))
    assert [answer.partition(" ")[0] for answer in answers] == [f'"N{number}' for number in range(8)]


def test_it_goes_on_while_there_are_no_calls(server: Server, place: Path) -> None:
    (place / "fifo").write_text("beat")
    server.wait_for_log("the engine was told to beat")


def test_jobs_and_versions_have_one(server: Server) -> None:
    run = server.client.post("/v2/models/trains/train", json={}).json()
    assert job_calls.ended(server.client, run["uuid"])["state"] == "succeeded"
    version = server.client.get(f"/v2/models/trains/runs/{run['uuid']}").json()["version"]
    assert asked(server, f"trains/versions/{version}") == '"TRAINED, ASKED"'
    assert asked(server, "trains") == '", ASKED"'


def test_a_model_whose_setup_fails_says_so(server: Server) -> None:
    state = server.client.get("/v2/health/ready").json()["models"]["cannotstart"]
    assert (state["state"], state["error"]) == (
        "failed",
        "cannotstart: setup() failed: RuntimeError: no device",
    )


def test_what_others_call_setup_is_theirs(server: Server) -> None:
    assert asked(server, "other", number=1) == "2"


def test_without_warming_it_is_set_up_and_ends_with_its_worker(place: Path) -> None:
    with serving("engine=engines:Batches", "--no-warm", cwd=place) as server:
        assert asked(server, "engine").startswith('"Q in ')
    server.wait_for_log("the engine has ended")
    assert not any("Task was destroyed" in line for line in server.lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["predict", "engines:SetUp", "--question", "x"], ["check", "engines:SetUp"]]
)
def test_commands_set_it_up_too(place: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "modelport", *arguments]
    environment = os.environ | {"PYTHONPATH": str(MODELS)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "destroyed" not in done.stderr
    if arguments[0] == "predict":
        assert re.search(r"X in (\d+), WARM in \1", done.stdout)
