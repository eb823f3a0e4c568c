"""`/metrics` where it is not alone: behind the door, under a base path, in other people's programs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scraped import PROMETHEUS, scraped, scraped_when
from serving import MODELS, Server, serving, start, wait_until

import modelport
from modelport.cli.keys_store import DatabaseKeys
from modelport.identity.principals import AccessScope
from modelport.settings import Settings

ECHO = f"echo={MODELS / 'echoes.py'}:Echo"


class Site:
    """A server that asks who one is, under a base path, with its metrics on two ports."""

    def __init__(self, server: Server, data: Path):
        self.client = server.client
        store = DatabaseKeys(Settings(data_dir=str(data)))
        self.keys = {
            name: store.create({"name": name, "scopes": [scope], "models": models, "expires": None})["key"]
            for name, scope, models in (
                ("reader", AccessScope.READ, None),
                ("admin", AccessScope.ADMIN, None),
                ("predicts", AccessScope.PREDICT, None),
                ("of one model", AccessScope.READ, ["echo"]),
            )
        }
        self.own = httpx.Client(
            base_url=server.wait_for_log(r"metrics on (http://\S+)/metrics").group(1), timeout=60.0
        )
        wait_until(lambda: self.status(self.client, "/metrics", "admin") == 200, lambda: server.log)

    def status(self, client: httpx.Client, path: str, name: str) -> int:
        headers = {"authorization": f"Bearer {self.keys[name]}"} if name else {}
        return client.get(path, headers=headers).status_code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data = tmp_path_factory.mktemp("data")
    options = ("--auth", "on", "--data-dir", str(data), "--base-path", "/models", "--metrics-port", "0")
    with serving(ECHO, *options, wait=False) as server:
        made = Site(server, data)
        yield made
        made.own.close()


@pytest.mark.parametrize(
    ("name", "status"), [("", 401), ("reader", 200), ("admin", 200), ("predicts", 403), ("of one model", 403)]
)
def test_with_auth_on_who_may_read_everything_may_scrape_at_both_ports(
    site: Site, name: str, status: int
) -> None:
    assert site.status(site.client, "/metrics", name) == status
    assert site.status(site.own, "/metrics", name) == status
    assert site.status(site.own, "/models/metrics", name) == status


def test_metrics_may_be_open_where_nothing_else_is(tmp_path: Path) -> None:
    with serving(ECHO, "--auth", "on", "--open-metrics", "--data-dir", str(tmp_path), wait=False) as server:
        assert scraped(server.client)("build_info") == 1
        assert server.client.get("/v2/models").status_code == 401
        assert server.client.post("/metrics").status_code in (401, 405)


def test_without_metrics_nothing_is_counted_and_nothing_is_there(tmp_path: Path) -> None:
    with (
        modelport.running(ECHO, metrics=False, data_dir=str(tmp_path)) as url,
        httpx.Client(base_url=url, timeout=60.0) as client,
    ):
        assert client.get("/metrics").status_code == 404
        assert client.post("/v2/models/echo/predict", json={"number": 1}).status_code == 200


def test_two_applications_of_one_process_count_each_for_itself(tmp_path: Path) -> None:
    with (
        modelport.running(ECHO, data_dir=str(tmp_path / "a")) as one,
        modelport.running(f"other={MODELS / 'echoes.py'}:Echo", data_dir=str(tmp_path / "b")) as two,
        httpx.Client(base_url=one, timeout=60.0) as first,
        httpx.Client(base_url=two, timeout=60.0) as second,
    ):
        for _ in range(2):
            assert first.post("/v2/models/echo/predict", json={"number": 1}).status_code == 200
        assert second.post("/v2/models/other/predict", json={"number": 1}).status_code == 200
        found = scraped_when(first, lambda now: now("requests_total") == 2)
        assert not found.has("model_ready", model="other")
        found = scraped_when(second, lambda now: now("requests_total") == 1)
        assert not found.has("model_ready", model="echo")
        assert scraped(second, accept=PROMETHEUS)("process_open_fds") > 0


def ended(*options: str) -> tuple[int | None, str]:
    """With which status a server ends that cannot start, and what it says."""
    process = start(ECHO, *options)
    assert process.stderr is not None
    with process.stderr as said:
        return process.wait(60), said.read()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--metrics-host", "0.0.0.0", "--metrics-port", "0"), "--open-metrics"),
        (("--metrics-port", "0", "--no-metrics"), "metrics_port has nothing to show"),
    ],
)
def test_a_port_that_would_show_too_much_or_nothing_is_not_opened(
    options: tuple[str, ...], says: str
) -> None:
    status, error = ended(*options)
    assert status == 2
    assert says in " ".join(error.split())


def test_a_metrics_port_that_somebody_else_has_ends_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, error = ended("--metrics-port", str(port))
    assert status == 3
    assert f"cannot listen on 127.0.0.1:{port} for metrics" in error
    assert "Traceback" not in error
