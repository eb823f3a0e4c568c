"""Each request and its answer is told of once, whichever way it takes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import MODELS, wait_until

import modelport
from modelport.api.endpoints.table import ENDPOINTS
from modelport.serving.life import Life
from modelport.telemetry.exchanges import Exchange

PREDICT = "/v2/models/echo/predict"
ROUTES = {row.path for row in ENDPOINTS}
heard: list[Exchange] = []


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    data = tmp_path_factory.mktemp("data")
    start = Life.start

    async def start_and_hear(life: Life) -> None:
        life.exchanges.heard_by(_failing)
        life.exchanges.heard_by(heard.append)
        await start(life)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Life, "start", start_and_hear)
        patch.setenv("PYTHONPATH", str(MODELS))
        patch.syspath_prepend(MODELS)
        with modelport.running(f"echo={MODELS / 'echoes.py'}:Echo", data_dir=str(data)) as url:
            with httpx.Client(base_url=url, timeout=60.0) as made:
                yield made


def _failing(exchange: Exchange) -> None:
    raise RuntimeError("a mistake of one that hears")


def told() -> Exchange:
    """What is told of the one request since the last time."""
    wait_until(lambda: len(heard) > 0, lambda: "nobody was told")
    [exchange] = heard
    heard.clear()
    return exchange


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "route", "dialect"),
    [
        ("POST", PREDICT, {"json": {"number": 1}}, 200, "/v2/models/{model}/predict/", "v2"),
        ("POST", PREDICT, {"json": {"none": 1}}, 422, "/v2/models/{model}/predict/", "v2"),
        ("POST", PREDICT, {"data": {"number": 1}}, 200, "/v2/models/{model}/predict/", "v2"),
        ("POST", "/predict", {"json": {"number": 1}}, 200, "/predict", "mlup"),
        ("GET", "/v2/models/echo", {}, 200, "/v2/models/{model}/", ""),
        ("GET", "/v2/models/none", {}, 404, "/v2/models/{model}/", ""),
        ("GET", "/nowhere", {}, 404, "", ""),
        ("POST", PREDICT, {"headers": {"host": "evil.example"}}, 421, "", ""),
    ],
)
def test_each_is_told_once(
    client: httpx.Client,
    method: str,
    path: str,
    sent: dict[str, object],
    status: int,
    route: str,
    dialect: str,
) -> None:
    heard.clear()
    answer = client.request(method, path, **sent)  # pyright: ignore
    exchange = told()
    assert answer.status_code == status, answer.text
    assert (exchange.method, exchange.path, exchange.status) == (method, path, status)
    assert (exchange.route, exchange.dialect) == (route, dialect)
    assert not route or route in ROUTES
    assert exchange.client == "127.0.0.1"
    assert exchange.seconds > 0
    assert exchange.bytes_out == len(answer.content)
    assert exchange.request_id == answer.headers.get("x-request-id", "")
    assert (exchange.verb == "predict") == bool(dialect)
    if dialect:
        assert exchange.model == "echo"
        assert exchange.bytes_in == len(answer.request.content)
        assert exchange.model_seconds < exchange.seconds


def test_who_leaves_before_there_is_an_answer_is_told_of(client: httpx.Client, tmp_path: Path) -> None:
    heard.clear()
    started = tmp_path / "started"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        body = json.dumps({"wait": 60, "started": str(started)}).encode()
        head = f"POST {PREDICT} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        wait_until(started.exists, lambda: "the model is not asked")
    left = told()
    assert (left.path, left.model, left.status) == (PREDICT, "echo", 499)
