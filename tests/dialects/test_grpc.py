"""The Open Inference Protocol by gRPC, as clients of others speak it, and as bytes that none sends."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import numpy
import pytest
import tritonclient.grpc as triton
from grpc_clients import Raw, given, grpc_serving, request_for, tensor, texts
from hypothesis import HealthCheck, settings
from hypothesis import given as given_any
from hypothesis import strategies as st
from serving import Server

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "INT8": "i1", "INT16": "i2",
    "INT32": "i4", "INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8",
}  # fmt: skip
TYPED = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Server, str]]:
    names = ("Adds", "Reads", "Plain", "Streams", "Fails", "Waits", "Own")
    models = (f"{name.lower()}=tensor_models:{name}" for name in names)
    with grpc_serving(*models, "--allow-client-shm") as running:
        yield running


@pytest.fixture(scope="module")
def client(site: tuple[Server, str]) -> Iterator[Any]:
    with triton.InferenceServerClient(site[1]) as made:
        yield made


@pytest.fixture(scope="module")
def raw(site: tuple[Server, str]) -> Iterator[Raw]:
    made = Raw(site[1])
    yield made
    made.channel.close()


# -- Triton's client ---------------------------------------------------------------------------------


def test_the_server_and_its_models_are_known(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("adds")
    with pytest.raises(triton.InferenceServerException, match="no model 'nothing'"):
        client.is_model_ready("nothing")
    assert client.get_server_metadata().name == "modelport"
    assert "binary_tensor_data" in client.get_server_metadata().extensions
    known = client.get_model_metadata("adds")
    assert (known.name, list(known.versions), known.platform) == ("adds", ["0"], "modelport")
    k = known.inputs[1]
    assert (k.name, k.datatype, list(k.shape)) == ("k", "FP64", [1])
    config = client.get_model_config("plain").config
    assert (config.name, config.input[0].name, list(config.input[0].dims)) == ("plain", "points", [-1, -1])
    assert config.input[0].data_type == 12  # TYPE_FP64
    assert client.get_model_config("streams").config.model_transaction_policy.decoupled
    assert not config.model_transaction_policy.decoupled
    listed = client.get_model_repository_index()
    assert {(one.name, one.state) for one in listed.models} >= {("adds", "READY"), ("reads", "READY")}


def test_statistics_are_those_of_http(site: tuple[Server, str], client: Any) -> None:
    client.infer("adds", [tensor("x", numpy.array([1.0]), "FP64")])
    told = site[0].client.get("/v2/models/adds/stats").json()["model_stats"][0]
    (known,) = client.get_inference_statistics("adds").model_stats
    assert (known.name, known.version, known.inference_count) == ("adds", "0", told["inference_count"])
    assert known.inference_stats.success.count == told["inference_stats"]["success"]["count"] >= 1
    assert known.inference_stats.compute_infer.ns == told["inference_stats"]["compute_infer"]["ns"] > 0
    assert {one.name for one in client.get_inference_statistics().model_stats} >= {"adds", "plain"}


def test_settings_are_read(client: Any, site: tuple[Server, str]) -> None:
    traces = client.get_trace_settings("adds").settings
    assert (list(traces["trace_level"].value), list(traces["trace_count"].value)) == (["OFF"], ["-1"])
    log = client.get_log_settings().settings
    assert log["log_info"].bool_param
    assert log["log_format"].string_param == site[0].client.get("/v2/logging").json()["log_format"]


def test_a_version_is_asked_by_its_number(client: Any) -> None:
    x = tensor("x", numpy.array([1.0]), "FP64")
    assert client.infer("adds", [x], model_version="0").as_numpy("sum").tolist() == [2.0]
    known = client.get_model_metadata("adds", "0")
    assert (known.name, known.inputs[0].name) == ("adds", "x")
    assert client.is_model_ready("adds", "0")
    assert client.get_model_config("adds", "0").config.instance_group[0].count == 1


def test_a_request_says_how_long_it_waits(client: Any) -> None:
    """In microseconds, as by HTTP; an argument of that name is the model's own."""
    seconds = tensor("seconds", numpy.array([30.0]), "FP64")
    with pytest.raises(triton.InferenceServerException, match="took longer than 0.2 s") as error:
        client.infer("waits", [seconds], timeout=200_000)
    assert error.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    with pytest.raises(triton.InferenceServerException) as error:
        client.infer("waits", [seconds], client_timeout=0.2)
    assert error.value.status() == "StatusCode.DEADLINE_EXCEEDED"
    assert client.infer("own", [], parameters={"timeout": 7}).as_numpy("output").tolist() == [7]
    with pytest.raises(triton.InferenceServerException, match="every request here waits in one queue"):
        client.infer("waits", [seconds], priority=2)


def test_tensors_are_given_and_taken_by_shared_memory(site: tuple[Server, str], client: Any) -> None:
    import tritonclient.utils.shared_memory as memory

    array = numpy.arange(6, dtype="f4").reshape(2, 3)
    key = f"modelport-test-{uuid.uuid4().hex}"
    region = memory.create_shared_memory_region("mine", key, 64)
    try:
        memory.set_shared_memory_region(region, [array])
        client.register_system_shared_memory("mine", key, 64)
        (known,) = client.get_system_shared_memory_status().regions.values()
        assert (known.name, known.key, known.byte_size) == ("mine", key, 64)
        x = triton.InferInput("x", [2, 3], "FP32")
        x.set_shared_memory("mine", 24)
        wanted = triton.InferRequestedOutput("sum")
        wanted.set_shared_memory("mine", 24, 24)
        k = tensor("k", numpy.array([2.0]), "FP64")
        (output,) = client.infer("adds", [x, k], outputs=[wanted]).get_response().outputs
        assert output.parameters["shared_memory_region"].string_param == "mine"
        assert output.parameters["shared_memory_byte_size"].int64_param == 24
        found = memory.get_contents_as_numpy(region, "f4", [2, 3], 24)
        assert numpy.array_equal(found, array + 2)
        client.unregister_system_shared_memory("mine")
        with pytest.raises(triton.InferenceServerException, match="you have registered no region 'mine'"):
            client.infer("adds", [x, k])
    finally:
        memory.destroy_shared_memory_region(region)


def test_what_is_told_by_http_is_told_by_grpc(site: tuple[Server, str], client: Any) -> None:
    for model in ("adds", "reads", "plain", "streams"):
        told = site[0].client.get(f"/v2/models/{model}").json()
        known = client.get_model_metadata(model, as_json=True)
        for side in ("inputs", "outputs"):
            found = [
                {"name": one["name"], "datatype": one["datatype"], "shape": [int(n) for n in one["shape"]]}
                for one in known.get(side, [])
            ]
            assert found == told[side]


@pytest.mark.parametrize("kind", DTYPES)
def test_every_datatype_comes_and_goes(client: Any, kind: str) -> None:
    array = numpy.array([[0, 1, 1], [1, 0, 1]], dtype=DTYPES[kind])
    inputs = [tensor("x", array, kind), tensor("k", numpy.array([1.0]), "FP64")]
    found = client.infer("adds", inputs, outputs=[triton.InferRequestedOutput("sum")], request_id="mine")
    assert found.get_response().id == "mine"
    assert found.get_response().model_name == "adds"
    assert found.as_numpy("sum").shape == (2, 3)
    assert numpy.array_equal(found.as_numpy("sum"), array + 1.0)


@pytest.mark.parametrize("kind", [one for one in DTYPES if one in TYPED])
def test_typed_contents_come_and_go(raw: Raw, kind: str) -> None:
    request = request_for("adds", id="7")
    array = numpy.array([0, 1, 1], dtype=DTYPES[kind])
    one = given(request, "x", kind, [3])
    getattr(one.contents, TYPED[kind]).extend(array.tolist())
    request.outputs.add(name="sum")
    answer = raw.infer(request)
    (output,) = answer.outputs
    assert not answer.raw_output_contents
    assert answer.id == "7"
    assert output.shape == [3]
    assert list(getattr(output.contents, TYPED[output.datatype])) == (array + 1.0).tolist()


def test_typed_floats_are_read_as_they_lie_there(raw: Raw) -> None:
    numbers = numpy.random.default_rng(1).random((64, 33), dtype="f4")
    request = request_for("adds")
    given(request, "x", "FP32", [64, 33]).contents.fp32_contents.extend(numbers.reshape(-1).tolist())
    request.outputs.add(name="sum")
    (output,) = raw.infer(request).outputs
    assert output.datatype == "FP32"
    assert numpy.array_equal(numpy.array(output.contents.fp32_contents, "f4"), (numbers + 1).reshape(-1))


def test_outputs_are_those_that_are_asked_for(client: Any) -> None:
    x = tensor("x", numpy.arange(6, dtype="f4").reshape(2, 3))
    every = client.infer("adds", [x, texts("name", "Zoë"), texts("tags", "a", "b")])
    assert [one.name for one in every.get_response().outputs] == ["sum", "name", "tags", "whole"]
    assert every.as_numpy("sum").dtype == numpy.float32
    assert every.as_numpy("name").tolist() == ["Zoë".encode()]
    assert json.loads(every.as_numpy("whole")[0]) == {"shape": [2, 3]}
    wanted = [triton.InferRequestedOutput("name"), triton.InferRequestedOutput("sum", class_count=2)]
    some = client.infer("adds", [x], outputs=wanted)
    assert [one.name for one in some.get_response().outputs] == ["name", "sum"]
    assert some.as_numpy("sum").tolist() == [[b"3.000000:2", b"2.000000:1"], [b"6.000000:2", b"5.000000:1"]]
    with pytest.raises(triton.InferenceServerException, match="no output 'other'; there is: sum, name"):
        client.infer("adds", [x], outputs=[triton.InferRequestedOutput("other")])


def test_files_and_parameters_are_arguments(client: Any) -> None:
    content = bytes(range(256))
    found = client.infer("reads", [texts("file", content)], parameters={"times": 2})
    assert found.as_numpy("output").tolist() == [content * 2]


def test_a_large_tensor_comes_as_a_file_and_goes_as_bytes(client: Any) -> None:
    array = numpy.arange(1 << 20, dtype="f4")
    found = client.infer("adds", [tensor("x", array)], outputs=[triton.InferRequestedOutput("sum")])
    assert numpy.array_equal(found.as_numpy("sum"), array + 1)


def test_a_stream_is_answered_whole_where_one_answer_is_asked_for(client: Any) -> None:
    count = tensor("count", numpy.array([3], dtype="i4"), "INT32")
    assert client.infer("streams", [count]).as_numpy("output").tolist() == [0, 1, 2]


def test_errors_are_statuses_that_clients_know(client: Any, site: tuple[Server, str]) -> None:
    x = tensor("x", numpy.array([0.0]), "FP64")
    with pytest.raises(triton.InferenceServerException, match="there is no model 'nothing'") as error:
        client.infer("nothing", [x])
    assert error.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(triton.InferenceServerException, match="there is no version 7|version") as error:
        client.infer("adds", [x], model_version="7")
    assert error.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(
        triton.InferenceServerException, match="no input 'file'; there is: x, k, name"
    ) as error:
        client.infer("adds", [texts("file", b"x")])
    assert error.value.status() == "StatusCode.INVALID_ARGUMENT"
    with pytest.raises(triton.InferenceServerException, match="I am a teapot") as error:
        client.infer("fails", [x])
    assert error.value.status() == "StatusCode.INVALID_ARGUMENT"
    with pytest.raises(triton.InferenceServerException, match="the secret of the model") as error:
        client.infer("fails", [tensor("x", numpy.array([2.0]), "FP64")])
    assert error.value.status() == "StatusCode.INTERNAL"
    assert "Traceback" not in str(error.value.debug_details())
    site[0].wait_for_log("the secret of the model")


OTHER_CLIENT = """
import sys
import grpc
from open_inference.grpc.protocol import (
    InferParameter, InferTensorContents, ModelInferRequest, ModelMetadataRequest, ServerLiveRequest,
)
from open_inference.grpc.service import GRPCInferenceServiceStub

with grpc.insecure_channel(sys.argv[1]) as channel:
    client = GRPCInferenceServiceStub(channel)
    assert client.ServerLive(ServerLiveRequest()).live
    assert client.ModelMetadata(ModelMetadataRequest(name="adds")).platform == "modelport"
    x = ModelInferRequest.InferInputTensor(
        name="x", shape=[2], datatype="FP64", contents=InferTensorContents(fp64_contents=[1, 2.5])
    )
    parameters = {"k": InferParameter(int64_param=2)}
    answer = client.ModelInfer(ModelInferRequest(model_name="adds", inputs=[x], parameters=parameters))
    print(list(answer.outputs[0].contents.fp64_contents))
"""


def test_the_clients_of_open_inference_are_answered(site: tuple[Server, str]) -> None:
    """In a process of its own: no two packages with this protocol can be in one."""
    command = [sys.executable, "-c", OTHER_CLIENT, site[1]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[3.0, 4.5]\n", done.stderr


# -- what is refused ---------------------------------------------------------------------------------


BAD_TENSORS = {
    "too few": ("FP32", [2, 2], bytes(12), "has 16 bytes, and its part of raw_input_contents has 12"),
    "too many": ("FP32", [1], bytes(8), "has 4 bytes, and its part of raw_input_contents has 8"),
    "none": ("FP32", [1], b"", "has 4 bytes, and its part of raw_input_contents has 0"),
    "negative": ("FP32", [-1], bytes(4), "none of them negative"),
    "2^63": ("FP32", [1 << 62, 2], bytes(4), "larger than any tensor"),
    "overflow": ("INT8", [1 << 62, 1 << 62], b"", "larger than any tensor"),
    "empty, and large": ("FP32", [1 << 40, 0], b"", "larger than any tensor"),
    "many axes": ("INT8", [1] * 33, bytes(1), "at most 32 axes"),
    "no type": ("FP31", [1], bytes(4), "its datatype must be one of BOOL"),
    "no type at all": ("", [1], bytes(4), "its datatype must be one of BOOL"),
    "cut off": ("BYTES", [1], struct.pack("<I", 9) + b"ab", "end within an element"),
    "shorter than a length": ("BYTES", [1], b"abc", "end within an element"),
    "too few texts": ("BYTES", [2], struct.pack("<I", 0), "has 2 elements, and its data 1"),
    "too many texts": ("BYTES", [1], bytes(4 << 10), "has 1 elements, and its data more"),
    "no switch": ("BOOL", [1], b"\2", "an element of BOOL is the byte 0 or 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_TENSORS)
def test_a_malformed_tensor_is_refused_by_its_name(raw: Raw, what: str) -> None:
    datatype, shape, content, words = BAD_TENSORS[what]
    request = request_for("adds")
    given(request, "x", datatype, shape, content)
    code, said = raw.refused(request)
    assert code is INVALID
    assert "the input 'x'" in said
    assert words in said


def typed(datatype: str, shape: list[int], **contents: list[Any]) -> Any:
    request = request_for("adds")
    one = given(request, "x", datatype, shape)
    for field, values in contents.items():
        getattr(one.contents, field).extend(values)
    return request


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (typed("FP32", [2], fp32_contents=[1]), "has 2 elements, and its data 1"),
        (typed("FP32", [1]), "has 1 elements, and its data 0"),
        (typed("FP32", [1], fp64_contents=[1]), "stand in fp32_contents, not in fp64_contents"),
        (typed("FP16", [1], fp32_contents=[1]), "elements of FP16 come in raw_input_contents alone"),
        (typed("INT8", [1], int_contents=[128]), "a number in it is out of the range of INT8"),
        (typed("UINT16", [1], uint_contents=[1 << 16]), "a number in it is out of the range of UINT16"),
        (typed("FP32", [1 << 62, 2], fp32_contents=[1]), "larger than any tensor"),
    ],
)  # fmt: skip
def test_malformed_typed_contents_are_refused_by_their_name(raw: Raw, request_: Any, words: str) -> None:
    code, said = raw.refused(request_)
    assert code is INVALID
    assert "the input 'x'" in said
    assert words in said


def test_a_malformed_request_is_refused(raw: Raw) -> None:
    request = request_for("adds")
    given(request, "x", "FP32", [1], bytes(4))
    request.raw_input_contents.append(bytes(4))
    assert raw.refused(request) == (
        INVALID,
        "raw_input_contents has the elements of 1 inputs more than there are",
    )
    fewer = request_for("adds")
    given(fewer, "x", "FP32", [1], bytes(4))
    given(fewer, "k", "FP64", [1])
    assert raw.refused(fewer) == (INVALID, "the input 'k' has no elements: raw_input_contents ends before")
    both = request_for("adds")
    given(both, "x", "FP32", [1], bytes(4)).contents.fp32_contents.append(1)
    assert "send one of them" in raw.refused(both)[1]
    twice = request_for("adds")
    for _ in range(2):
        given(twice, "x", "FP32", [1], bytes(4))
    assert "the input 'x' is there twice" in raw.refused(twice)[1]
    nameless = request_for("adds")
    given(nameless, "", "FP32", [1], bytes(4))
    assert raw.refused(nameless) == (INVALID, "an input has no name")
    asked_twice = request_for("adds")
    given(asked_twice, "x", "FP32", [1], bytes(4))
    for _ in range(2):
        asked_twice.outputs.add().name = "sum"
    assert raw.refused(asked_twice) == (INVALID, "the output 'sum' is asked for twice")
    for name, words in (
        ("sequence_id", "keep no state between requests"),
        ("other", "'other' is unknown"),
        ("shared_memory_region", "'shared_memory_region' is unknown"),
    ):
        asked = request_for("adds")
        asked.parameters[name].int64_param = 1
        given(asked, "x", "FP32", [1], bytes(4))
        assert words in raw.refused(asked)[1]
    shared = request_for("adds")
    parameters = given(shared, "x", "FP32", [1]).parameters
    parameters["shared_memory_region"].string_param = "a"
    parameters["shared_memory_byte_size"].int64_param = 4
    assert "you have registered no region 'a'" in raw.refused(shared)[1]
    empty = request_for("adds")
    empty.parameters["k"].Clear()
    given(empty, "x", "FP32", [1], bytes(4))
    assert raw.refused(empty) == (INVALID, "the parameter 'k' has no value")


def test_a_message_that_is_none_is_refused(raw: Raw) -> None:
    request = request_for("adds")
    given(request, "x", "FP32", [1], bytes(4))
    whole = request.SerializeToString()
    assert raw.refused(b"")[0] is NOT_FOUND  # no model is named
    assert raw.refused(whole[:-1]) == (
        INVALID,
        "the message is cut off: a field is longer than what is left of it",
    )
    assert "no UTF-8" in raw.refused(b"\x0a\x01\xff")[1]
    assert "has no field 99 here" in raw.refused(whole + b"\x98\x06\x01")[1]
    assert "more than" in raw.refused(whole + b"\x2a\x00" * (1 << 13))[1]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given_any(st.binary(max_size=200))
def test_garbage_in_the_place_of_a_tensor_is_refused(raw: Raw, garbage: bytes) -> None:
    """The model's name is right, what follows is not."""
    head = request_for("adds").SerializeToString()
    for number in (5, 7):  # inputs, raw_input_contents
        code, said = raw.refused(head + bytes([number << 3 | 2]) + _sized(garbage))
        assert code is INVALID, said
        assert "Traceback" not in said


def _sized(data: bytes) -> bytes:
    size = len(data)
    return (bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])) + data


def test_what_is_not_there_is_unimplemented(raw: Raw, client: Any) -> None:
    for call in (
        client.get_cuda_shared_memory_status,
        client.unregister_cuda_shared_memory,
        lambda: client.register_cuda_shared_memory("mine", b"", 0, 1),
        lambda: client.update_trace_settings(settings={"trace_level": ["TENSORS"]}),
        lambda: client.update_log_settings({"log_info": False}),
    ):
        with pytest.raises(triton.InferenceServerException) as unknown:
            call()
        assert unknown.value.status() == "StatusCode.UNIMPLEMENTED"
    with pytest.raises(grpc.RpcError) as error:
        raw("/inference.GRPCInferenceService/Nothing", b"")
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(triton.InferenceServerException, match="or a version") as refused:
        client.get_model_metadata("adds/versions")
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_no_http_request_reaches_what_is_for_grpc(site: tuple[Server, str]) -> None:
    path = "/inference.GRPCInferenceService/ModelInfer"
    assert site[0].client.post(path, content=b"").status_code == 404
    assert site[0].client.request("GRPC", path, content=b"").status_code in (400, 404, 405)
