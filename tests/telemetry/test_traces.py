"""Traces: a request, what it waits for and what its model does, as OpenTelemetry's collectors get it."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from collector import Collector, Span, collecting
from serving import MODELS, Server, serving, start, wait_until

from modelport.contract.traces import TraceContext, read_context
from modelport.settings import Settings
from modelport.telemetry.traces.choosing import Chosen, chosen_traces

TALKING = MODELS / "talking.py"
SOURCES = (
    f"echo={TALKING}:Talking",
    f"measures={TALKING}:Measures",
    f"batches={TALKING}:Batches",
    f"together={TALKING}:Together",
    f"streams={TALKING}:Streams",
)
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=tests"}
TRACE, PARENT = "ab" * 16, "cd" * 8
ROUTE = "POST /v2/models/{model}/predict/"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "access"


@pytest.fixture(scope="module")
def server(collector: Collector, access: Path) -> Iterator[Server]:
    options = ("--traces", collector.url, "--access-log", "json", "--access-log-file", str(access))
    with serving(*options, *SOURCES, **SOON) as made:
        yield made


def path(model: str) -> str:
    return f"/v2/models/{model}/predict"


def traced(trace: str = TRACE, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{PARENT}-{flags}", "tracestate": "vendor=1,other=x:y"}


def test_a_prediction_is_a_trace_of_request_queue_worker_and_model(
    server: Server, collector: Collector
) -> None:
    answer = server.client.post(path("echo"), json={"text": ""}, headers=traced())
    found = collector.wait_for(ROUTE, "queue", "worker", "model")
    request, queue, worker, model = (found[name] for name in (ROUTE, "queue", "worker", "model"))
    assert {one.trace_id for one in found.values() if one.name != "GET /v2/models/"} == {TRACE}
    assert {one.state for one in (request, queue, worker, model)} == {"vendor=1,other=x:y"}
    assert (request.parent_id, request.kind) == (PARENT, 2)
    assert queue.parent_id == worker.parent_id == request.span_id
    assert model.parent_id == worker.span_id
    assert request.start <= queue.start <= queue.end == worker.start <= worker.end <= request.end
    assert worker.start <= model.start <= model.end <= worker.end
    said = request.attributes
    assert said["http.request.method"] == "POST"
    assert said["http.route"] == "/v2/models/{model}/predict/"
    assert said["http.response.status_code"] == 200
    assert said["url.path"] == path("echo")
    assert said["modelport.request_id"] == answer.headers["x-request-id"]
    assert (said["modelport.model"], said["modelport.verb"]) == ("echo", "predict")
    assert request.resource["service.name"] == "modelport"
    assert request.resource["deployment.environment.name"] == "tests"


def spans_of(collector: Collector, trace: str, *names: str) -> dict[str, Span]:
    """The spans of one trace by their names, once those named are there."""

    def found() -> dict[str, Span]:
        return {span.name: span for span in collector.spans if span.trace_id == trace}

    wait_until(lambda: set(names) <= found().keys(), lambda: f"{found().keys()}")
    return found()


def test_the_long_way_is_traced_as_well(server: Server, collector: Collector) -> None:
    trace = "01" * 16
    server.client.post(path("echo"), data={"text": ""}, headers=traced(trace))
    found = spans_of(collector, trace, ROUTE, "queue", "worker", "model")
    assert found["worker"].parent_id == found[ROUTE].span_id
    assert found["model"].parent_id == found["worker"].span_id


def test_a_model_measures_parts_of_its_work_and_the_models_that_it_asks(
    server: Server, collector: Collector
) -> None:
    trace = "02" * 16
    server.client.post(path("measures"), json={"text": "hi"}, headers=traced(trace))
    spans_of(collector, trace, ROUTE, "outer", "inner")
    wait_until(
        lambda: [s.name for s in collector.spans if s.trace_id == trace].count("worker") == 2, collector.shown
    )
    spans = [span for span in collector.spans if span.trace_id == trace]
    by_name = {span.name: span for span in spans}
    outer, inner = by_name["outer"], by_name["inner"]
    first, second = [span for span in spans if span.name == "worker"]
    asked, asking = (first, second) if first.attributes["modelport.model"] == "echo" else (second, first)
    [model] = [span for span in spans if span.name == "model" and span.parent_id == asking.span_id]
    assert outer.parent_id == model.span_id
    assert inner.parent_id == outer.span_id
    assert asked.parent_id == inner.span_id
    said = {name: outer.attributes[name] for name in ("rows", "odd", "ratio", "right", "said")}
    assert said == {"rows": 3, "odd": "[1]", "ratio": 0.5, "right": True, "said": "hi"}


def test_the_span_of_an_awaited_answer_says_how_it_was_answered(server: Server, collector: Collector) -> None:
    trace = "0a" * 16
    server.client.post(path("together"), json={"text": "a"}, headers=traced(trace)).raise_for_status()
    spans_of(collector, trace, ROUTE, "model")
    [model] = [span for span in collector.spans if span.trace_id == trace and span.name == "model"]
    assert model.attributes["modelport.status"] == 200


def test_the_model_of_a_stream_has_its_span_until_the_last_piece(
    server: Server, collector: Collector
) -> None:
    trace = "0c" * 16
    server.client.post(path("streams"), json={"text": "a"}, headers=traced(trace)).raise_for_status()
    found = spans_of(collector, trace, ROUTE, "worker", "model", "while it streams")
    model, part = found["model"], found["while it streams"]
    assert (model.parent_id, part.parent_id) == (found["worker"].span_id, model.span_id)
    assert model.start <= part.start <= part.end <= model.end


def test_what_fails_is_marked(server: Server, collector: Collector) -> None:
    trace = "03" * 16
    answer = server.client.post(path("measures"), json={"fail": "no"}, headers=traced(trace))
    assert answer.status_code == 500
    found = spans_of(collector, trace, ROUTE, "worker", "outer", "inner")
    assert {name for name, span in found.items() if span.is_error} == {ROUTE, "worker", "outer"}
    assert found[ROUTE].attributes["error.type"] == "500"


def test_of_too_many_spans_a_part_arrives_with_the_number_of_the_others(
    server: Server, collector: Collector
) -> None:
    trace = "04" * 16
    server.client.post(path("measures"), json={"many": 3000}, headers=traced(trace))
    spans_of(collector, trace, ROUTE, "one of many")
    assert len([span for span in collector.spans if span.trace_id == trace]) < 2900


def test_calls_that_run_together_have_each_its_span_of_the_batch(
    server: Server, collector: Collector
) -> None:
    traces = [f"{number:032x}" for number in range(0x500, 0x504)]
    with ThreadPoolExecutor(len(traces)) as clients:
        asked = [
            clients.submit(server.client.post, path("batches"), json={"text": "x"}, headers=traced(trace))
            for trace in traces
        ]
        assert [one.result().status_code for one in asked] == [200] * len(traces)
    found = [spans_of(collector, trace, ROUTE, "worker", "batch") for trace in traces]
    assert all(one["batch"].parent_id == one["worker"].span_id for one in found)
    assert max(one["batch"].attributes["modelport.batch.size"] for one in found) > 1
    together = [one for one in found if one["batch"].attributes["modelport.batch.size"] > 1]
    assert not any("of nobody" in one for one in together)


def test_a_client_that_has_decided_against_it_is_followed(server: Server, collector: Collector) -> None:
    off, on = "06" * 16, "07" * 16
    server.client.post(path("echo"), json={"text": ""}, headers=traced(off, "00"))
    server.client.post(path("echo"), data={"text": ""}, headers=traced(off, "00"))
    server.client.post(path("echo"), json={"text": ""}, headers=traced(on))
    spans_of(collector, on, ROUTE)
    assert [span for span in collector.spans if span.trace_id == off] == []


def test_of_what_is_not_sampled_only_what_its_client_wants_is_traced(collector: Collector) -> None:
    trace = "0d" * 16
    options = ("--traces", collector.url, "--trace-sample", "0", SOURCES[1])
    before = len(collector.spans)
    with serving(*options, **SOON) as server:
        headers = [{}, traced("0e" * 16, "00"), traced(trace)]
        answers = [server.client.post(path("measures"), json={}, headers=one) for one in headers]
        spans_of(collector, trace, ROUTE, "queue", "worker", "model", "outer", "inner")
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert {tuple(answer.headers) for answer in answers} == {tuple(answers[0].headers)}
    assert {span.trace_id for span in collector.spans[before:]} == {trace}


def test_what_is_no_context_begins_a_trace(server: Server, collector: Collector) -> None:
    answer = server.client.post(path("echo"), json={"text": ""}, headers={"traceparent": f"00-{'0' * 32}-x"})
    request_id = answer.headers["x-request-id"]

    def found() -> list[Span]:
        named = [span for span in collector.spans if span.name == ROUTE]
        return [span for span in named if span.attributes["modelport.request_id"] == request_id]

    wait_until(lambda: len(found()) == 1, collector.shown)
    assert found()[0].parent_id == ""


def test_a_trace_follows_a_job_over_a_restart(collector: Collector, tmp_path: Path) -> None:
    trace, go_on, data = "08" * 16, tmp_path / "go-on", tmp_path / "data"
    options = ("--data-dir", str(data), "--traces", collector.url, SOURCES[3])
    with serving(*options, **SOON) as first:
        arguments = {"text": "x", "go_on": str(go_on)}
        headers = {**traced(trace), "prefer": "respond-async"}
        answer = first.client.post(path("together"), json=arguments, headers=headers)
        assert answer.status_code == 202, answer.text
        found = spans_of(collector, trace, ROUTE, "storage")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(30)
    request = found[ROUTE]
    assert found["storage"].parent_id == request.span_id
    go_on.touch()
    with serving(*options, **SOON):
        job = spans_of(collector, trace, "job predict")["job predict"]
        assert job.parent_id == request.span_id
        assert job.attributes["modelport.job.state"] == "succeeded"
        wait_until(lambda: job.span_id in {s.parent_id for s in collector.spans}, collector.shown)


def test_a_webhook_carries_the_trace_of_its_job(collector: Collector, tmp_path: Path) -> None:
    trace, private = "0b" * 16, ("--allow-private-callbacks", "--callback-ports", "1-65535")
    with serving(
        "--data-dir", str(tmp_path), "--traces", collector.url, *private, SOURCES[0], **SOON
    ) as server:
        headers = {**traced(trace), "prefer": "respond-async"}
        hook = {"callback_url": f"{collector.url}/hook"}
        answer = server.client.post(path("echo"), params=hook, json={"text": ""}, headers=headers)
        assert answer.status_code == 202, answer.text
        found = spans_of(collector, trace, ROUTE, "webhook")
    [sent] = [asked for asked in collector.asked if asked.path == "/hook"]
    assert sent.headers["traceparent"] == f"00-{trace}-{found['webhook'].span_id}-01"
    assert sent.headers["tracestate"] == "vendor=1,other=x:y"
    assert (found["webhook"].parent_id, found["webhook"].kind) == (found[ROUTE].span_id, 3)


def test_what_variables_say_of_sending_is_heeded() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, x-team = vision",
        "OTEL_SERVICE_NAME": "pictures",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2",
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    with collecting() as own:
        own.statuses = [503, 429]
        own_url = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{own.url}/"}
        with serving(SOURCES[0], **variables, **own_url) as server:
            server.client.post(path("echo"), json={"text": ""}, headers=traced()).raise_for_status()
            found = own.wait_for("queue", "worker")
            assert server.stop() == 0
        assert {"request", "model"} <= {"request" if s.name == ROUTE else s.name for s in own.spans}
    assert [asked.status for asked in own.asked][:3] == [503, 429, 200]
    assert {asked.path for asked in own.asked} == {"/v1/traces"}
    first = own.asked[0].headers
    assert (first["api-key"], first["x-team"], first["content-encoding"]) == ("a b", "vision", "gzip")
    assert found["queue"].resource["service.name"] == "pictures"


def test_a_collector_that_refuses_is_told_of() -> None:
    with collecting() as own:
        own.statuses = [401]
        with serving("--traces", own.url, SOURCES[0], **SOON) as server:
            server.client.post(path("echo"), json={"text": ""}, headers=traced())
            wait_until(lambda: own.asked != [], own.shown)
            assert server.stop() == 0
    assert "spans are lost: the collector does not take them: it answers 401" in server.log


def test_a_collector_that_is_away_costs_nothing_but_its_spans() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with serving("--traces", url, SOURCES[0], **SOON) as server:
            statuses = [server.client.post(path("echo"), json={}).status_code for _ in range(20)]
            assert server.stop() == 0
    assert statuses == [200] * 20
    assert "spans are lost: the collector does not take them" in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("parent", "state", "context"),
    [
        (f"00-{TRACE}-{PARENT}-01", "", TraceContext(TRACE, PARENT, True)),
        (f"00-{TRACE}-{PARENT}-00", "a=1 , b=2", TraceContext(TRACE, PARENT, False, "a=1,b=2")),
        (f"00-{TRACE}-{PARENT}-03", "", TraceContext(TRACE, PARENT, True)),
        (f"01-{TRACE}-{PARENT}-01-more", "", TraceContext(TRACE, PARENT, True)),
        (f"00-{TRACE}-{PARENT}-01", "a=1," * 200, TraceContext(TRACE, PARENT, True)),
        (f"00-{TRACE}-{PARENT}-01", "a=\x7f", TraceContext(TRACE, PARENT, True)),
        (f"00-{TRACE}-{PARENT}-01-more", "", None),
        (f"ff-{TRACE}-{PARENT}-01", "", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", "", None),
        (f"00-{'0' * 32}-{PARENT}-01", "", None),
        (f"00-{TRACE}-{'0' * 16}-01", "", None),
        (f"00-{TRACE}-{PARENT}", "", None),
        (f"01-{TRACE}-{PARENT}-01-{'x' * 5000}", "", None),
        ("", "a=1", None),
    ],
)
def test_contexts_of_clients_are_read_as_w3c_says(
    parent: str, state: str, context: TraceContext | None
) -> None:
    assert read_context(parent, state) == context


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("settings", "variables", "chosen"),
    [
        ({}, {}, None),
        ({}, ENDPOINT, Chosen("", 1.0, True)),
        ({"traces": "off"}, ENDPOINT, None),
        ({}, {**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, None),
        ({}, {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, None),
        ({"traces": "on"}, {}, Chosen("", 1.0, True)),
        ({"traces": "http://c:4318"}, {}, Chosen("http://c:4318/v1/traces", 1.0, True)),
        ({"traces": "https://c/own/path"}, {}, Chosen("https://c/own/path", 1.0, True)),
        (
            {"traces": "on", "trace_sample": 0.01},
            {"OTEL_TRACES_SAMPLER": "always_on"},
            Chosen("", 0.01, True),
        ),
        ({"traces": "on"}, {"OTEL_TRACES_SAMPLER": "always_off"}, Chosen("", 0.0, False)),
        (
            {"traces": "on"},
            {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            Chosen("", 0.25, True),
        ),
        ({"traces": "on"}, {"OTEL_TRACES_SAMPLER": "jaeger_remote"}, Chosen("", 1.0, True)),
    ],
)
def test_our_settings_come_before_opentelemetrys_variables(
    settings: dict[str, str], variables: dict[str, str], chosen: Chosen | None
) -> None:
    assert chosen_traces(Settings(**settings), variables) == chosen  # pyright: ignore


def test_an_address_that_is_none_is_refused() -> None:
    process = start("--traces", "collector:4318", SOURCES[0])
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 2
    assert "is no address of a collector; write http://localhost:4318, on or off" in said


def test_the_access_log_has_the_trace(server: Server, access: Path) -> None:
    trace = "09" * 16
    answer = server.client.post(path("echo"), json={"text": ""}, headers=traced(trace, "00"))
    request_id = answer.headers["x-request-id"]
    wait_until(lambda: request_id in access.read_text(), access.read_text)
    [line] = [line for line in access.read_text().splitlines() if request_id in line]
    assert json.loads(line)["trace_id"] == trace
