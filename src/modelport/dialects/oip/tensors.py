"""Tensors out of requests: JSON, flat or nested, and bytes behind the JSON.

What can go wrong, and what answers it: each is a 400 that names the tensor, found before anything of the size
that it claims is made.

- *The shape is no shape*: negative, no integers, of more axes or elements than anything has.
- *The data are not as many as the shape says*, nested otherwise, ragged, or of another type than theirs.
- *The JSON is not as long as the header says*, the bytes behind it are cut off, or nobody owns the last ones.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import Any, cast

import msgspec

from modelport.contract.errors import BadRequest
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.oip.bodies import json_of
from modelport.dialects.oip.datatypes import (
    BYTES,
    DATATYPES,
    Datatype,
    elements_of,
    has_only_booleans,
    texts_of,
)
from modelport.dialects.oip.regions import ClientMemory, Place, place_among

MAX_AXES = 32
INTEGERS = frozenset({int})
MOST_ELEMENTS = 1 << 48
MOST_EMPTY = 1 << 20  # lists in lists, which nothing is in
FEW_LISTS, LISTS_OF_ONE = 1 << 16, 2  # that a tensor may be, and that an element of it may be in beside
SHOWN = 100  # characters of a name in a message
KINDS: dict[str, set[type]] = {"bool": {bool}, "int": {int}, "float": {float, int}, "bytes": {str}}
WORDS = {"bool": "booleans", "int": "integers", "float": "numbers", "bytes": "texts"}
OF_TENSOR = frozenset({"name", "shape", "datatype", "parameters", "data"})
BINARY_SIZE = "binary_data_size"
MODEL_NAME = "model_name"
OF_REQUEST = frozenset({"id", "inputs", "outputs", "parameters", MODEL_NAME})


class Tensor(msgspec.Struct):
    """One input. `elements` are in the order of rows, those of BYTES as bytes; else they lie in `data`."""

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: dict[str, Any]
    elements: list[Any] | None = None
    data: memoryview | None = None

    @property
    def count(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)

    def flat(self) -> list[Any]:
        """Every element, in order."""
        if self.elements is not None:
            return self.elements
        assert self.data is not None
        return elements_of(self.data, self.datatype)

    def nested(self) -> Any:
        """The elements in lists, as deep as it has axes; without any, the one element.

        Raises `BadRequest` for a shape of few elements in many lists, which cost as much as those.
        """
        if (len(self.shape) > 2 or 0 in self.shape) and self._lists > FEW_LISTS + LISTS_OF_ONE * self.count:
            raise BadRequest(
                f"{whose_input(self.name)}: its shape {self.shape} is lists in lists with little in them: "
                "leave out axes of length 1, or send fewer elements"
            )
        level = self.flat()
        for axis in range(len(self.shape) - 1, 0, -1):
            length = self.shape[axis]
            level = [level[at * length : (at + 1) * length] for at in range(math.prod(self.shape[:axis]))]
        return level if self.shape else level[0]

    @property
    def _lists(self) -> int:
        """How many lists it is within the outermost one."""
        return sum(math.prod(self.shape[:axis]) for axis in range(1, len(self.shape)))

    def array(self) -> Any:
        """The elements as an array of numpy, which nobody may write to if they came as bytes.

        Raises `BadRequest` for numbers that are larger than any of its datatype.
        """
        import numpy

        if self.data is None or self.datatype.name == "BF16":
            if self.datatype.name == BYTES:
                array = numpy.empty(self.count, dtype=object)
                array[:] = [text_of(self.name, one) for one in self.flat()]
                return array.reshape(self.shape)
            if self.datatype.kind != "float" or self.datatype.size > 4:  # they have been looked at
                return numpy.array(self.flat(), dtype=self.datatype.numpy).reshape(self.shape)
            try:
                with numpy.errstate(over="raise"):
                    return numpy.array(self.flat(), dtype=self.datatype.numpy).reshape(self.shape)
            except FloatingPointError:
                raise BadRequest(
                    f"{whose_input(self.name)}: a number in it is out of the range of {self.datatype.name}"
                ) from None
        return numpy.frombuffer(self.data, dtype=self.datatype.numpy).reshape(self.shape)


class Asked(msgspec.Struct):
    """One of the outputs that a request asks for. `place` is where in the client's memory it is to go."""

    name: str
    is_binary: bool
    classes: int = 0  # how many of the largest values are wanted, as texts, instead of all
    place: Place | None = None


class Request(msgspec.Struct):
    """What a request says. `outputs` are those that it asks for, `None` for all.

    `keeps_timeout` says that the server looks at its parameter `timeout`. `model_name` is what KServe's
    client repeats of the path.
    """

    id: str
    inputs: list[Tensor]
    outputs: list[Asked] | None
    is_binary: bool
    parameters: dict[str, Any]
    keeps_timeout: bool = False
    model_name: Any = None


def read_request(
    body: bytes | memoryview, header_length: str | None, depth: int, shared: ClientMemory
) -> Request:
    """A request. `header_length` is the field `Inference-Header-Content-Length`: where its JSON ends.

    `shared` has the memory of clients, where tensors may be.

    Raises `BadRequest`.
    """
    end = len(body) if header_length is None else _length(header_length, len(body))
    sent = parse_json(json_of(body, end), depth)
    if not isinstance(sent, dict):
        raise BadRequest('the body is no JSON object: send {"inputs": [{"name": …, "shape": …, …}]}')
    fields = cast("dict[str, Any]", sent)
    if not fields.keys() <= OF_REQUEST:
        unknown = sorted(fields.keys() - OF_REQUEST)[0]
        raise BadRequest(f"{unknown[:SHOWN]!r} is nothing that an inference request has", 422)
    parameters = _parameters("the request", fields)
    is_binary = _flag("the request", parameters, "binary_data_output") or False
    rest = memoryview(body)[end:]
    inputs: dict[str, Tensor] = {}
    for one in _objects(fields, "inputs"):
        tensor, rest = _tensor(one, rest, shared)
        if tensor.name in inputs:
            raise BadRequest(f"the input {tensor.name[:SHOWN]!r} is there twice")
        inputs[tensor.name] = tensor
    if rest:
        raise BadRequest(f"{len(rest)} bytes stand behind the last tensor: no {BINARY_SIZE} counts them")
    outputs = (
        [asked_output(one, is_binary) for one in _objects(fields, "outputs")] if "outputs" in fields else None
    )
    given = fields.get("id", "")
    if not isinstance(given, str):
        raise BadRequest("the id of the request is no text")
    request = Request(given, list(inputs.values()), outputs or None, is_binary, parameters)
    request.model_name = fields.get(MODEL_NAME)
    return request


def _length(text: str, most: int) -> int:
    length = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not 0 <= length <= most:
        raise BadRequest(
            f"Inference-Header-Content-Length is {text[:SHOWN]!r}: it must be the length of the JSON, "
            f"at most that of the body, {most}"
        )
    return length


def _objects(fields: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = fields.get(key)
    if not isinstance(found, list) or set(map(type, cast("list[Any]", found))) - {dict}:
        raise BadRequest(f"{key!r} must be a list of objects")
    return cast("list[dict[str, Any]]", found)


def _parameters(whose: str, fields: dict[str, Any]) -> dict[str, Any]:
    found = fields.get("parameters")
    if found is None and "parameters" not in fields:
        return {}
    if not isinstance(found, dict):
        raise BadRequest(f"the parameters of {whose} are no object")
    return dict(cast("dict[str, Any]", found))


def _flag(whose: str, parameters: dict[str, Any], name: str) -> bool | None:
    """A switch among parameters, which is taken from them."""
    found = parameters.pop(name, None)
    if found is not None and not isinstance(found, bool):
        raise BadRequest(f"{name} of {whose} must be true or false")
    return found


def _name(one: dict[str, Any], what: str) -> str:
    name = one.get("name")
    if not isinstance(name, str) or not name:
        raise BadRequest(f"an {what} has no name")
    return name


def _tensor(one: dict[str, Any], rest: memoryview, shared: ClientMemory) -> tuple[Tensor, memoryview]:
    """A tensor, and the bytes that are left behind its own."""
    name = _name(one, "input")
    if not one.keys() <= OF_TENSOR:
        unknown = sorted(one.keys() - OF_TENSOR)[0]
        raise BadRequest(f"{whose_input(name)} has {unknown[:SHOWN]!r}, which is nothing of a tensor")
    if "parameters" not in one and "data" in one:  # as most are that are JSON
        tensor = tensor_of(name, one.get("datatype"), one.get("shape"), {})
        tensor.elements = elements_in(tensor, one["data"])
        return tensor, rest
    whose = whose_input(name)
    tensor = tensor_of(name, one.get("datatype"), one.get("shape"), _parameters(whose, one))
    size = tensor.parameters.pop(BINARY_SIZE, None)
    place = place_among(whose, tensor.parameters)
    refuse_parameters(tensor)
    if place is not None:
        if "data" in one or size is not None:
            raise BadRequest(f"{whose} has data, and is in shared memory: send one of them")
        take_shared(tensor, place, shared)
        return tensor, rest
    if size is None:
        if "data" not in one:
            raise BadRequest(
                f"{whose} has no data: neither 'data', nor {BINARY_SIZE} and bytes behind the JSON"
            )
        tensor.elements = elements_in(tensor, one["data"])
        return tensor, rest
    if "data" in one:
        raise BadRequest(f"{whose} has 'data' and {BINARY_SIZE}: send one of them")
    if type(size) is not int or not 0 <= size <= len(rest):
        raise BadRequest(
            f"{whose}: its {BINARY_SIZE} is {size!r:.100}, and {len(rest)} bytes are left for it"
        )
    take_bytes(tensor, rest[:size], f"its {BINARY_SIZE} is")
    return tensor, rest[size:]


def whose_input(name: str) -> str:
    """How messages name an input."""
    return f"the input {name[:SHOWN]!r}"


def tensor_of(name: str, datatype: Any, shape: Any, parameters: dict[str, Any]) -> Tensor:
    """An input without its elements. Raises `BadRequest`, as all here does."""
    found = DATATYPES.get(datatype) if isinstance(datatype, str) else None
    if found is None:
        raise BadRequest(f"{whose_input(name)}: its datatype must be one of {', '.join(DATATYPES)}")
    return Tensor(name, found, _shape(name, shape), parameters)


def refuse_parameters(tensor: Tensor) -> None:
    """Refuse the parameters of an input that say what is not heard."""
    for other in tensor.parameters:
        if other != "content_type":
            raise BadRequest(
                f"{whose_input(tensor.name)}: the parameter {other[:SHOWN]!r} is unknown; leave it out"
            )


def _shape(name: str, shape: Any) -> list[int]:
    if not isinstance(shape, list) or not INTEGERS.issuperset(map(type, cast("list[Any]", shape))):
        raise BadRequest(f"{whose_input(name)}: its shape must be a list of integers")
    axes = cast("list[int]", shape)
    if len(axes) > MAX_AXES or (axes and min(axes) < 0):
        raise BadRequest(f"{whose_input(name)}: its shape has at most {MAX_AXES} axes, none of them negative")
    if math.prod(axes) > MOST_ELEMENTS or (0 in axes and math.prod(filter(None, axes)) > MOST_EMPTY):
        raise BadRequest(f"{whose_input(name)}: its shape {axes} is larger than any tensor")
    return axes


def elements_in(tensor: Tensor, data: Any) -> list[Any]:
    """The elements of a tensor as JSON has them, which are checked. Those of BYTES become bytes."""
    if not isinstance(data, list):
        if tensor.shape or isinstance(data, dict):
            raise BadRequest(f"{whose_input(tensor.name)}: its data must be a list")
        data = [data]
    elements = cast("list[Any]", data)
    if elements and isinstance(elements[0], list):
        elements = _flattened(whose_input(tensor.name), tensor, elements)
    check_count(tensor, len(elements))
    datatype = tensor.datatype
    if not KINDS[datatype.kind].issuperset(map(type, elements)):
        raise BadRequest(
            f"{whose_input(tensor.name)}: data of {datatype.name} are {WORDS[datatype.kind]}, and no others"
        )
    if datatype.kind == "int" and elements and not _fits(elements, datatype):
        raise BadRequest(f"{whose_input(tensor.name)}: a number in it is out of the range of {datatype.name}")
    if datatype.name == BYTES:
        return [one.encode() for one in elements]
    return elements


def _fits(elements: list[int], datatype: Datatype) -> bool:
    return datatype.least <= min(elements) and max(elements) <= datatype.most


def _flattened(whose: str, tensor: Tensor, data: list[Any]) -> list[Any]:
    level = data
    for axis, length in enumerate(tensor.shape):
        if axis and set(map(len, level)) - {length}:
            raise BadRequest(f"{whose}: its data are not nested as its shape {tensor.shape} says")
        if axis:
            level = list(chain.from_iterable(level))
        elif len(level) != length:
            raise BadRequest(f"{whose}: its data are not nested as its shape {tensor.shape} says")
        is_last = axis == len(tensor.shape) - 1
        if not is_last and not all(type(one) is list for one in level):
            raise BadRequest(f"{whose}: its data are not nested as its shape {tensor.shape} says")
    return level


def check_count(tensor: Tensor, count: int) -> None:
    """Refuse a tensor that has come with another number of elements than its shape says."""
    if count != tensor.count:
        raise BadRequest(
            f"{whose_input(tensor.name)}: its shape {tensor.shape} has {tensor.count} elements, "
            f"and its data {count}"
        )


def take_bytes(tensor: Tensor, data: memoryview, have: str) -> None:
    """Give a tensor the bytes that are its elements. Messages say that its bytes `have` so many."""
    whose = whose_input(tensor.name)
    if tensor.datatype.name == BYTES:
        elements = texts_of(data, tensor.count)
        if elements is None:
            raise BadRequest(
                f"{whose}: its bytes end within an element: each comes after its length, in 4 bytes"
            )
        if len(elements) > tensor.count:
            raise BadRequest(
                f"{whose}: its shape {tensor.shape} has {tensor.count} elements, and its data more"
            )
        check_count(tensor, len(elements))
        tensor.elements = elements
        return
    check_size(tensor, len(data), have)
    tensor.data = data
    if tensor.datatype.name == "BOOL" and not has_only_booleans(data):
        raise BadRequest(f"{whose}: an element of BOOL is the byte 0 or 1")


def check_size(tensor: Tensor, size: int, have: str) -> None:
    """Refuse a tensor of another number of bytes than its shape says. Messages say who `have` so many."""
    wanted = tensor.count * tensor.datatype.size
    if size != wanted and tensor.datatype.name != BYTES:
        raise BadRequest(
            f"{whose_input(tensor.name)}: its shape {tensor.shape} of {tensor.datatype.name} has {wanted} "
            f"bytes, and {have} {size}"
        )


def take_shared(tensor: Tensor, place: Place, shared: ClientMemory) -> None:
    """Give a tensor the elements that lie in the memory of its client."""
    check_size(tensor, place.size, "its place in shared memory has")
    found = shared.read(whose_input(tensor.name), place)
    take_bytes(tensor, found, "its place in shared memory has")


def asked_output(one: dict[str, Any], is_binary: bool) -> Asked:
    """An output that is asked for."""
    name = _name(one, "output")
    whose = f"the output {name[:SHOWN]!r}"
    unknown = one.keys() - {"name", "parameters"}
    if unknown:
        raise BadRequest(f"{whose} has {sorted(unknown)[0][:SHOWN]!r}, which no asked output has")
    parameters = _parameters(whose, one)
    binary = _flag(whose, parameters, "binary_data")
    classes = parameters.pop("classification", 0)
    place = place_among(whose, parameters)
    if type(classes) is not int or classes < 0:
        raise BadRequest(f"{whose}: classification must be a number of classes")
    for other in parameters:
        raise BadRequest(f"{whose}: the parameter {other[:SHOWN]!r} is unknown; leave it out")
    return Asked(name, is_binary if binary is None else binary, classes, place)


def text_of(name: str, element: bytes) -> str:
    """An element of BYTES as text. Raises `BadRequest` if it is none."""
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"the input {name[:SHOWN]!r}: an element of it is no UTF-8") from None
