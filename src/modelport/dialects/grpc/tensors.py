"""From a `ModelInferRequest` to a request for an inference, and from outputs to a `ModelInferResponse`.

What can go wrong with tensors, and what answers it, is said where those of JSON are read (`oip.tensors`).
"""

from __future__ import annotations

from typing import Any, cast

from modelport.contract.errors import BadRequest
from modelport.dialects.grpc.bodies import PROTOCOL, REQUEST
from modelport.dialects.grpc.wire import BadMessage, read
from modelport.dialects.oip.datatypes import BYTES, Datatype
from modelport.dialects.oip.outputs import Output
from modelport.dialects.oip.regions import ClientMemory, Place, place_among
from modelport.dialects.oip.tensors import (
    BINARY_SIZE,
    Request,
    Tensor,
    asked_output,
    check_count,
    elements_in,
    refuse_parameters,
    take_bytes,
    take_shared,
    tensor_of,
    whose_input,
)

RAW = "raw_input_contents"
# By the datatype, the field of `InferTensorContents` in which elements stand that are not raw.
CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents", "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents", "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}  # fmt: skip


def request_of(body: bytes, shared: ClientMemory) -> tuple[Request, bool]:
    """The request that a message is, and whether its tensors are raw. Raises `BadRequest`.

    `shared` has the memory of clients, where tensors may be.
    """
    try:
        sent = read(PROTOCOL, REQUEST, body)
    except BadMessage as error:
        raise BadRequest(str(error)) from None
    raw: list[Any] = sent.get(RAW, [])
    given: list[dict[str, Any]] = sent.get("inputs", [])
    inputs: list[Tensor] = []
    names: set[str] = set()
    left = iter(raw)
    for one in given:
        tensor, place = _begun(one)
        if tensor.name in names:
            raise BadRequest(f"{whose_input(tensor.name)} is there twice")
        names.add(tensor.name)
        contents = {key: values for key, values in one.get("contents", {}).items() if len(values)}
        if place is not None:
            if contents:
                raise BadRequest(f"{whose_input(tensor.name)} has contents, and is in shared memory")
            take_shared(tensor, place, shared)
        elif raw:
            _take_raw(tensor, contents, next(left, None))
        else:
            _take_contents(tensor, contents)
        inputs.append(tensor)
    if (rest := len(list(left))) > 0:
        raise BadRequest(f"{RAW} has the elements of {rest} inputs more than there are")
    outputs = [
        asked_output({"name": one.get("name"), "parameters": _parameters(one)}, True)
        for one in sent.get("outputs", [])
    ]
    is_raw = bool(raw) or not inputs
    return Request(sent.get("id", ""), inputs, outputs or None, is_raw, _parameters(sent)), is_raw


def _parameters(sent: dict[str, Any]) -> dict[str, Any]:
    """Parameters, each with the one value that it has."""
    found: dict[str, Any] = {}
    for name, choice in sent.get("parameters", {}).items():
        if not choice:
            raise BadRequest(f"the parameter {name[:100]!r} has no value")
        found[name] = next(iter(choice.values()))
    return found


def _begun(sent: dict[str, Any]) -> tuple[Tensor, Place | None]:
    """A tensor without its elements, and where in the client's memory these are, if they are there."""
    name = sent.get("name", "")
    if not name:
        raise BadRequest("an input has no name")
    whose = whose_input(name)
    tensor = tensor_of(name, sent.get("datatype"), list(sent.get("shape", [])), _parameters(sent))
    if BINARY_SIZE in tensor.parameters:
        raise BadRequest(f"{whose} has {BINARY_SIZE}, which is of HTTP: by gRPC bytes stand in {RAW}")
    place = place_among(whose, tensor.parameters)
    refuse_parameters(tensor)
    return tensor, place


def _take_raw(tensor: Tensor, contents: dict[str, Any], raw: Any) -> None:
    """Give a tensor the bytes that are its elements."""
    whose = whose_input(tensor.name)
    if contents:
        raise BadRequest(f"{whose} has contents, and {RAW} has those of all: send one of them")
    if raw is None:
        raise BadRequest(f"{whose} has no elements: {RAW} ends before")
    take_bytes(tensor, memoryview(raw), f"its part of {RAW} has")


def _take_contents(tensor: Tensor, contents: dict[str, Any]) -> None:
    """Give a tensor the elements that came typed."""
    whose, datatype = whose_input(tensor.name), tensor.datatype
    field = CONTENTS.get(datatype.name)
    if field is None:
        raise BadRequest(f"{whose}: elements of {datatype.name} come in {RAW} alone")
    for other in contents:
        if other != field:
            raise BadRequest(f"{whose}: elements of {datatype.name} stand in {field}, not in {other}")
    found = contents.get(field, [])
    check_count(tensor, len(found))
    if isinstance(found, memoryview):  # they lie there as an array has them
        tensor.data = found.cast("B")
    elif datatype.name == BYTES:
        tensor.elements = [bytes(one) for one in found]
    else:
        tensor.elements = elements_in(tensor, found)


def response_of(
    head: dict[str, Any],
    outputs: list[Output],
    *,
    is_raw: bool,
    placed: dict[str, dict[str, Any]],
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The fields of a `ModelInferResponse`: raw, or typed where each output has such a field.

    Of those that are `placed` in the memory of the client the parameters tell where.
    """
    is_raw = is_raw or any(one.datatype.name not in CONTENTS for one in outputs)
    shown: list[dict[str, Any]] = []
    for one in outputs:
        said: dict[str, Any] = {"name": one.name, "datatype": one.datatype.name, "shape": one.shape}
        if one.name in placed:
            said["parameters"] = {name: _choice(value) for name, value in placed[one.name].items()}
        elif not is_raw:
            said["contents"] = {CONTENTS[one.datatype.name]: _plain(one.flat(), one.datatype)}
        shown.append(said)
    found = {**head, "outputs": shown}
    if is_raw:
        found["raw_output_contents"] = [one.binary() for one in outputs if one.name not in placed]
    if parameters:
        found["parameters"] = {name: _choice(value) for name, value in parameters.items()}
    return found


def _plain(elements: list[Any], datatype: Datatype) -> list[Any]:
    return cast("list[Any]", [int(one) for one in elements]) if datatype.kind == "bool" else elements


def _choice(value: Any) -> dict[str, Any]:
    """A parameter as its message has it."""
    if isinstance(value, bool):
        return {"bool_param": value}
    return {"int64_param": value} if isinstance(value, int) else {"string_param": str(value)}
