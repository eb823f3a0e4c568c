"""From what a model answers to the tensors of an answer.

An object has an output for each of its keys, anything else is the one output `output`. What has the form of
a tensor is one: arrays, numbers, texts, lists of them that are not ragged. What has not is BYTES: files and
bytes as they are, anything else as the JSON of it.
"""

from __future__ import annotations

import base64
import heapq
import math
from collections.abc import Callable
from itertools import chain
from typing import Any, cast

import msgspec

from modelport.contract.errors import BadRequest
from modelport.contract.packed_values import is_array
from modelport.contract.plain import key_text, plain
from modelport.dialects.oip.datatypes import BY_NUMPY, BYTES, DATATYPES, Datatype, binary_of
from modelport.dialects.oip.described import OUTPUT
from modelport.dialects.oip.tensors import SHOWN, Asked

INT64, FP64, BOOL = DATATYPES["INT64"], DATATYPES["FP64"], DATATYPES["BOOL"]
TEXTS = DATATYPES[BYTES]


class Output(msgspec.Struct):
    """One output. `array` has its elements where it is one of numbers, else they are `elements`, flat."""

    name: str
    datatype: Datatype
    shape: list[int]
    elements: list[Any] | None = None
    array: Any = None

    def flat(self) -> list[Any]:
        """Every element, in order; those of BYTES as bytes."""
        return self.array.reshape(-1).tolist() if self.elements is None else self.elements

    def binary(self) -> bytes:
        """The elements as bytes."""
        if self.elements is not None:
            return binary_of(self.elements, self.datatype)
        return self.array.astype(self.datatype.numpy, copy=False).tobytes()


def outputs_of_value(value: Any, content_of: Callable[[Any], bytes | None]) -> list[Output]:
    """The outputs that an answer is. `content_of` has the bytes of a file or a picture; `None` for others."""
    if isinstance(value, dict) and value:
        answer = cast("dict[Any, Any]", value)
        return [_output(key_text(key), one, content_of) for key, one in answer.items()]
    return [_output(OUTPUT, value, content_of)]


def _output(name: str, value: Any, content_of: Callable[[Any], bytes | None]) -> Output:
    kind = cast("type[object]", type(value))
    if kind is list:  # neither an array nor a file, as most answers are
        return _of_plain(name, plain(value))
    if hasattr(kind, "detach") and hasattr(kind, "cpu"):  # a tensor of torch
        value = value.detach().cpu().numpy()
        kind = cast("type[object]", type(value))
    if is_array(kind):
        found = _of_array(name, value)
        if found is not None:
            return found
    content = content_of(value)
    if content is not None:
        return Output(name, TEXTS, [1], [content])
    return _of_plain(name, plain(value))


def _of_array(name: str, value: Any) -> Output | None:
    datatype = BY_NUMPY.get(value.dtype.newbyteorder("<").str.lstrip("<|"))
    shape = list(value.shape) or [1]
    if datatype is not None:
        return Output(name, datatype, shape, array=value)
    if value.dtype.kind == "U":
        return Output(name, TEXTS, shape, [str(one).encode() for one in value.reshape(-1).tolist()])
    return None


def _of_plain(name: str, value: Any) -> Output:
    """What is plain data: a tensor if it is a rectangle of one kind, else JSON, row by row."""
    shape: list[int] = []
    level: list[Any] = [value]
    while level and all(type(one) is list for one in level):
        lengths = set(map(len, cast("list[list[Any]]", level)))
        if len(lengths) > 1:
            break
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    kinds = set(map(type, level))
    datatype = _datatype_of(kinds, level)
    if datatype is None:
        rows = cast("list[Any]", value) if type(value) is list else [value]
        return Output(name, TEXTS, [len(rows)], [msgspec.json.encode(one) for one in rows])
    if datatype is TEXTS:
        level = [one.encode() for one in level]
    return Output(name, datatype, shape or [1], level)


def _datatype_of(kinds: set[type], level: list[Any]) -> Datatype | None:
    if kinds == {bool}:
        return BOOL
    if kinds == {str}:
        return TEXTS
    if kinds == {int}:
        return INT64 if INT64.least <= min(level) and max(level) <= INT64.most else None
    if kinds and kinds <= {int, float}:
        return FP64
    return FP64 if not level else None


def chosen(outputs: list[Output], asked: list[Asked] | None) -> list[Output]:
    """Those that were asked for, in that order. Raises `BadRequest` for one that there is not."""
    if asked is None:
        return outputs
    there = {one.name: one for one in outputs}
    found: list[Output] = []
    for one in asked:
        output = there.get(one.name)
        if output is None:
            raise BadRequest(f"there is no output {one.name[:SHOWN]!r}; there is: {', '.join(there)[:1000]}")
        found.append(_classified(output, one.classes) if one.classes else output)
    return found


def _classified(output: Output, classes: int) -> Output:
    """The largest values of each row, as texts `value:index`. Source: Triton's classification extension."""
    if output.datatype.kind not in ("int", "float"):
        raise BadRequest(f"the output {output.name[:SHOWN]!r} of {output.datatype.name} has no classes")
    width = output.shape[-1]
    rows = math.prod(output.shape[:-1])
    flat = output.flat()
    count = min(classes, width)
    elements: list[bytes] = []
    for row in range(rows):
        values = flat[row * width : (row + 1) * width]
        largest = heapq.nlargest(count, range(width), key=values.__getitem__)
        elements += [f"{values[index]:f}:{index}".encode() for index in largest]
    return Output(output.name, TEXTS, [*output.shape[:-1], count], elements)


def body_of_answer(
    head: dict[str, Any],
    outputs: list[Output],
    binary: set[str],
    placed: dict[str, dict[str, Any]],
    json_of: Callable[[Any], bytes],
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON if the tensors in `binary` stand behind it.

    Those that are `placed` elsewhere have parameters that say where.
    """
    shown: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for output in outputs:
        one: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype.name,
            "shape": output.shape,
        }
        if output.name in placed:
            one["parameters"] = placed[output.name]
        elif output.name in binary:
            data = output.binary()
            one["parameters"] = {"binary_data_size": len(data)}
            behind.append(data)
        elif output.datatype is TEXTS:
            one |= _texts(output.flat())
        else:
            one["data"] = output.flat()
        shown.append(one)
    said = json_of({**head, "outputs": shown})
    return (b"".join([said, *behind]), len(said)) if binary else (said, None)


def _texts(elements: list[bytes]) -> dict[str, Any]:
    """Elements of BYTES in JSON: as texts, or as base64 if one of them is no UTF-8, in MLServer's words."""
    try:
        return {"data": [one.decode() for one in elements]}
    except UnicodeDecodeError:
        return {
            "parameters": {"content_type": "base64"},
            "data": [base64.b64encode(one).decode() for one in elements],
        }
