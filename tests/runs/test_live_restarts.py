"""What is live outlives the server: the alias, without one the best run, and the shares of a canary."""

from __future__ import annotations

import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from version_site import factor, live, promote, promoted, refused, served

from modelport.runs.live_file import LiveFile, LiveVersion

V2 = "/v2/models/m"
pytestmark = pytest.mark.slow


def test_the_version_that_is_live_is_served_from_the_start_of_the_next_server(made: Path, data: Path) -> None:
    with served(made, data) as server:
        assert factor(server.client) == 1
        promoted(server.client, 1)
    with served(made, data) as server:
        ready = [line for line in server.lines if "ready after" in line]
        assert (live(server.client), factor(server.client), len(ready)) == (1, 2, 1)
        assert server.client.post(f"{V2}/rollback").json()["version"] == 0
        assert factor(server.client) == 1
    with served(made, data, "--best-by", "f1:max") as server:
        assert (live(server.client), factor(server.client)) == (0, 1)  # somebody has said so
        refused(server.client.post(f"{V2}/rollback"), 409)


def test_the_best_run_is_served_from_the_start_unless_another_one_was_made_live(
    made: Path, data: Path
) -> None:
    with served(made, data, "--best-by", "f1:max", wait=False) as server:
        server.wait_for_log(r"serving version 2")
        server.wait_settled()
        assert (live(server.client), factor(server.client), factor(server.client, "/predict")) == (2, 3, 3)
        assert "no other version" in refused(server.client.post(f"{V2}/rollback"), 409)
    with served(made, data, "--best-by", "f1:min") as server:
        client = server.client  # the best by that cannot be loaded
        assert live(client) == 4
        assert client.post(f"{V2}/predict/", json={"x": 1}).status_code == 503
        assert client.get(f"{V2}/aliases").json() == {"aliases": {"live": 4, "best": 4}}
        assert "could not be loaded" in refused(promote(client, 4), 503)  # it is tried again
        assert promoted(client, 1)["before"] == 4
        assert factor(client) == 2
    with served(made, data, "--best-by", "f1:max") as server:
        assert (live(server.client), factor(server.client)) == (1, 2)
        assert server.client.get(f"{V2}/aliases/best").json()["version"] == 2


def test_a_best_that_is_only_confirmed_has_nothing_before_it(made: Path, data: Path) -> None:
    with served(made, data, "--best-by", "f1:max") as server:
        assert promoted(server.client, "best")["changed"] is True
        assert promoted(server.client, "best")["changed"] is False
        assert "no other version" in refused(server.client.post(f"{V2}/rollback"), 409)
    with served(made, data) as server:
        assert factor(server.client) == 3


def test_a_version_can_be_made_live_while_runs_are_imported_and_taken_back(made: Path, data: Path) -> None:
    """From what is live by the database, which is not what such a server has in its hands yet."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with served(
            made, data, "--import-runs", "mlflow:experiment", wait=False, MLFLOW_TRACKING_URI=uri
        ) as server:
            client = server.client
            silent.settimeout(60.0)
            silent.accept()[0].close()  # the import has begun; models wait for its end
            assert client.get("/v2/health/ready").json()["models"]["m"]["state"] == "waiting"
            assert promoted(client, 1)["before"] == 0
            assert (factor(client), factor(client, f"{V2}/versions/0/predict/")) == (2, 1)
            assert client.post(f"{V2}/rollback").json()["version"] == 0
            assert factor(client) == 1
            promoted(client, 1)
        with served(
            made, data, "--import-runs", "mlflow:experiment", wait=False, MLFLOW_TRACKING_URI=uri
        ) as server:
            client = server.client
            silent.accept()[0].close()
            assert client.get("/v2/health/ready").json()["models"]["m"]["state"] == "waiting"
            assert promoted(client, 2)["before"] == 1
            assert client.post(f"{V2}/rollback").json()["version"] == 1
            assert factor(client) == 2


def test_what_was_live_last_is_served_without_the_database(made: Path, data: Path) -> None:
    def without_the_database() -> float:
        database = data / "jobs.sqlite"
        whole = database.read_bytes()
        database.write_bytes(b"no database")
        with served(made, data, "--best-by", "f1:max") as server:
            found = factor(server.client)
        database.write_bytes(whole)
        return found

    with served(made, data, "--best-by", "f1:max") as server:
        assert factor(server.client) == 3
    assert without_the_database() == 3
    with served(made, data) as server:
        assert factor(server.client) == 1
    assert without_the_database() == 1
    with served(made, data) as server:
        promoted(server.client, 1)
    assert without_the_database() == 2


def test_models_that_become_live_at_once_are_all_remembered(tmp_path: Path) -> None:
    file = LiveFile(tmp_path)
    wanted = {f"m{number}": LiveVersion(number, "x") for number in range(1, 33)}
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(file.write, wanted, wanted.values()))
    assert file.read() == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["live.json"]


@pytest.mark.parametrize("written", [b'{"m": {"version": 1', b'{"m\x80": 1}', b"[]", b'{"m": 1}'])
def test_a_file_that_cannot_be_understood_is_as_none(
    tmp_path: Path, written: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "live.json").write_bytes(written)
    assert LiveFile(tmp_path).read() == {}
    assert "live.json cannot be read" in caplog.text


def test_a_canary_keeps_its_share_over_a_restart(made: Path, data: Path) -> None:
    weights = {"1": 0.25, "2": 0.1}
    with served(made, data) as server:
        assert server.client.put(f"{V2}/traffic", json={"weights": weights}).json()["weights"] == weights
        spread = Counter(factor(server.client) for _ in range(200))
        assert spread == {2: 50, 3: 20, 1: 130}
        root = Counter(factor(server.client, "/predict") for _ in range(200))
        assert root == {2: 50, 3: 20, 1: 130}
    with served(made, data) as server:
        server.wait_for_log(r"loading version 2")
        seen: Counter[float] = Counter()
        while seen[3] < 1:  # until both are there again
            seen[factor(server.client)] += 1
        assert server.client.get(f"{V2}/traffic").json()["weights"] == weights
        assert Counter(factor(server.client) for _ in range(200)) == {2: 50, 3: 20, 1: 130}
        assert server.client.delete(f"{V2}/traffic").status_code == 204
        assert {factor(server.client) for _ in range(20)} == {1}
    with served(made, data) as server:
        assert server.client.get(f"{V2}/traffic").json()["weights"] == {}
