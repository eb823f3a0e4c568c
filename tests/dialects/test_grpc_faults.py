"""gRPC while workers are killed, clients are slow or many, and the server is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_clients import SERVICE, UNLIMITED, Raw, given, grpc_serving, request_for
from grpc_health.v1 import health_pb2, health_pb2_grpc
from job_calls import Gate
from serving import Server, wait_until
from tritonclient.grpc import service_pb2

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
MODELS = ("held=tensor_models:HeldAtGate", "adds=tensor_models:Adds", "large=tensor_models:Large")
SECONDS = 30


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Server, str]]:
    limits = ("--write-timeout", "2", "--max-answer-memory", "1000000")
    with grpc_serving(*MODELS, *limits) as running:
        yield running


@pytest.fixture
def raw(site: tuple[Server, str]) -> Iterator[Raw]:
    made = Raw(site[1])
    yield made
    made.channel.close()


def held(gate: Gate, pieces: bool = False) -> bytes:
    request = request_for("held", id="held")
    given(request, "gate", "INT64", [1]).contents.int64_contents.append(gate.port)
    given(request, "pieces", "BOOL", [1]).contents.bool_contents.append(pieces)
    return request.SerializeToString()


def sized(size: int, pieces: int = 0) -> bytes:
    request = request_for("large")
    given(request, "size", "INT64", [1]).contents.int64_contents.append(size)
    given(request, "pieces", "INT64", [1]).contents.int64_contents.append(pieces)
    return request.SerializeToString()


def one() -> Any:
    request = request_for("adds")
    given(request, "x", "FP64", [1]).contents.fp64_contents.append(1)
    return request


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def streamed(raw: Raw, messages: Any) -> Any:
    return raw.channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(messages, timeout=SECONDS)


def piece(message: bytes) -> service_pb2.ModelStreamInferResponse:
    return service_pb2.ModelStreamInferResponse.FromString(message)


def test_a_worker_that_is_killed_in_a_call_is_unavailable_once(raw: Raw, gate: Gate) -> None:
    call = raw.channel.unary_unary(f"{SERVICE}/ModelInfer").future(held(gate), timeout=SECONDS)
    os.kill(int(gate.arrival().text), signal.SIGKILL)
    assert call.code() in (UNAVAILABLE, grpc.StatusCode.INTERNAL)
    assert "Traceback" not in call.details()
    assert call.details()
    again = raw.channel.unary_unary(f"{SERVICE}/ModelInfer").future(held(gate), timeout=SECONDS)
    gate.arrival().release()
    assert again.result()


def test_a_worker_that_is_killed_in_a_stream_ends_its_answers_with_an_error(raw: Raw, gate: Gate) -> None:
    answers = streamed(raw, iter([held(gate, pieces=True), one().SerializeToString()]))
    assert piece(next(answers)).infer_response.id == "held"
    os.kill(int(gate.arrival().text), signal.SIGKILL)
    assert piece(next(answers)).error_message
    assert piece(next(answers)).infer_response.model_name == "adds"
    assert list(answers) == []


def test_a_call_that_is_cancelled_is_given_up(raw: Raw, gate: Gate) -> None:
    call = raw.channel.unary_unary(f"{SERVICE}/ModelInfer").future(held(gate), timeout=SECONDS)
    arrived = gate.arrival()
    call.cancel()
    arrived.wait_end()


def test_a_thousand_connections_are_answered_or_refused_and_leave_nothing(site: tuple[Server, str]) -> None:
    server, address = site
    files = open_files(server)

    def asked(number: int) -> grpc.StatusCode:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(address, options) as channel:
            try:
                channel.unary_unary(f"{SERVICE}/ServerLive")(b"", timeout=SECONDS)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

    with ThreadPoolExecutor(50) as pool:
        found = set(pool.map(asked, range(1000)))
    assert found == {grpc.StatusCode.OK}
    wait_until(lambda: open_files(server) < files + 20, lambda: str(open_files(server)))


def test_a_client_that_reads_no_pieces_is_let_go(site: tuple[Server, str]) -> None:
    """Its window is full, and `write_timeout` over; the model answers others then."""
    options = [*UNLIMITED, ("grpc.http2.lookahead_bytes", 65536), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(site[1], options) as channel:
        answers = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")(iter([sized(1 << 20, 1 << 20)]))
        assert len(next(answers)) > 1 << 20
        other = Raw(site[1])
        assert other("ModelInfer", sized(3), seconds=SECONDS)
        other.channel.close()
        with pytest.raises(grpc.RpcError) as error:
            list(answers)
        assert error.value.code() is UNAVAILABLE


def test_who_sends_nothing_holds_nobody_up(site: tuple[Server, str], raw: Raw) -> None:
    """Streams that are open and say nothing, as many as may be."""
    ends = threading.Event()

    def nothing() -> Iterator[bytes]:
        ends.wait()
        yield from ()

    channels = [grpc.insecure_channel(site[1], [("grpc.use_local_subchannel_pool", 1)]) for _ in range(3)]
    call = [channel.stream_stream(f"{SERVICE}/ModelStreamInfer") for channel in channels]
    opened = [call[number % 3](nothing(), timeout=60) for number in range(60)]
    assert raw.infer(one()).model_name == "adds"
    ends.set()
    assert all(list(answers) == [] for answers in opened)
    for channel in channels:
        channel.close()


def test_a_server_that_stops_ends_what_is_under_way(gate: Gate) -> None:
    """Calls and streams get their answers, who waits for nothing is told so, and watchers hear of it."""
    with grpc_serving(*MODELS) as (server, address):
        raw = Raw(address)
        watched = health_pb2_grpc.HealthStub(raw.channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=SECONDS
        )
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        ends = threading.Event()

        def silent() -> Iterator[bytes]:
            yield one().SerializeToString()
            ends.wait()

        idle = streamed(raw, silent())
        assert piece(next(idle)).infer_response.model_name == "adds"
        answers = streamed(raw, iter([held(gate, pieces=True)]))
        assert piece(next(answers)).infer_response.id == "held"
        arrived = gate.arrival()
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError) as error:
            next(idle)
        assert (error.value.code(), error.value.details()) == (UNAVAILABLE, "the server is stopping")
        assert [one.status for one in watched] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        arrived.release()
        assert piece(next(answers)).infer_response.id == "held"
        ends.set()
        assert server.process.wait(SECONDS) == 0
        assert "Traceback" not in server.log
        raw.channel.close()


def test_a_second_signal_waits_for_nobody(gate: Gate) -> None:
    with grpc_serving("held=tensor_models:HeldAtGate") as (server, address):
        raw = Raw(address)
        call = raw.channel.unary_unary(f"{SERVICE}/ModelInfer").future(held(gate), timeout=SECONDS)
        gate.arrival()
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_log("a second signal stops at once")
        server.process.send_signal(signal.SIGTERM)
        assert call.code() is not grpc.StatusCode.OK
        server.process.wait(SECONDS)
        raw.channel.close()
