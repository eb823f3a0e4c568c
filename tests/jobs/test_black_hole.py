"""A network that swallows what servers and PostgreSQL say to each other: no job ever runs twice at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_calls import Gate, ended, events, job, log, reached, train
from middleman import Middleman
from postgres_server import Postgres
from serving import Server, serving

pytestmark = pytest.mark.slow
MODELS = ("works=trainable:Works", "again=trainable:WorksAgain")


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened


@pytest.fixture
def middleman(postgres: Postgres) -> Iterator[Middleman]:
    middleman = Middleman(postgres.port)
    yield middleman
    middleman.close()


@pytest.fixture
def direct(postgres: Postgres) -> Iterator[str]:
    """The URL of a new database."""
    where = postgres.new_database()
    yield where
    postgres.empty(where)


def through(middleman: Middleman, direct: str) -> str:
    """The same database, behind the network that fails."""
    name = direct.rpartition("/")[2]
    return f"postgresql://tests@127.0.0.1:{middleman.port}/{name}?sslmode=disable"


def predicts(server: Server) -> bool:
    return server.client.post("/v2/models/works/predict/", json={}).status_code == 200


def test_a_server_that_is_cut_off_ends_its_job_before_another_one_begins_it(
    middleman: Middleman, direct: str, tmp_path: Path, gate: Gate
) -> None:
    data = ("--data-dir", str(tmp_path))
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(serving(*MODELS, *data, "--database-url", direct, "--job-workers", "2"))
        busy = [train(other.client, "wait", number=gate.port) for _ in range(2)]
        kept = [gate.arrival() for _ in busy]  # before there is another one, who might take one of them
        cut_off = stack.enter_context(serving(*MODELS, *data, "--database-url", through(middleman, direct)))
        taken = train(cut_off.client, "wait", "again", number=gate.port, text="here")
        first = gate.arrival()
        assert (first.text, first.attempt) == ("here", 1)
        middleman.flows.clear()
        kept.pop().release()  # the other one has room for it
        first.wait_end()
        assert job(other.client, taken)["attempt"] == 1  # so nobody had begun it when its process ended
        second = gate.arrival()
        assert (second.text, second.attempt) == ("here", 2)
        assert predicts(cut_off)
        middleman.flows.set()
        cut_off.wait_for_log(f"job {taken} had been taken by another server|another server has taken it")
        second.release()
        assert ended(other.client, taken)["state"] == "succeeded"
        assert log(other.client, taken) == ["released"]
        assert other.client.get(f"/v2/jobs/{taken}/result").json()["attempt"] == 2
        assert "its lease cannot be renewed" in cut_off.log
        assert "Traceback" not in cut_off.log
        kept.pop().release()
        for job_id in busy:
            assert ended(other.client, job_id)["attempt"] == 1
        assert ended(cut_off.client, train(cut_off.client, "echo"))["state"] == "succeeded"


def test_alone_on_its_database_it_goes_on_with_the_next_attempt(
    middleman: Middleman, direct: str, tmp_path: Path, gate: Gate
) -> None:
    data = ("--data-dir", str(tmp_path), "--database-url", through(middleman, direct))
    with serving(*MODELS, *data, "--job-workers", "2") as server:
        client = server.client
        again = train(client, "wait", "again", number=gate.port, text="again")
        once = train(client, "wait", number=gate.port, text="once")
        running = [gate.arrival(), gate.arrival()]
        middleman.flows.clear()
        for held in running:
            held.wait_end()
        assert predicts(server)
        middleman.flows.set()
        second = gate.arrival()
        assert (second.text, second.attempt) == ("again", 2)
        second.release()
        assert ended(client, again)["state"] == "succeeded"
        found = reached(client, once, ("interrupted",))
        assert (found["error"], found["ended_by"]) == (
            "the server that ran it could not reach the database",
            "lost",
        )
        states = [event["state"] for event in events(client, again) if event["event"] == "state"]
        assert states == ["queued", "running", "interrupted", "queued", "running", "succeeded"]
