"""A network that swallows what the only server and PostgreSQL say to each other: its jobs go on afterwards.

What becomes of them where there is another server stands in `test_database_away.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from job_calls import Gate, ended, events, reached, train
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
