"""Our messages of gRPC, judged by protobuf and the classes that others have generated: no server runs."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2, service_pb2

from modelport.dialects.grpc.described import descriptor
from modelport.dialects.grpc.schema import protocol
from modelport.dialects.grpc.wire import MOST_OUTER, BadMessage, read, read_names, written

OWN = {"inference": "inference", "health": "grpc.health.v1", "reflection": "grpc.reflection.v1"}
REQUEST = "inference.ModelInferRequest"
NAMES = {1: "model_name", 2: "model_version"}


def own_pool(name: str, package: str = "") -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(descriptor_pb2.FileDescriptorProto.FromString(descriptor(name, package)))
    return pool


def theirs(full: str) -> Any:
    """The generated class that others have for a message of ours."""
    module, _, short = full.rpartition(".")
    if module.startswith("inference"):
        outer = full.split(".")[1:]
        found: Any = service_pb2 if hasattr(service_pb2, outer[0]) else model_config_pb2
        for part in outer:
            found = getattr(found, part)
        return found
    return getattr(health_pb2 if "health" in module else reflection_pb2, short)


MESSAGES = [name for file in OWN for name in protocol(file).messages]


@pytest.mark.parametrize("full", MESSAGES)
def test_our_fields_are_those_of_the_protocol(full: str) -> None:
    file = next(name for name, package in OWN.items() if full.startswith(package))
    ours = own_pool(file).FindMessageTypeByName(full)
    known = theirs(full).DESCRIPTOR.fields_by_name
    for one in ours.fields:
        other = known[one.name]
        assert (one.number, one.type, one.is_repeated) == (other.number, other.type, other.is_repeated)
        assert (one.containing_oneof is None) == (other.containing_oneof is None)
        if one.message_type is not None and not one.message_type.GetOptions().map_entry:
            assert one.message_type.name == other.message_type.name


def test_our_methods_are_those_of_the_protocol() -> None:
    ours = own_pool("inference").FindServiceByName("inference.GRPCInferenceService")
    known = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
    for one in ours.methods:
        other = known[one.name]
        assert (one.input_type.full_name, one.output_type.full_name) == (
            other.input_type.full_name,
            other.output_type.full_name,
        )
        assert (one.client_streaming, one.server_streaming) == (
            other.client_streaming,
            other.server_streaming,
        )
    older = own_pool("reflection", "grpc.reflection.v1alpha")
    service = older.FindServiceByName("grpc.reflection.v1alpha.ServerReflection")
    assert service.methods[0].input_type.full_name == "grpc.reflection.v1alpha.ServerReflectionRequest"


def test_our_numbers_of_datatypes_are_those_of_the_protocol() -> None:
    assert protocol("inference").enums["inference.DataType"] == dict(model_config_pb2.DataType.items())


TEXTS = st.text(max_size=8)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "double": st.floats(allow_nan=False),
    "float": st.floats(allow_nan=False, width=32),
    "int64": st.integers(-(1 << 63), (1 << 63) - 1),
    "uint64": st.integers(0, (1 << 64) - 1),
    "int32": st.integers(-(1 << 31), (1 << 31) - 1),
    "uint32": st.integers(0, (1 << 32) - 1),
    "bool": st.booleans(),
    "string": TEXTS,
    "bytes": st.binary(max_size=8),
}


def values_of(file: str, full: str) -> st.SearchStrategy[dict[str, Any]]:
    """What a message may have, as we hold it."""
    of = protocol(file)
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for one in of.messages[full].fields.values():
        if one.kind == "message":
            value: st.SearchStrategy[Any] = st.deferred(lambda type=one.type: values_of(file, type))
        elif one.kind == "enum":
            value = st.sampled_from(list(of.enums[one.type].values()))
        else:
            value = VALUES[one.kind]
        if one.is_map:
            value = st.dictionaries(TEXTS, value, max_size=3)
        elif one.is_repeated:
            value = st.lists(value, max_size=4)
        optional[one.name] = value
    return st.fixed_dictionaries({}, optional=optional).map(lambda found: one_choice(file, full, found))


def one_choice(file: str, full: str, found: dict[str, Any]) -> dict[str, Any]:
    """Without the second choice of each oneof."""
    chosen: set[str] = set()
    kept: dict[str, Any] = {}
    for one in protocol(file).messages[full].fields.values():
        if one.name not in found or (one.oneof and one.oneof in chosen):
            continue
        chosen.add(one.oneof)
        kept[one.name] = found[one.name]
    return kept


def as_lists(value: Any) -> Any:
    """Views as lists or bytes, so that they can be compared."""
    if isinstance(value, dict):
        return {key: as_lists(one) for key, one in value.items()}
    if isinstance(value, list):
        return [as_lists(one) for one in value]
    return (
        (bytes(value) if value.format == "B" else value.tolist()) if isinstance(value, memoryview) else value
    )


@settings(max_examples=300, deadline=None)
@given(values_of("inference", REQUEST))
def test_a_request_that_they_write_is_read_as_they_read_it(values: dict[str, Any]) -> None:
    made = theirs(REQUEST).FromString(written("inference", REQUEST, values))
    ours = as_lists(read("inference", REQUEST, made.SerializeToString(deterministic=True)))
    again = theirs(REQUEST).FromString(written("inference", REQUEST, ours))
    assert again == made
    names = read_names(made.SerializeToString(), NAMES)
    assert names == {"model_name": made.model_name, "model_version": made.model_version}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(MESSAGES), st.data())
def test_every_message_of_ours_is_one_of_theirs(full: str, data: st.DataObject) -> None:
    file = next(name for name, package in OWN.items() if full.startswith(package))
    values = data.draw(values_of(file, full))
    made = theirs(full).FromString(written(file, full, values))
    again = read(file, full, made.SerializeToString())
    assert theirs(full).FromString(written(file, full, as_lists(again))) == made


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=64))
def test_any_bytes_are_a_message_or_are_refused(data: bytes) -> None:
    """What we read, protobuf reads, too; what it refuses, we refuse."""
    try:
        found = read("inference", REQUEST, data)
    except BadMessage:
        with_names(data)
        return
    made = theirs(REQUEST).FromString(data)
    assert theirs(REQUEST).FromString(written("inference", REQUEST, as_lists(found))) == made
    assert with_names(data) == {"model_name": made.model_name, "model_version": made.model_version}


def with_names(data: bytes) -> dict[str, str] | None:
    try:
        return read_names(data, NAMES)
    except BadMessage:
        return None


def test_any_end_of_a_request_is_refused_or_read() -> None:
    made = service_pb2.ModelInferRequest(model_name="m", id="7", raw_input_contents=[b"abcd"])
    one = made.inputs.add(name="x", datatype="FP32", shape=[1])
    one.parameters["a"].int64_param = -3
    whole = made.SerializeToString()
    for end in range(len(whole)):
        try:
            read("inference", REQUEST, whole[:end])
        except BadMessage:
            continue
        theirs(REQUEST).FromString(whole[:end])  # raises if it is none
    with pytest.raises(message.DecodeError):
        theirs(REQUEST).FromString(whole[:-1])
    with pytest.raises(BadMessage, match="cut off"):
        read("inference", REQUEST, whole[:-1])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x52\x00", "ModelInferRequest has no field 10"),
        (b"\x08\x01", "model_name of ModelInferRequest is of another type"),
        (b"\x0a\x01\xff", "model_name is no UTF-8"),
        (b"\x0a\x05ab", "cut off"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "no message of protobuf's"),
        (b"\x0b\x0c", "another type"),
        (b"\x07", "no message of protobuf's"),
        (b"\x00\x00", "no message of protobuf's"),
    ],
)
def test_what_is_no_request_is_told_why(data: bytes, words: str) -> None:
    with pytest.raises(BadMessage, match=words):
        read("inference", REQUEST, data)


def test_many_tiny_fields_are_refused() -> None:
    with pytest.raises(BadMessage, match="more than"):
        read_names(b"\x2a\x00" * (MOST_OUTER + 1), NAMES)
    with pytest.raises(BadMessage, match="more than"):
        read("inference", REQUEST, b"\x2a\x00" * (1 << 17))


def test_a_raw_tensor_is_not_copied() -> None:
    body = written("inference", REQUEST, {"raw_input_contents": [bytes(1 << 16)]})
    (raw,) = read("inference", REQUEST, body)["raw_input_contents"]
    assert isinstance(raw, memoryview)
    assert raw.obj is body
