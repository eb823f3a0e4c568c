"""Programs that serve their own objects: `modelport.serve`, and a FastAPI application under uvicorn."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import serving
from asgi_clients import prediction
from own_models import Plain
from serving import Server

import modelport
from modelport.sources.source import parse_source

# The annotations of a script are strings here, and name what only the script has.
SCRIPT = """
from __future__ import annotations
import helpers_of_the_script
import modelport
from pydantic import BaseModel

class Answer(BaseModel):
    value: int

class Mine(modelport.Model):
    def __init__(self, step: int):
        self.step = step

    def predict(self, x: int) -> Answer:
        return Answer(value=helpers_of_the_script.add(x, self.step))

step = 5
modelport.serve({"mine": Mine(step), "closure": lambda rows: [row + step for row in rows]}, port=0)
print("after the end")
"""
PARENT = """
import modelport
from fastapi import FastAPI

class Plain:
    def predict(self, x: int):
        return x + 1

ml = modelport.create_app(Plain())
app = FastAPI(lifespan=ml.lifespan)
app.mount("/ml", ml)
alone = modelport.create_app(Plain, base_path="/alone")
"""
IMPORTED = """
import modelport

class Plain:
    def predict(self, x: int):
        return x + 1

with modelport.running(Plain):
    pass
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Python in a folder of its own, on whose path the folder is not."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, *arguments],
                cwd=tmp_path,
                env=serving.environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def children_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_a_script_serves_what_it_defines_until_it_is_told_to_stop(start: Start, tmp_path: Path) -> None:
    elsewhere = tmp_path / "scripts"
    elsewhere.mkdir()
    (elsewhere / "helpers_of_the_script.py").write_text("def add(a, b):\n    return a + b\n")
    (elsewhere / "script.py").write_text(SCRIPT)
    process = start(str(elsewhere / "script.py"))
    server = Server(process)
    try:
        assert server.wait_settled()["ready"], server.log
        assert prediction(server.client, "mine", x=1) == {"value": 6}
        assert prediction(server.client, "closure", rows=[2, 3])["predictions"] == [7, 8]
        workers = children_of(process)
        assert len(workers) == 2
        server.client.close()
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.read() == "after the end\n"
        assert process.wait(30) == 0
    finally:
        server.stop()
    assert re.search(r"INFO +modelport.server: stopping", server.log)
    assert not any(worker.is_running() for worker in workers)


def test_what_a_killed_program_leaves_is_removed_by_the_next_one(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setenv("TMPDIR", str(temp))
    process = start("-c", "import modelport; modelport.serve(lambda rows: rows, port=0)")
    server = Server(process)
    try:
        assert server.wait_settled()["ready"], server.log
        workers = children_of(process)
        process.kill()
        process.wait(30)
        psutil.wait_procs(workers, 20)
    finally:
        server.stop()
    assert not any(worker.is_running() for worker in workers)
    assert len(list(temp.glob("*/*.pickle"))) == 1
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    with modelport.running(Plain, workers=0):
        assert len(list(temp.glob("*/*.pickle"))) == 1
    assert list(temp.iterdir()) == []


def test_a_mounted_application_runs_under_uvicorn(start: Start, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    process = start("-m", "uvicorn", "parent:app", "--port", "0")
    assert process.stderr is not None
    lines = iter(process.stderr)
    url = next(found[1] for found in (re.search(r"running on (http://\S+)", line) for line in lines) if found)
    with httpx.Client(base_url=url, timeout=60) as client:
        assert prediction(client, "Plain", "/ml", x=1)["predictions"] == 2
        assert client.get("/ml/v2/").json()["links"][0]["href"] == "/ml/v2/"
    workers = children_of(process)
    assert len(workers) == 1
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert not any(worker.is_running() for worker in workers)


def test_an_application_alone_runs_under_uvicorn(start: Start, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    process = start("-m", "uvicorn", "parent:alone", "--port", "0")
    assert process.stderr is not None
    lines = iter(process.stderr)
    url = next(found[1] for found in (re.search(r"running on (http://\S+)", line) for line in lines) if found)
    with httpx.Client(base_url=url, timeout=60) as client:
        assert prediction(client, "Plain", "/alone", x=1)["predictions"] == 2
        assert client.post("/v2/models/Plain/predict", json={"x": 1}).status_code == 404


def test_a_module_that_serves_when_it_is_imported_says_so_instead_of_starting_for_ever(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "imported.py").write_text(IMPORTED)
    process = start("-c", "import imported")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "put the call below `if __name__ == '__main__':`" in errors.splitlines()[-1]


def test_serve_needs_the_process_for_itself() -> None:
    async def cell() -> None:
        modelport.serve(Plain)

    with pytest.raises(RuntimeError, match=r"as in a notebook: use modelport.running\(\)"):
        asyncio.run(cell())
    raised: list[RuntimeError] = []

    def elsewhere() -> None:
        try:
            modelport.serve(Plain)
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "needs the main thread" in str(raised[0])


def test_an_object_lies_in_a_file_of_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with modelport.running(Plain, workers=0):
        (file,) = tmp_path.glob("modelport-*/*.pickle")
        modes = [path.stat().st_mode & 0o777 for path in (file.parent, file)]
    assert modes == [0o700, 0o600]
    assert list(tmp_path.iterdir()) == []


def test_no_source_string_names_an_object(tmp_path: Path) -> None:
    assert parse_source("object:x").kind == "module"
    assert parse_source(f"object={tmp_path / 'object.py'}").kind == "file"
