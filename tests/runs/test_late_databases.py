"""A server that starts while its database is away predicts, and does all else as soon as that is there."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from postgres_server import Postgres
from serving import MODELS, Server, serving, wait_until
from version_site import MODEL, factor, live, promoted, refused, runs, train

V2 = "/v2/models/m"
NO_JOBS = "this server has no jobs: "
pytestmark = pytest.mark.slow


def has_database(server: Server) -> bool:
    return "database" not in server.client.get("/v2/health/ready").json()


def came(server: Server) -> None:
    """Wait until the server has its database."""
    wait_until(lambda: has_database(server), lambda: server.log)


def refuses_jobs(client: httpx.Client) -> bool:
    answer = client.post(f"{V2}/train/", json={"factor": 9})
    return NO_JOBS in refused(answer, 503)


def test_what_a_postgresql_keeps_is_found_when_it_comes(postgres: Postgres, tmp_path: Path) -> None:
    """Jobs, what is live, the best run, who may come in, and whose runs these are."""
    url = postgres.new_database()
    name = url.rpartition("/")[2]
    place = ("--database-url", url, "--data-dir")
    with serving(MODEL, *place, str(tmp_path / "shared"), "--best-by", "f1") as first:
        train(first.client, factor=2, f1=0.5)
        train(first.client, factor=3, f1=0.9)
    (tmp_path / "shared" / "live.json").unlink()  # so that what was live last is not known either
    postgres.sql(f"ALTER DATABASE {name} RENAME TO away")
    other = f"m={MODELS}/noting_models.py:Noting"
    with contextlib.ExitStack() as stack:

        def served(model: str, folder: str, *options: str) -> Server:
            return stack.enter_context(serving(model, *place, str(tmp_path / folder), *options))

        best = served(MODEL, "shared", "--best-by", "f1")
        wrong = served(other, "wrong")
        closed = served(MODEL, "shared", "--auth", "on")  # it takes jobs of this model, too
        assert (has_database(best), refuses_jobs(best.client), factor(best.client)) == (False, True, 1)
        begun = len(wrong.lines)
        postgres.sql(f"ALTER DATABASE away RENAME TO {name}")
        came(best)
        wait_until(lambda: factor(best.client) == 3, lambda: best.log)
        assert sorted(filter(None, runs(best.client))) == [1, 2]
        train(best.client, factor=4)
        promoted(best.client, 3)
        assert (live(best.client), factor(best.client)) == (3, 4)
        closed.wait_for_log("within an hour, http")  # nobody may come in yet: that is known only now
        wrong.wait_for_log(f"{NO_JOBS}.*noting_models", start=begun)
        assert refuses_jobs(wrong.client)


def test_a_file_that_is_locked_at_the_start_is_used_when_it_is_let_go_of(tmp_path: Path) -> None:
    options: dict[str, Any] = {"MODELPORT_DATA_DIR": str(tmp_path)}
    with serving(MODEL, **options) as server:
        train(server.client, factor=2)
        promoted(server.client, 1)
    locked = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    with contextlib.closing(locked):
        locked.execute("BEGIN EXCLUSIVE")
        with serving(MODEL, **options) as server:
            assert (has_database(server), refuses_jobs(server.client)) == (False, True)
            assert factor(server.client) == 2
            locked.execute("ROLLBACK")
            came(server)
            train(server.client, factor=3)
            promoted(server.client, 2)
            assert factor(server.client) == 3
