"""A rolling upgrade under load: two versions on one PostgreSQL and one S3, servers with disks of their own.

The newer one is this modelport with one migration more, which only adds to the tables. No request fails, no
job is lost, and an older server that starts afterwards has its jobs, too. `make rolling-upgrade` asks a
hundred thousand times (REQUESTS); here it is some hundreds at each step.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from job_calls import ASYNC, ended
from postgres_server import Postgres
from s3_server import S3, s3_server
from serving import MODELS, ROOT, Server, serving, wait_until

SERVED = ("works=trainable:Works", "again=trainable:WorksAgain")
REQUESTS = int(os.environ.get("REQUESTS", "1000"))
CLIENTS = 4
SECONDS = 60.0
BODY = json.dumps({"text": "it"})
PAUSE = 0.3 + REQUESTS / 50_000  # between two jobs
PREDICT = "/v2/models/works/predict/"
TRAIN = "/v2/models/again/train/"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + REQUESTS / 20)]
ONE_MORE = '''
"""What a modelport of tomorrow adds: a table, and columns."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "9999", "{head}"


def upgrade():
    op.create_table("colours", sa.Column("name", sa.Text, primary_key=True))
    op.add_column("keys", sa.Column("colour", sa.Text))
    op.add_column("jobs", sa.Column("colour", sa.Text, nullable=False, server_default="grey"))
    op.create_index("jobs_by_colour", "jobs", ["colour"])
'''


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a modelport with one migration more."""
    source = tmp_path_factory.mktemp("newer") / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "page", "*.egg-info"))
    storage = source / "modelport" / "storage"
    base = storage / "schema" / "base.py"
    text = base.read_text()
    head = text.split('HEAD = "', 1)[1][:4]
    base.write_text(text.replace(f'HEAD = "{head}"', 'HEAD = "9999"'))
    (storage / "migrations" / "versions" / "v9999.py").write_text(ONE_MORE.replace("{head}", head))
    return source


class Site:
    """Servers that share a database and a place for files; `asked` are those that clients know."""

    def __init__(self, url: str, s3: S3, folder: Path, newer: Path):
        self._stack = ExitStack()
        self._shared = ("--database-url", url, "--files-url", s3.url)
        self._variables = s3.variables
        self._folder = folder
        self._newer = {"PYTHONPATH": os.pathsep.join([str(MODELS), str(newer)])}
        self._numbers = itertools.count()
        self.asked: list[Server] = []

    def start(self, *, newer: bool = False) -> Server:
        disk = ("--data-dir", str(self._folder / str(next(self._numbers))))
        variables = {**self._variables, **(self._newer if newer else {})}
        server = self._stack.enter_context(serving(*SERVED, *self._shared, *disk, **variables))
        self.asked.append(server)
        return server

    def stop(self, server: Server) -> None:
        """As who runs servers does: SIGTERM, while clients still know it."""
        assert server.stop() == 0, server.log
        assert "Traceback" not in server.log
        self.asked.remove(server)

    def close(self) -> None:
        self._stack.close()


class Load:
    """Clients that ask for predictions, and for jobs with and without files, of all servers in turn."""

    def __init__(self, site: Site):
        self.site = site
        self.answered = 0
        self.jobs: list[str] = []
        self.wrong: list[object] = []
        self._done = threading.Event()
        self._count = threading.Lock()
        self._threads = [threading.Thread(target=self._predict) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._submit))
        for one in self._threads:
            one.start()

    def end(self) -> None:
        self._done.set()
        for one in self._threads:
            one.join()

    def wait_for_more(self) -> None:
        """Until each kind of request was answered often enough since."""
        answered, jobs = self.answered, len(self.jobs)
        wait_until(
            lambda: (
                bool(self.wrong) or (self.answered >= answered + REQUESTS // 5 and len(self.jobs) >= jobs + 2)
            ),
            lambda: f"{self.answered - answered} answers, {len(self.jobs) - jobs} jobs",
            2 * SECONDS + REQUESTS / 50,
        )
        assert not self.wrong

    def _predict(self) -> None:
        kept: dict[str, http.client.HTTPConnection] = {}
        try:
            while not self._done.is_set():
                for server in list(self.site.asked):
                    self._ask(server.url, kept)
        except Exception as error:  # whatever it is: the test tells of it
            self.wrong.append(error)
        for connection in kept.values():
            connection.close()

    def _ask(self, url: str, kept: dict[str, http.client.HTTPConnection]) -> None:
        """Ask for a prediction, on a connection that is kept if there is one; wrong is whatever is no answer.

        But for two things, after which any client asks again, here the next server: a connection that cannot
        be made, and one that was kept and is closed without a byte, as it may be just when it is used again.
        """
        is_kept = url in kept
        connection = kept.pop(url, None) or http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
        try:
            connection.request("POST", PREDICT, BODY, {"Content-Type": "application/json"})
            answer = connection.getresponse()
        except ConnectionRefusedError:
            return
        except ConnectionError:
            if not is_kept:
                raise
            connection.close()
            return
        said = answer.read()
        if answer.status != 200:
            self.wrong.append((answer.status, said))
        with self._count:
            self.answered += 1
        if connection.sock is not None:  # else the server has said that this was the last
            kept[url] = connection

    def _submit(self) -> None:
        try:
            for number in itertools.count():
                if self._done.wait(PAUSE):
                    return
                self._ask_for_job(number)
        except Exception as error:  # whatever it is: the test tells of it
            self.wrong.append(error)

    def _ask_for_job(self, number: int) -> None:
        """A prediction or, each fifth time, a training with a file; asked again until a server takes it."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        for server in itertools.cycle(list(self.site.asked)):
            try:
                if number % 5:
                    answer = httpx.post(
                        server.url + PREDICT, json={"text": "it"}, headers={**key, **ASYNC}, timeout=SECONDS
                    )
                else:
                    sent = {"files": {"table": ("a.csv", b"1,2\n" * 100)}, "data": {"do": "echo"}}
                    answer = httpx.post(server.url + TRAIN, headers=key, timeout=SECONDS, **sent)
            except httpx.TransportError:
                continue  # the key makes it safe to ask again
            if answer.is_success:
                self.jobs.append(answer.json()["id" if number % 5 else "uuid"])
                return
            assert answer.status_code == 503, answer.text


@contextmanager
def loaded(site: Site) -> Iterator[Load]:
    load = Load(site)
    try:
        yield load
    finally:
        load.end()


@pytest.fixture(scope="module")
def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, newer: Path) -> Iterator[Site]:
    with s3_server() as s3:
        made = Site(postgres.new_database(), s3, tmp_path_factory.mktemp("disks"), newer)
        yield made
        made.close()


def test_servers_are_replaced_by_newer_ones_and_no_request_fails(site: Site) -> None:
    old = [site.start() for _ in range(2)]
    with loaded(site) as load:
        load.wait_for_more()
        new = site.start(newer=True)  # which adds to the tables, while the others use them
        load.wait_for_more()
        late = site.start()  # as where an older one is started anew, or the upgrade is taken back
        assert "9999" in late.log
        load.wait_for_more()
        for server in (old[0], late, old[1]):
            site.stop(server)
            load.wait_for_more()
    assert not load.wrong
    states = [ended(new.client, job_id, 2 * SECONDS)["state"] for job_id in load.jobs]
    assert set(states) == {"succeeded"}
