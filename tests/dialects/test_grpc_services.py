"""Streams, health and reflection by gRPC, each asked by the client that others have written for it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from typing import Any

import grpc
import numpy
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_clients import SERVICE, UNLIMITED, Raw, given, grpc_serving, request_for, tensor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from serving import Server
from tritonclient.grpc import service_pb2

SECONDS = 20
STREAMS = {"one": "Typed", "threads": "TypedThreads", "loop": "TypedAsync"}


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Server, str]]:
    streams = (f"{name}=streaming_kinds:{kind}" for name, kind in STREAMS.items())
    with grpc_serving("adds=tensor_models:Adds", "large=tensor_models:Large", *streams) as running:
        yield running


@pytest.fixture
def channel(site: tuple[Server, str]) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(site[1], UNLIMITED) as opened:
        yield opened


class Streamed:
    """A stream of Triton's client: `next` is what it answers next, or the error."""

    def __init__(self, address: str):
        self.client = triton.InferenceServerClient(address)
        self._found: queue.Queue[Any] = queue.Queue()
        self.client.start_stream(lambda result, error: self._found.put(error or result))

    def next(self) -> Any:
        return self._found.get(timeout=SECONDS)

    def close(self) -> None:
        self.client.stop_stream()
        self.client.close()


@pytest.fixture
def stream(site: tuple[Server, str]) -> Iterator[Streamed]:
    made = Streamed(site[1])
    yield made
    made.close()


def count(number: int, fail: bool = False) -> list[Any]:
    return [
        tensor("count", numpy.array([number]), "INT64"),
        tensor("fail", numpy.array([fail]), "BOOL"),
    ]


# -- streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", STREAMS)
def test_each_piece_that_a_model_yields_is_an_answer(stream: Streamed, model: str) -> None:
    stream.client.async_stream_infer(model, count(3), request_id="7", enable_empty_final_response=True)
    found = [stream.next().get_response() for _ in range(4)]
    assert [(one.id, one.model_name) for one in found] == [("7", model)] * 4
    numbers = [numpy.frombuffer(one.raw_output_contents[0], "i8")[0] for one in found[:3]]
    assert numbers == [0, 1, 2]
    finals = [one.parameters["triton_final_response"].bool_param for one in found]
    assert finals == [False, False, False, True]
    assert not found[3].outputs


@pytest.mark.parametrize("model", STREAMS)
def test_a_stream_goes_on_after_a_request_that_has_failed(stream: Streamed, model: str) -> None:
    """The last answer to it is its error, with its id where the server has it alone."""
    stream.client.async_stream_infer(model, count(1, fail=True), request_id="1")
    stream.client.async_stream_infer("nothing", count(1), request_id="2")
    stream.client.async_stream_infer(model, [tensor("count", numpy.array([1.5]), "FP64")], request_id="3")
    stream.client.async_stream_infer(model, count(1), request_id="4")
    assert stream.next().get_response().id == "1"
    assert "the weights" in str(stream.next())
    assert "there is no model 'nothing'" in str(stream.next())
    assert "count: " in str(stream.next())
    assert stream.next().get_response().id == "4"


def test_what_is_no_stream_is_one_answer(stream: Streamed) -> None:
    x = tensor("x", numpy.array([1.0]), "FP64")
    stream.client.async_stream_infer("adds", [x], request_id="a", enable_empty_final_response=True)
    stream.client.async_stream_infer("adds", [x], request_id="b")
    first, second = stream.next(), stream.next()
    assert first.as_numpy("sum").tolist() == [2.0]
    assert first.get_response().parameters["triton_final_response"].bool_param
    assert second.get_response().id == "b"
    assert not second.get_response().parameters


def test_the_client_that_awaits_is_answered(site: tuple[Server, str]) -> None:
    async def asked() -> list[Any]:
        async with triton_aio.InferenceServerClient(site[1]) as client:
            x = tensor("x", numpy.arange(3, dtype="f4"))
            many = await asyncio.gather(*(client.infer("adds", [x]) for _ in range(50)))
            assert all(one.as_numpy("sum").tolist() == [1.0, 2.0, 3.0] for one in many)

            async def requests() -> Any:
                for number in (2, 1):
                    yield {"model_name": "loop", "inputs": count(number), "request_id": str(number)}

            found: list[Any] = []
            async for result, error in client.stream_infer(requests()):
                assert error is None
                found.append(result.get_response().id)
            return found

    assert asyncio.run(asked()) == ["2", "2", "1"]


def test_a_stream_that_is_cancelled_ends_the_call(site: tuple[Server, str], channel: grpc.Channel) -> None:
    request = request_for("large")
    given(request, "size", "INT64", [1]).contents.int64_contents.append(1 << 20)
    given(request, "pieces", "INT64", [1]).contents.int64_contents.append(1 << 30)
    call = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")
    answers = call(iter([request.SerializeToString()]), timeout=SECONDS)
    assert len(next(answers)) > 1 << 20
    answers.cancel()
    raw = Raw(site[1])  # its worker answers again
    again = request_for("large")
    given(again, "size", "INT64", [1]).contents.int64_contents.append(3)
    assert raw.infer(again).outputs[0].contents.bytes_contents == [bytes(3)]
    raw.channel.close()


def test_an_id_goes_with_an_error(channel: grpc.Channel) -> None:
    call = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")
    sent = [request_for("nothing", id="mine").SerializeToString(), b"\x0a"]
    answers = [
        service_pb2.ModelStreamInferResponse.FromString(one) for one in call(iter(sent), timeout=SECONDS)
    ]
    assert answers[0].infer_response.id == "mine"
    assert "no model 'nothing'" in answers[0].error_message
    assert "cut off" in answers[1].error_message


# -- health ------------------------------------------------------------------------------------------


def test_health_is_checked(channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", "inference.GRPCInferenceService", "adds"):
        asked = health_pb2.HealthCheckRequest(service=service)
        assert stub.Check(asked, timeout=SECONDS).status == serving
    for service in ("nothing", "a/b"):
        with pytest.raises(grpc.RpcError) as error:
            stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)
        assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_health_is_watched(site: tuple[Server, str], channel: grpc.Channel) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    watched = stub.Watch(health_pb2.HealthCheckRequest(service="large"), timeout=60)
    assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
    with triton.InferenceServerClient(site[1]) as client:
        client.unload_model("large")
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not client.is_model_ready("large")
        client.load_model("large")
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(triton.InferenceServerException, match="loaded from their source"):
            client.load_model("large", files={"file:1/model.onnx": b"x"}, config="{}")
    watched.cancel()
    unknown = stub.Watch(health_pb2.HealthCheckRequest(service="nothing"), timeout=60)
    assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    unknown.cancel()


# -- reflection --------------------------------------------------------------------------------------


def test_reflection_tells_what_a_client_needs(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    }
    pool = DescriptorPool(database)
    service = pool.FindServiceByName("inference.GRPCInferenceService")
    assert service.FindMethodByName("ModelInfer").input_type.fields_by_name["raw_input_contents"].number == 7
    assert pool.FindMessageTypeByName("inference.ModelInferRequest.InferInputTensor") is not None
    older = pool.FindServiceByName("grpc.reflection.v1alpha.ServerReflection")
    assert older.methods[0].input_type.full_name == "grpc.reflection.v1alpha.ServerReflectionRequest"
    with pytest.raises(KeyError):
        pool.FindMessageTypeByName("inference.Nothing")


def test_reflection_says_what_it_has_not(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = reflection_pb2.ServerReflectionRequest
    extension = reflection_pb2.ExtensionRequest(containing_type="a", extension_number=1)
    sent = [
        asked(file_by_filename="inference.proto"),
        asked(file_by_filename="other.proto"),
        asked(file_containing_extension=extension),
        asked(all_extension_numbers_of_type="a"),
        asked(),
    ]
    file, *others = stub.ServerReflectionInfo(iter(sent), timeout=SECONDS)
    found = descriptor_pb2.FileDescriptorProto.FromString(
        file.file_descriptor_response.file_descriptor_proto[0]
    )
    assert found.package == "inference"
    assert file.original_request == sent[0]
    assert [one.error_response.error_code for one in others] == [5, 12, 12, 3]
