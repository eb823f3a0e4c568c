"""What a server says of why it is not ready, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import Server, serving, wait_until

FAILS = "raise RuntimeError('no weights')\n"
WAITS = """
import time
from pathlib import Path
while not Path({gate!r}).exists():
    time.sleep(0.01)
def predict(**kwargs):
    return 1
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gate") / "open"


@pytest.fixture(scope="module")
def server(gate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    (folder / "fails.py").write_text(FAILS)
    (folder / "waits.py").write_text(WAITS.format(gate=str(gate)))
    (folder / "no-folder").touch()
    sources = (str(folder / "fails.py"), str(folder / "waits.py"))
    options = ("--keep-going", "--data-dir", str(folder / "no-folder"))
    with serving(*sources, *options, wait=False) as running:
        running.wait_for_log("fails failed:|fails: failed|no weights")
        yield running
        gate.touch()


def ready(server: Server) -> Any:
    return server.client.get("/v2/health/ready").json()


def test_it_says_why_it_is_not_ready(server: Server, gate: Path) -> None:
    wait_until(lambda: ready(server)["models"]["fails"]["state"] == "failed", lambda: server.log)
    said = ready(server)
    failed, waits = said["models"]["fails"], said["models"]["waits"]
    assert "no weights" in failed["error"]
    assert failed["waits_for"] == "a load by POST /v2/repository/models/fails/load, or a restart"
    assert waits["waits_for"] == "its workers, which load it"
    for model in (failed, waits):
        since = datetime.fromisoformat(model["since"])
        assert timedelta() <= datetime.now(UTC) - since < timedelta(minutes=5)
    assert len(said["reasons"]) == 2
    assert "the model 'waits' waits for its workers, which load it" in said["reasons"]
    assert any(reason.startswith("the model 'fails' has failed: ") for reason in said["reasons"])
    assert "its data folder" in said["database"]
    gate.touch()
    wait_until(lambda: ready(server)["models"]["waits"]["state"] == "ready", lambda: server.log)
    assert "since" not in ready(server)["models"]["waits"]
