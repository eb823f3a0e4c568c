"""`modelport.create_app` alone and mounted in a FastAPI application."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from asgi_clients import TestClient, WebSocketDenialResponse, prediction, workers
from fastapi import FastAPI
from own_models import Broken, Plain, Typed, double
from prometheus_client.parser import text_string_to_metric_families
from serving import wait_until
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import modelport
from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.table import ENDPOINTS

MODEL = "/ml/v2/models/Plain"


async def greeting(request: Request) -> Response:
    return JSONResponse({"url": str(request.url), "to": request.path_params["name"]})


async def own_list(request: Request) -> Response:
    return JSONResponse({"mine": True})


async def own_prediction(request: Request) -> Response:
    return JSONResponse({"instead": await request.json()})


def parent_of(app: Any) -> FastAPI:
    parent = FastAPI(lifespan=app.lifespan)

    @parent.get("/own")
    def own() -> str:
        return "the parent's"

    parent.mount("/ml", app)
    return parent


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = modelport.create_app(
        Plain,
        double,
        {"typed": Typed(3)},
        data_dir=str(tmp_path_factory.mktemp("data")),
        routes=[Route("/greeting/{name}", greeting)],
    )
    app.add_route("/v2/models", own_list)
    app.add_route("/v2/models/double/predict", own_prediction, methods=["POST"])
    with TestClient(parent_of(app)) as client:
        yield client


def test_a_mounted_model_answers_below_its_path(client: Any) -> None:
    assert prediction(client, "Plain", "/ml", x=1) == {"status": "OK", "predictions": 2}
    assert prediction(client, "typed", "/ml", x=1) == {"label": "none", "score": 3.0}
    assert client.get(f"{MODEL}/ready").json()["ready"] is True


def test_a_mounted_model_streams_both_ways(client: Any) -> None:
    with client.websocket_connect("/ml/v2/models/typed/stream") as socket:
        socket.send_text("2")
        assert socket.receive_json() == 6.0
        socket.send_text("two")
        assert socket.receive_json()["detail"].startswith("message: ")
        assert socket.receive() == {"type": "websocket.close", "code": 1007, "reason": ANY}
    with pytest.raises(WebSocketDenialResponse) as refused:
        client.websocket_connect("/ml/v2/models/Plain/stream").__enter__()
    assert refused.value.status_code == 501


def test_the_parent_keeps_its_own_paths(client: Any) -> None:
    assert client.get("/own").json() == "the parent's"
    assert client.get("/v2/models/Plain").status_code == 404


def test_what_is_counted_is_shown_below_the_mount_without_the_connections_of_another_server(
    client: Any,
) -> None:
    before = metrics(client)
    assert prediction(client, "Plain", "/ml", x=1) == {"status": "OK", "predictions": 2}
    after = metrics(client)
    counted = ("modelport_requests_total", "Plain")
    assert after[counted] == before.get(counted, 0) + 1
    assert after["modelport_ready", ""] == 1
    assert not any(name.startswith("modelport_http_connections") for name, _ in after)


def metrics(client: Any) -> dict[tuple[str, str], float]:
    """What `/metrics` shows, by name and model; with several labels more, all of them together."""
    text = client.get("/ml/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found: Counter[tuple[str, str]] = Counter()
    for sample in samples:
        found[sample.name, sample.labels.get("model", "")] += sample.value
    return found


def test_links_have_the_path_of_the_mount(client: Any) -> None:
    versions = client.get("/ml").json()
    assert [link["href"] for link in versions["links"]] == ["/ml/api", "/ml/swagger.json"]
    assert client.get(MODEL).json()["links"] == [{"rel": "self", "href": MODEL}]
    assert all(path.startswith("/ml") for path in client.get("/ml/openapi.json").json()["paths"])
    page = client.get("/ml/docs").text
    assert 'data-url="/ml/openapi.json"' in page
    assert client.get("/ml/static/swagger/page.js").status_code == 200


def test_jobs_run_and_are_found_below_the_mount(client: Any) -> None:
    started = client.post(f"{MODEL}/predict", json={"x": 4}, headers={"prefer": "respond-async"})
    assert started.status_code == 202
    place = started.headers["location"]
    assert place.startswith("/ml/v2/jobs/")
    events = client.get(started.json()["links"]["events"]).text
    assert '"state":"succeeded"' in events
    assert client.get(f"{place}/result").json() == {"status": "OK", "predictions": 5}


def test_a_webhook_has_the_link_below_the_mount(tmp_path: Path) -> None:
    receiver = socket.create_server(("127.0.0.1", 0))
    ports = [str(receiver.getsockname()[1])]
    app = modelport.create_app(
        Plain, data_dir=str(tmp_path), allow_private_callbacks=True, callback_ports=ports
    )
    with receiver, TestClient(parent_of(app)) as client:
        receiver.settimeout(60)
        hook = f"http://127.0.0.1:{ports[0]}/"
        headers = {"prefer": "respond-async", "job-callback-url": hook}
        started = client.post(f"{MODEL}/predict", json={"x": 4}, headers=headers)
        assert started.status_code == 202, started.text
        connection, _ = receiver.accept()
        with connection, connection.makefile("rb") as stream:
            fields = [line.lower() for line in iter(stream.readline, b"\r\n")]
            length = next(int(field.partition(b":")[2]) for field in fields if b"content-length" in field)
            told = json.loads(stream.read(length))
            connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        delivered = ("modelport_webhooks_total", "")
        wait_until(lambda: metrics(client)[delivered] == 1, lambda: str(metrics(client)))
    assert told["data"]["links"]["self"] == started.headers["location"]


def test_own_routes_are_added(client: Any) -> None:
    assert client.get("/ml/greeting/you").json() == {"url": "http://testserver/ml/greeting/you", "to": "you"}


def test_own_routes_replace_those_of_modelport(client: Any) -> None:
    assert client.get("/ml/v2/models/").json() == {"mine": True}
    assert prediction(client, "double", "/ml", x=1) == {"instead": {"x": 1}}


def test_own_routes_are_behind_the_door_too(client: Any) -> None:
    from_page = {"origin": "http://evil.example"}
    assert client.post("/ml/v2/models/double/predict", headers=from_page).status_code == 403


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_every_way_in_leads_through_the_door_below_the_mount(client: Any, endpoint: Endpoint) -> None:
    path = "/ml" + re.sub(r"{[^}]*}", "a", endpoint.path)
    for method in (endpoint.method, "HEAD", "OPTIONS", "PATCH"):
        foreign_name = client.request(method, f"http://localhost{path}", headers={"host": "evil.example"})
        assert foreign_name.status_code == 421
    from_page = client.request(endpoint.method, path, headers={"origin": "http://evil.example"})
    is_harmless = endpoint.method in ("GET", "OPTIONS") and not endpoint.calls
    assert (from_page.status_code == 403) is not is_harmless


def test_what_is_not_there_says_so(client: Any) -> None:
    missing = client.get("/ml/nothing")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    refused = client.put("/ml/greeting/you")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


def test_nothing_of_the_process_is_changed(tmp_path: Path) -> None:
    def state() -> list[Any]:
        loggers = [logging.getLogger(name) for name in (None, "modelport", "uvicorn")]
        return [
            [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)],
            [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers],
            sorted(thread.name for thread in threading.enumerate()),
            workers(),
        ]

    before = state()
    with TestClient(modelport.create_app(Plain, data_dir=str(tmp_path), workers=0)) as client:
        assert prediction(client, "Plain", x=1)["predictions"] == 2
        assert state()[:2] == before[:2]
    assert state() == before


def test_an_application_starts_again_after_its_end(tmp_path: Path) -> None:
    parent = parent_of(modelport.create_app(Plain(), data_dir=str(tmp_path)))
    jobs: list[str] = []
    before = workers()
    for _ in range(2):
        with TestClient(parent) as client:
            assert prediction(client, "Plain", "/ml", x=1)["predictions"] == 2
            waited = client.post(f"{MODEL}/predict", json={"x": 4}, headers={"prefer": "respond-async"})
            jobs.append(waited.headers["location"])
            assert [client.get(job).status_code for job in jobs] == [200] * len(jobs)
        assert workers() == before


def test_without_a_lifespan_it_starts_with_the_first_request_and_ends_with_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    parent = FastAPI()
    for name in ("one", "two"):
        app = modelport.create_app({name: Plain()}, data_dir=str(tmp_path / name))
        parent.mount(f"/{name}", app)
    before, during = workers(), list[int]()

    async def use() -> list[Any]:
        transport = httpx.ASGITransport(parent)
        async with httpx.AsyncClient(transport=transport, base_url="http://here", timeout=60) as client:
            calls = [
                client.post(f"/{name}/v2/models/{name}/predict", json={"x": 1})
                for name in ("one", "two", "one")
            ]
            answers = await asyncio.gather(*calls)
        during.extend(workers())
        return [answer.json()["predictions"] for answer in answers]

    assert asyncio.run(use()) == [2, 2, 2]
    assert len(during) == len(before) + 2
    assert workers() == before
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize("cut", [True, False], ids=["a proxy that cuts its path off", "one that does not"])
def test_links_have_the_path_of_a_proxy_too(tmp_path: Path, cut: bool) -> None:
    app = modelport.create_app(Plain, data_dir=str(tmp_path), workers=0)
    with TestClient(parent_of(app), root_path="/proxy") as client:
        outside = "" if cut else "/proxy"
        assert client.get(f"{outside}{MODEL}").json()["links"][0]["href"] == f"/proxy{MODEL}"
        assert prediction(client, "Plain", f"{outside}/ml", x=1)["predictions"] == 2


def test_a_model_that_cannot_be_loaded_is_told_by_the_answers(tmp_path: Path) -> None:
    app = modelport.create_app(Broken, data_dir=str(tmp_path), workers=0, keep_going=True)
    with TestClient(app) as client:
        ready = client.get("/v2/health/ready")
        assert ready.status_code == 503
        assert "the weights are missing" in ready.json()["models"]["Broken"]["error"]


def test_an_object_that_cannot_be_sent_to_a_worker_ends_the_start(tmp_path: Path) -> None:
    model = Plain()
    model.lock = threading.Lock()  # pyright: ignore[reportAttributeAccessIssue]
    app = modelport.create_app(model, data_dir=str(tmp_path))
    with pytest.raises(modelport.ModelLoadError, match="'Plain'.*its member lock cannot be pickled"):
        with TestClient(parent_of(app)):
            pytest.fail("it started")


def test_routes_come_before_the_start(client: Any) -> None:
    app = client.app.routes[-1].app
    with pytest.raises(RuntimeError, match="too late: the application has started"):
        app.add_route("/late", greeting)


@pytest.mark.parametrize("name", ["port", "keep_alive", "log_level"])
def test_settings_of_the_server_are_not_the_applications(name: str) -> None:
    with pytest.raises(TypeError, match=rf"create_app\(\) has no argument '{name}'"):
        modelport.create_app(Plain, **{name: 1})


def test_variables_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELPORT_QUEUE_SIZE", "7")
    monkeypatch.setenv("MODELPORT_TIMEOUT", "8")
    settings = modelport.create_app(Plain, timeout=9).settings
    assert (settings.queue_size, settings.timeout) == (7, 9)


@pytest.mark.parametrize("models", [(Plain, Plain()), ({},), ({"a b": Plain},), ("no source!",)])
def test_models_that_cannot_be_served_are_refused_at_once(models: Any) -> None:
    with pytest.raises(modelport.ModelLoadError):
        modelport.create_app(*models)
